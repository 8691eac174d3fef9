// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Server-sent events the slow way: all of a stream at once, and no bound.
#include <catena/http/sse_parser.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace catena::test {

/// What a parser finds, one text for each: "type|id|data", or "alive".
inline std::vector<std::string> plain_sse(std::string text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  std::vector<std::string> found;
  std::string data, type, id;
  for (std::size_t at = 0, end = 0; (end = text.find_first_of("\r\n", at)) != text.npos; at = end + 1 + (text.compare(end, 2, "\r\n") == 0)) {
    const std::string line = text.substr(at, end - at);
    const std::string name = line.substr(0, line.find(':'));
    std::string value = line.size() > name.size() ? line.substr(name.size() + 1) : "";
    if (value.starts_with(' ')) value.erase(0, 1);
    if (line.empty()) {
      found.push_back(data.empty() ? "alive" : (type.empty() ? "message" : type) + "|" + id + "|" + data.substr(0, data.size() - 1));
      data = type = "";
    } else if (name.empty()) found.push_back("alive");
    else if (name == "data") data += value + "\n";
    else if (name == "event") type = value;
    else if (name == "id" && value.find('\0') == value.npos) id = value;
  }
  return found;
}

/// The same of a parser that gets the text in pieces; `cut` says how long the next one is, of so many bytes that are left.
template <class Cut>
std::vector<std::string> parsed_sse(http::sse_parser& parser, std::string_view text, Cut cut) {
  std::vector<std::string> found;
  while (!text.empty()) {
    std::string piece(text.substr(0, cut(text.size())));  // of its own, so that the sanitizer sees who looks beyond it
    text.remove_prefix(piece.size());
    std::string_view left = piece;
    for (;;) {
      const http::sse_token token = parser.parse(left);
      if (token == http::sse_token::more) break;
      if (token == http::sse_token::too_large) return found.push_back("too large"), found;
      if (token == http::sse_token::alive) {
        found.push_back("alive");
        continue;
      }
      const http::sse_event e = parser.event();
      found.push_back(std::string(e.type) + "|" + std::string(e.id) + "|" + std::string(e.data));
    }
  }
  return found;
}

}  // namespace catena::test
