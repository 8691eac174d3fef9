// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the parsers of responses and of requests share: Beast's parser, and what it is kept from. Included by these two alone, as it brings
/// Beast's headers.
#include "body_sink.hpp"

#include <catena/http/fields.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace catena::http {

/// \threads  unsafe
template <bool IsRequest>
class message_parser : public boost::beast::http::basic_parser<IsRequest> {
 protected:
  using base = boost::beast::http::basic_parser<IsRequest>;
  using text = boost::beast::string_view;
  using error_code = boost::system::error_code;

 public:
  /// \param headers  where the fields go: a member of the class that is derived
  message_parser(body_sink& sink, std::size_t max_head_bytes, fields& headers) : sink_(sink), headers_(headers), max_head_bytes_(max_head_bytes) {
    this->eager(true);
    this->header_limit(static_cast<std::uint32_t>(max_head_bytes + 8));  // where the bound is depends on how the bytes are split: ours comes first
    this->body_limit(boost::none);
  }

  [[nodiscard]] taken_bytes feed(std::string_view bytes) {
    taken_bytes sum;
    if (const char* const wrong = look_ahead(bytes)) {
      sum.why = wrong;
      sum.head_is_too_long = seen_ > max_head_bytes_;
      return sum;
    }
    // Of a head that is not whole, Beast sees what is wrong sooner or later, as it is split: who is asked answers the same in any case.
    if (IsRequest && !seen_head_) return sum;
    while (!this->is_done() && sum.bytes < bytes.size() && !would_fail_beast(bytes.substr(sum.bytes))) {
      error_code code;
      const std::size_t count = this->put(boost::asio::const_buffer(bytes.data() + sum.bytes, bytes.size() - sum.bytes), code);
      sum.bytes += count;
      looked_at_ -= std::min(looked_at_, count);
      // Nor does it find the end of a first line that is too short.
      if (code == boost::beast::http::error::need_more && (!IsRequest || this->is_header_done())) break;
      if (code) {
        sum.why = "it is no HTTP (" + code.message() + ")";
        break;
      }
    }
    return sum;
  }

  std::uint64_t announced = 0;  ///< how long the body will be, as far as the head says so

 protected:
  /// What is wrong with the n-th byte of a head, which begins a line or does not; null: nothing.
  [[nodiscard]] virtual const char* fault_of(char c, std::size_t n, bool begins_line) const noexcept = 0;

 private:
  /// Beast looks at a head when it is whole, or nearly so. What cannot become one is told at its first wrong byte, however they come, and
  /// one that is too long, at the first byte that is too much.
  /// Returns what is wrong, or nothing.
  const char* look_ahead(std::string_view bytes) noexcept {
    for (; looked_at_ < bytes.size() && !seen_head_; ++looked_at_) {
      const char c = bytes[looked_at_];
      if (const char* const wrong = fault_of(c, seen_, in_line_ == 0)) return wrong;
      if (++seen_ > max_head_bytes_) return "its head is too long";
      if (c == '\n' && last_ != '\r') return "a line of its head ends without CR";
      seen_head_ = c == '\n' && in_line_ == 0;
      if (c == '\n') in_line_ = 0;
      else in_line_ += c != '\r';
      last_ = c;
    }
    return nullptr;
  }
  /// Beast 1.81 asserts that there are five bytes where it has been given "0\r\n" as the first chunk, and then one more.
  [[nodiscard]] bool would_fail_beast(std::string_view bytes) const {
    return bytes.size() == 4 && bytes.starts_with("0\r\n") && this->is_header_done() && !seen_chunk_ && this->chunked();
  }

  void on_request_impl(boost::beast::http::verb, text, text, int, error_code&) override {}
  void on_response_impl(int, text, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field, text name, text value, error_code&) override {
    // What follows a body in chunks could be taken for what its head said.
    if (!this->is_header_done()) headers_.add({name.data(), name.size()}, {value.data(), value.size()});
  }
  void on_header_impl(error_code&) override {
    if (!this->is_done()) announced = this->content_length().value_or(0);
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(text bytes, error_code&) override {
    sink_.body_came({bytes.data(), bytes.size()});
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, text, error_code&) override { seen_chunk_ = true; }
  std::size_t on_chunk_body_impl(std::uint64_t, text bytes, error_code& code) override { return on_body_impl(bytes, code); }
  void on_finish_impl(error_code&) override {}

  body_sink& sink_;
  fields& headers_;
  const std::size_t max_head_bytes_;
  std::size_t looked_at_ = 0;  ///< of the bytes that are fed next
  std::size_t seen_ = 0;       ///< of the head
  std::size_t in_line_ = 0;
  char last_ = '\n';
  bool seen_head_ = false;
  bool seen_chunk_ = false;
};

}  // namespace catena::http
