// SPDX-License-Identifier: BSL-1.0
#include "response_parser.hpp"

#include "message_parser.hpp"

namespace catena::http {

class response_parser::implementation final : public message_parser<false> {
 public:
  implementation(body_sink& sink, std::size_t max_head_bytes, body_follows body) : message_parser(sink, max_head_bytes, head.headers) {
    skip(body == body_follows::never);
  }

  response_head head;

 private:
  [[nodiscard]] const char* fault_of(char c, std::size_t n, bool) const noexcept override {
    static constexpr std::string_view version = "HTTP/1.";
    return n < version.size() && c != version[n] ? "it is no HTTP" : nullptr;
  }
  void on_response_impl(int code, text reason, int, error_code&) override {
    head.status = code;
    head.reason.assign(reason.data(), reason.size());
  }
};

response_parser::response_parser(body_sink& sink, std::size_t max_head_bytes, body_follows body)
    : is_(std::make_unique<implementation>(sink, max_head_bytes, body)) {}
response_parser::response_parser(response_parser&&) noexcept = default;
response_parser& response_parser::operator=(response_parser&&) noexcept = default;
response_parser::~response_parser() = default;

taken_bytes response_parser::feed(std::string_view bytes) { return is_->feed(bytes); }

std::string response_parser::end() {
  if (!is_->got_some()) return "nothing came";
  boost::system::error_code code;
  is_->put_eof(code);
  return code ? "it was cut off" : "";
}

bool response_parser::has_head() const noexcept { return is_->is_header_done(); }
bool response_parser::is_done() const noexcept { return is_->is_done(); }
std::uint64_t response_parser::announced_bytes() const noexcept { return is_->announced; }
bool response_parser::keeps_alive() const noexcept { return is_->keep_alive(); }
response_head& response_parser::head() noexcept { return is_->head; }

}  // namespace catena::http
