// SPDX-License-Identifier: BSL-1.0
#include "utf8.hpp"

namespace catena::llm {
namespace {

bool is_in(char c, unsigned from, unsigned to) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= from && byte <= to;
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

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string as_utf8(std::string_view text) {
  std::string all;
  all.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    all += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return all;
}

}  // namespace catena::llm
