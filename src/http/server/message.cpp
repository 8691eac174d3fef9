// SPDX-License-Identifier: BSL-1.0
#include "message.hpp"

#include "../letters.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace catena::http::server {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 19> reasons{{{100, "Continue"},
                                                                    {200, "OK"},
                                                                    {202, "Accepted"},
                                                                    {204, "No Content"},
                                                                    {400, "Bad Request"},
                                                                    {401, "Unauthorized"},
                                                                    {403, "Forbidden"},
                                                                    {404, "Not Found"},
                                                                    {405, "Method Not Allowed"},
                                                                    {408, "Request Timeout"},
                                                                    {409, "Conflict"},
                                                                    {413, "Content Too Large"},
                                                                    {417, "Expectation Failed"},
                                                                    {421, "Misdirected Request"},
                                                                    {422, "Unprocessable Content"},
                                                                    {431, "Request Header Fields Too Large"},
                                                                    {500, "Internal Server Error"},
                                                                    {501, "Not Implemented"},
                                                                    {503, "Service Unavailable"}}};

std::string_view reason_of(int status) noexcept {
  const auto found = std::ranges::find(reasons, status, &std::pair<int, std::string_view>::first);
  return found == reasons.end() ? std::string_view("Status") : found->second;
}

void add_field(std::string& text, std::string_view name, std::string_view value) {
  if (!valid_field(name, value)) return;
  text.append(name).append(": ").append(value).append("\r\n");
}

int digit_of(char c) noexcept {
  const char small = small_letter(c);
  return is_digit(c) ? c - '0' : small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

}  // namespace

std::string_view request::query() const noexcept {
  const std::size_t mark = target.find('?');
  return mark == target.npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::optional<std::string> request::parameter(std::string_view key) const {
  for (std::string_view rest = query(); !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const std::size_t equals = std::min(one.find('='), one.size());
    if (percent_decoded(one.substr(0, equals)) == key) return percent_decoded(one.substr(std::min(one.size(), equals + 1)));
  }
  return std::nullopt;
}

answer error_answer(int status, std::string_view text) {
  const nlohmann::json all{{"error", text}};
  return {.status = status, .body = all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

std::string text_of(const answer& a, body_sent body, after_answer then) {
  std::string text;
  text.reserve(512 + a.body.size());
  text.append("HTTP/1.1 ").append(std::to_string(a.status)).append(" ").append(reason_of(a.status)).append("\r\n");
  add_field(text, "Content-Type", a.content_type);
  add_field(text, "Content-Length", std::to_string(a.body.size()));
  add_field(text, "Cache-Control", "no-store");
  add_field(text, "Content-Security-Policy", a.content_security_policy);
  add_field(text, "Referrer-Policy", "no-referrer");
  add_field(text, "X-Content-Type-Options", "nosniff");
  for (const fields::field& f : a.headers.all()) add_field(text, f.name, f.value);
  if (then == after_answer::connection_ends) add_field(text, "Connection", "close");
  text.append("\r\n");
  if (body == body_sent::yes) text.append(a.body);
  return text;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string all;
  all.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3 || digit_of(text[i + 1]) < 0 || digit_of(text[i + 2]) < 0) return std::nullopt;
      c = static_cast<char>(digit_of(text[i + 1]) * 16 + digit_of(text[i + 2]));
      i += 2;
    }
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return std::nullopt;
    all += c;
  }
  return all;
}

}  // namespace catena::http::server
