// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/json_text.hpp>

#include <charconv>
#include <cmath>

namespace catena::detail {
namespace {

bool is_in(char c, unsigned from, unsigned to) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= from && byte <= to;
}

/// Stands for itself between quotes.
bool is_plain(char c) noexcept { return is_in(c, 0x20, 0x7F) && c != '"' && c != '\\'; }

void append_control(std::string& to, char c) {
  static constexpr char digits[] = "0123456789abcdef";
  switch (c) {
    case '"': to += "\\\""; return;
    case '\\': to += "\\\\"; return;
    case '\n': to += "\\n"; return;
    case '\r': to += "\\r"; return;
    case '\t': to += "\\t"; return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  to += "\\u00";
  to += digits[byte >> 4];
  to += digits[byte & 15];
}

template <class Number>
void append_digits(std::string& to, Number value) {
  char digits[32];
  to.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

}  // namespace

/// \source The Unicode Standard, table 3-7: no character in more bytes than it needs, no surrogates, nothing above U+10FFFF
std::size_t utf8_length(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  const unsigned from = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned to = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (!is_in(text[1], from, to)) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if (!is_in(text[i], 0x80, 0xBF)) return 0;
  return length;
}

std::string_view take_character(std::string_view& text) noexcept {
  const std::size_t length = utf8_length(text);
  const std::string_view taken = length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
  text.remove_prefix(length == 0 ? 1 : length);
  return taken;
}

void append_json_text(std::string& to, std::string_view text) {
  to += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    to += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const std::string_view next = take_character(text);
    if (next.size() == 1) append_control(to, next[0]);
    else to += next;
  }
  to += '"';
}

void append_json_number(std::string& to, std::int64_t value) { append_digits(to, value); }

void append_json_number(std::string& to, double value) {
  if (std::isfinite(value)) append_digits(to, value);
  else to += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

}  // namespace catena::detail
