// SPDX-License-Identifier: BSL-1.0
#include "request_text.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace catena::http {
namespace {

/// What says where a request ends and who it goes to is said by the client alone: said twice, it could be read in two ways.
constexpr std::array<std::string_view, 10> own_fields{"host",    "content-length", "transfer-encoding", "connection",       "keep-alive",
                                                      "upgrade", "expect",         "te",                "proxy-connection", "proxy-authorization"};

bool is_own(std::string_view name) noexcept {
  return std::ranges::any_of(own_fields, [&](std::string_view own) { return same_name(own, name); });
}

void add_line(std::string& text, std::string_view name, std::string_view value) { text.append(name).append(": ").append(value).append("\r\n"); }

}  // namespace

failure fault_of(const request& what) {
  if (what.method.empty() || !std::ranges::all_of(what.method, [](char c) { return c >= 'A' && c <= 'Z'; }))
    return {errc::invalid_input, "a request's method is a word in capital letters"};
  if (what.method == "CONNECT") return {errc::invalid_input, "the method CONNECT is the client's own, see client_options::proxy"};
  if (const auto valid = what.headers.valid(); !valid) return valid.error();
  for (const fields::field& f : what.headers.all())
    if (is_own(f.name)) return {errc::invalid_input, "the header field '" + f.name + "' is written by the client"};
  if (!what.accept.empty() && what.headers.find("accept")) return {errc::invalid_input, "the header field 'Accept' is given twice: as request::accept, too"};
  const auto valid = valid_field("Accept", what.accept);
  return valid ? failure() : valid.error();
}

std::string text_of(const request& what) {
  std::string text;
  text.reserve(512 + what.body.size());
  text.append(what.method).append(" ").append(what.target.target()).append(" HTTP/1.1\r\n");
  add_line(text, "Host", what.target.authority());
  if (!what.headers.find("user-agent")) add_line(text, "User-Agent", "catena");
  if (what.connection == afterwards::closed) add_line(text, "Connection", "close");
  if (!what.accept.empty()) add_line(text, "Accept", what.accept);
  for (const fields::field& f : what.headers.all()) add_line(text, f.name, f.value);
  if (!what.body.empty() || what.method == "POST" || what.method == "PUT" || what.method == "PATCH")
    add_line(text, "Content-Length", std::to_string(what.body.size()));
  text.append("\r\n").append(what.body);
  return text;
}

bool is_repeatable(std::string_view method) noexcept {
  static constexpr std::array<std::string_view, 6> repeatable{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  return std::ranges::find(repeatable, method) != repeatable.end();
}

std::string connect_text(const url& target, std::string_view authorization) {
  const std::string to = target.host_and_port();
  std::string text = "CONNECT " + to + " HTTP/1.1\r\n";
  add_line(text, "Host", to);
  if (!authorization.empty()) add_line(text, "Proxy-Authorization", authorization);
  text.append("\r\n");
  return text;
}

}  // namespace catena::http
