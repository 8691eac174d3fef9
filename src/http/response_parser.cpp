// SPDX-License-Identifier: BSL-1.0
#include "response_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>

namespace catena::http {
namespace beast = boost::beast::http;
using boost::system::error_code;

class response_parser::implementation final : public beast::basic_parser<false> {
 public:
  implementation(body_sink& sink, std::size_t max_head_bytes, body_follows body) : sink_(sink), max_head_bytes_(max_head_bytes) {
    eager(true);
    header_limit(static_cast<std::uint32_t>(max_head_bytes + 8));  // where the bound is depends on how the bytes are split: ours comes first
    body_limit(boost::none);
    skip(body == body_follows::never);
  }

  /// Beast looks at a head when it is whole, or nearly so. What cannot become one is told at its first wrong byte, however they come, and
  /// one that is too long, at the first byte that is too much.
  /// Returns what is wrong, or nothing.
  const char* look_ahead(std::string_view bytes) noexcept {
    for (; looked_at_ < bytes.size() && !seen_head_; ++looked_at_) {
      const char c = bytes[looked_at_];
      if (seen_ < version.size() && c != version[seen_]) return "it is no HTTP";
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
    return bytes.size() == 4 && bytes.starts_with("0\r\n") && is_header_done() && !seen_chunk_ && chunked();
  }
  void took(std::size_t bytes) noexcept { looked_at_ -= std::min(looked_at_, bytes); }

  response_head head;
  std::uint64_t announced = 0;

 private:
  static constexpr std::string_view version = "HTTP/1.";
  using text = boost::beast::string_view;
  void on_request_impl(beast::verb, text, text, int, error_code&) override {}
  void on_response_impl(int code, text reason, int, error_code&) override {
    head.status = code;
    head.reason.assign(reason.data(), reason.size());
  }
  void on_field_impl(beast::field, text name, text value, error_code&) override {
    // What follows a body in chunks could be taken for what its head said.
    if (!is_header_done()) head.headers.add({name.data(), name.size()}, {value.data(), value.size()});
  }
  void on_header_impl(error_code&) override {
    if (!is_done()) announced = content_length().value_or(0);
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
  const std::size_t max_head_bytes_;
  std::size_t looked_at_ = 0;  ///< of the bytes that are fed next
  std::size_t seen_ = 0;       ///< of the head
  std::size_t in_line_ = 0;
  char last_ = '\n';
  bool seen_head_ = false;
  bool seen_chunk_ = false;
};

response_parser::response_parser(body_sink& sink, std::size_t max_head_bytes, body_follows body)
    : is_(std::make_unique<implementation>(sink, max_head_bytes, body)) {}
response_parser::response_parser(response_parser&&) noexcept = default;
response_parser& response_parser::operator=(response_parser&&) noexcept = default;
response_parser::~response_parser() = default;

response_parser::taken response_parser::feed(std::string_view bytes) {
  taken sum;
  if (const char* const wrong = is_->look_ahead(bytes)) {
    sum.why = wrong;
    return sum;
  }
  while (!is_->is_done() && sum.bytes < bytes.size() && !is_->would_fail_beast(bytes.substr(sum.bytes))) {
    error_code code;
    const std::size_t count = is_->put(boost::asio::const_buffer(bytes.data() + sum.bytes, bytes.size() - sum.bytes), code);
    sum.bytes += count;
    is_->took(count);
    if (code == beast::error::need_more) break;
    if (code) {
      sum.why = "it is no HTTP (" + code.message() + ")";
      break;
    }
  }
  return sum;
}

std::string response_parser::end() {
  if (!is_->got_some()) return "nothing came";
  error_code code;
  is_->put_eof(code);
  return code ? "it was cut off" : "";
}

bool response_parser::has_head() const noexcept { return is_->is_header_done(); }
bool response_parser::is_done() const noexcept { return is_->is_done(); }
std::uint64_t response_parser::announced_bytes() const noexcept { return is_->announced; }
bool response_parser::keeps_alive() const noexcept { return is_->keep_alive(); }
response_head& response_parser::head() noexcept { return is_->head; }

}  // namespace catena::http
