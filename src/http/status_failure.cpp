// SPDX-License-Identifier: BSL-1.0
#include "status_failure.hpp"

#include <algorithm>

namespace catena::http {
namespace {

errc code_of(int status) noexcept {
  switch (status) {
    case 401:
    case 402:
    case 403:
    case 404:
    case 407:
    case 451:
    case 501: return errc::refused;
    case 408:
    case 409:
    case 425:
    case 429: return errc::busy;
    default: break;
  }
  if (status >= 500) return errc::busy;
  // A redirect: what was asked is elsewhere, as far as the server is right.
  return status < 400 ? errc::refused : errc::invalid_input;
}

/// The type of the content without its parameters.
std::string_view content_type(const response_head& head) noexcept {
  std::string_view type = head.headers.find("content-type").value_or("");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type;
}

std::string what_it_says(const request& asked, const response_head& head, std::string_view body) {
  const std::string said = shown(body, asked.headers, body_told);
  if (said.empty()) return ", and says nothing more";
  return (same_name(content_type(head), "text/html") ? ", with a page of HTML: " : ": ") + said;
}

std::string where_to(const request& asked, const response_head& head) {
  const auto location = head.headers.find("location");
  if (!location) return " to nowhere";
  if (location->starts_with('/') && !location->starts_with("//")) return " to another path of the same server";
  const auto target = url::parse(*location, cleartext::anywhere);
  return target ? " to " + shown(target->origin(), asked.headers, body_told) : " to something that is no URL";
}

}  // namespace

failure status_failure(const request& asked, const response_head& head, std::string_view body, wall_time now) {
  std::string text = asked.target.host() + " answers " + std::to_string(head.status);
  if (!head.reason.empty()) text += " " + shown(head.reason, asked.headers, 60);
  if (head.status == 402) text += " (nothing is left on the account)";
  const bool redirect = head.status >= 300 && head.status < 400 && head.status != 304;
  text += redirect ? ", a redirect" + where_to(asked, head) + ", which is not followed" : what_it_says(asked, head, body);
  failure why(code_of(head.status), std::move(text));

  const auto again = head.headers.find("retry-after");
  if (!again) return why;
  // By the server's own clock, where it tells it: ours may be another.
  const wall_time then = parse_date(head.headers.find("date").value_or(""), now).value_or(now);
  const auto wait = parse_retry_after(*again, then);
  return wait ? why.with_retry_after(*wait) : why;
}

bool is_unexpected(const request& asked, const response_head& head) noexcept {
  return !asked.accept.empty() && !same_name(content_type(head), asked.accept);
}

failure content_failure(const request& asked, const response_head& head, std::string_view body) {
  if (!is_unexpected(asked, head)) return {};
  const std::string_view type = content_type(head);
  return {errc::bad_response, asked.target.host() + " answers with " + (type.empty() ? "content of no type" : shown(type, asked.headers, 60)) + " instead of " +
                                  asked.accept + what_it_says(asked, head, body)};
}

}  // namespace catena::http
