// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Requests out of bytes; Beast's parser, and what it is too lenient about.
#include "../body_sink.hpp"
#include "message.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace catena::http::server {

/// Takes one request. Whatever two servers could read in two ways is no request: lines that end otherwise than by CR LF or are continued,
/// a body whose length is said twice.
/// \threads  unsafe
class request_parser {
 public:
  request_parser(body_sink& sink, std::size_t max_head_bytes);
  request_parser(request_parser&&) noexcept;
  request_parser& operator=(request_parser&&) noexcept;
  ~request_parser();

  [[nodiscard]] taken_bytes feed(std::string_view bytes);

  [[nodiscard]] bool has_head() const noexcept;
  [[nodiscard]] bool is_done() const noexcept;
  /// What is wrong with a head that is here; empty: nothing.
  [[nodiscard]] std::string fault_of_head() const;
  /// Whether the head says that a body follows, and how long it will be, as far as that is known.
  [[nodiscard]] bool has_body() const noexcept;
  [[nodiscard]] std::uint64_t announced_bytes() const noexcept;
  /// Whether the connection may take another request.
  [[nodiscard]] bool keeps_alive() const noexcept;
  /// Method, target, version and fields.
  [[nodiscard]] request& head() noexcept;

 private:
  class implementation;
  std::unique_ptr<implementation> is_;
};

}  // namespace catena::http::server
