// SPDX-License-Identifier: BSL-1.0
#include "request_parser.hpp"

#include "../letters.hpp"
#include "../message_parser.hpp"

#include <algorithm>

namespace catena::http::server {
namespace {

std::size_t count_of(const fields& all, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count_if(all.all(), [&](const fields::field& f) { return same_name(f.name, name); }));
}

}  // namespace

class request_parser::implementation final : public message_parser<true> {
 public:
  implementation(body_sink& sink, std::size_t max_head_bytes) : message_parser(sink, max_head_bytes, head.headers) {}

  request head;

 private:
  [[nodiscard]] const char* fault_of(char c, std::size_t n, bool begins_line) const noexcept override {
    if (n == 0 && !(c >= 'A' && c <= 'Z')) return "it is no HTTP";
    if (begins_line && (c == ' ' || c == '\t')) return "a line of its head continues the one before";
    return c == '\0' ? "there is a zero in its head" : nullptr;
  }
  void on_request_impl(boost::beast::http::verb, text method, text target, int version, error_code&) override {
    head.method.assign(method.data(), method.size());
    head.target.assign(target.data(), target.size());
    head.is_http_1_0 = version == 10;
  }
};

request_parser::request_parser(body_sink& sink, std::size_t max_head_bytes) : is_(std::make_unique<implementation>(sink, max_head_bytes)) {}
request_parser::request_parser(request_parser&&) noexcept = default;
request_parser& request_parser::operator=(request_parser&&) noexcept = default;
request_parser::~request_parser() = default;

taken_bytes request_parser::feed(std::string_view bytes) { return is_->feed(bytes); }

bool request_parser::has_head() const noexcept { return is_->is_header_done(); }
bool request_parser::is_done() const noexcept { return is_->is_done(); }
bool request_parser::has_body() const noexcept { return is_->chunked() || is_->announced != 0; }
std::uint64_t request_parser::announced_bytes() const noexcept { return is_->announced; }
bool request_parser::keeps_alive() const noexcept { return is_->keep_alive() && !is_->head.is_http_1_0; }
request& request_parser::head() noexcept { return is_->head; }

/// Beast takes a length that is said twice if both say the same, and goes by none of the codings but "chunked".
std::string request_parser::fault_of_head() const {
  const request& r = is_->head;
  const auto length = r.headers.find("content-length"), coding = r.headers.find("transfer-encoding");
  if (length && coding) return "it says both Content-Length and Transfer-Encoding";
  if (count_of(r.headers, "content-length") > 1 || count_of(r.headers, "transfer-encoding") > 1) return "it says twice where its body ends";
  if (length && !std::ranges::all_of(*length, is_digit)) return "its Content-Length is no number";
  if (coding && (r.is_http_1_0 || !same_name(*coding, "chunked"))) return "its Transfer-Encoding is not 'chunked'";
  const std::size_t hosts = count_of(r.headers, "host");
  if (hosts != 1) return hosts == 0 ? "it has no Host field" : "it has two Host fields";
  if (!r.target.starts_with('/')) return "what it asks for does not begin with '/'";
  const auto bad = std::ranges::find_if_not(r.target, [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
  return bad == r.target.end() ? "" : "what it asks for has a character that must be percent-encoded";
}

}  // namespace catena::http::server
