// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What comes over one connection: bytes in, requests out.
#include "request_parser.hpp"
#include "service.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace catena::http::server {

/// How long requests may be.
struct request_bounds {
  std::size_t head_bytes = 16384;
  std::size_t body_bytes = 1 << 20;
};

enum class request_step : std::uint8_t {
  more,      ///< more bytes must come
  go_ahead,  ///< the same, and the other end waits to be told (100 Continue)
  whole,     ///< asked() is to be served
  refused    ///< refusal() is to be answered
};

/// Decides what the bytes mean, one request after the other. What comes of them does not depend on how they are split.
/// \threads  unsafe
class request_reader final : body_sink {
 public:
  request_reader(const service& offered, const request_bounds& bounds);

  /// Where the next bytes go.
  [[nodiscard]] std::span<char> room();
  /// So many have come there.
  [[nodiscard]] request_step came(std::size_t bytes);
  /// The last request has been answered: looks for the next one in what has come already.
  [[nodiscard]] request_step next();

  /// Whether nothing of a request has come yet.
  [[nodiscard]] bool is_idle() const noexcept { return !begun_; }
  [[nodiscard]] bool has_head() const noexcept { return parser_.has_head(); }
  [[nodiscard]] const request& asked() noexcept { return parser_.head(); }
  [[nodiscard]] answer& refusal() noexcept { return refusal_; }
  /// Whether another request may follow the answer to this one.
  [[nodiscard]] bool keeps_connection() const noexcept { return !ends_ && parser_.keeps_alive(); }
  /// Of the last one.
  [[nodiscard]] body_sent sends_body() noexcept { return asked().is_head() ? body_sent::no : body_sent::yes; }

 private:
  [[nodiscard]] request_step parse();
  [[nodiscard]] request_step refuse(answer with);
  void judge();
  void body_came(std::string_view bytes) override;

  const service& offered_;
  const request_bounds bounds_;
  request_parser parser_;
  std::unique_ptr<char[]> buffer_;
  std::size_t buffer_size_ = 0;
  std::size_t unparsed_ = 0;  ///< where that begins in the buffer
  std::size_t end_ = 0;
  bool begun_ = false;        ///< something of it has come
  bool judged_ = false;
  bool is_refused_ = false;
  bool ends_ = false;         ///< the connection is of no use after the answer
  bool expects_word_ = false; ///< the other end waits before it sends its body
  bool too_large_ = false;
  answer refusal_;
};

}  // namespace catena::http::server
