// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Responses out of bytes; Beast's parser, kept where nobody else pays for its headers.
#include "body_sink.hpp"

#include <catena/http/message.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace catena::http {

/// Whether a body belongs to the response at all.
enum class body_follows : bool { never, as_its_head_says };

/// \threads  unsafe
class response_parser {
 public:
  response_parser(body_sink& sink, std::size_t max_head_bytes, body_follows body);
  response_parser(response_parser&&) noexcept;
  response_parser& operator=(response_parser&&) noexcept;
  ~response_parser();

  [[nodiscard]] taken_bytes feed(std::string_view bytes);
  /// The stream has ended. Says what is missing, if anything is.
  [[nodiscard]] std::string end();

  [[nodiscard]] bool has_head() const noexcept;
  [[nodiscard]] bool is_done() const noexcept;
  /// How long the body will be, where the head says so; zero: it does not, or there is none.
  [[nodiscard]] std::uint64_t announced_bytes() const noexcept;
  /// Whether the connection can take another request once the response is done.
  [[nodiscard]] bool keeps_alive() const noexcept;
  [[nodiscard]] response_head& head() noexcept;

 private:
  class implementation;
  std::unique_ptr<implementation> is_;
};

}  // namespace catena::http
