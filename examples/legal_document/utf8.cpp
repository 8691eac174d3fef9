// SPDX-License-Identifier: BSL-1.0
#include "utf8.hpp"

namespace legal {
namespace {

bool in(char32_t c, char32_t low, char32_t high) noexcept { return c >= low && c <= high; }

bool is_space(char32_t c) noexcept {
  return c == ' ' || in(c, 9, 13) || c == 0xA0 || c == 0x3000 || in(c, 0x2000, 0x200B) || c == 0xFEFF;
}

std::size_t length_by_lead(unsigned char lead) noexcept {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

/// A whole, shortest-form code point; size zero when the bytes at `at` are none.
code_point strict_code_point(std::string_view text, std::size_t at) noexcept {
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t size = length_by_lead(lead);
  if (size == 1) return {lead, 1};
  if (size == 0 || at + size > text.size()) return {};
  char32_t value = lead & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[at + i]);
    if ((byte & 0xC0u) != 0x80u) return {};
    value = (value << 6) | (byte & 0x3Fu);
  }
  if (value < smallest[size] || in(value, 0xD800, 0xDFFF) || value > 0x10FFFF) return {};
  return {value, size};
}

}  // namespace

code_point code_point_at(std::string_view text, std::size_t at) noexcept {
  if (at >= text.size()) return {};
  const code_point read = strict_code_point(text, at);
  return read.size == 0 ? code_point{0xFFFD, 1} : read;
}

code_point code_point_before(std::string_view text, std::size_t end) noexcept {
  if (end == 0) return {};
  std::size_t at = end - 1;
  while (at > 0 && end - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0u) == 0x80u) --at;
  return code_point_at(text, at);
}

std::size_t find_invalid_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const code_point read = strict_code_point(text, at);
    if (read.size == 0) return at;
    at += read.size;
  }
  return std::string_view::npos;
}

bool is_cjk(char32_t c) noexcept {
  return in(c, 0x4E00, 0x9FFF) || in(c, 0x3400, 0x4DBF) || in(c, 0x3041, 0x30FF) || in(c, 0xAC00, 0xD7A3) ||
         in(c, 0xF900, 0xFAFF) || in(c, 0x20000, 0x2FA1F) || c == 0x3005 || c == 0x3007;
}

bool is_letter(char32_t c) noexcept {
  return in(c, 'a', 'z') || in(c, 'A', 'Z') || (in(c, 0xC0, 0x24F) && c != 0xD7 && c != 0xF7) || in(c, 0x370, 0x3FF) ||
         in(c, 0x400, 0x52F) || in(c, 0x5D0, 0x5EA) || in(c, 0x620, 0x64A) || in(c, 0x1E00, 0x1EFF);
}

bool is_upper(char32_t c) noexcept { return is_letter(c) && to_lower(c) != c; }

bool is_digit(char32_t c) noexcept { return in(c, '0', '9') || in(c, 0xFF10, 0xFF19); }

char32_t to_lower(char32_t c) noexcept {
  if (in(c, 'A', 'Z') || (in(c, 0xC0, 0xDE) && c != 0xD7) || in(c, 0x391, 0x3A9) || in(c, 0x410, 0x42F)) return c + 32;
  if (in(c, 0x400, 0x40F)) return c + 80;
  if ((in(c, 0x100, 0x137) || in(c, 0x14A, 0x177) || in(c, 0x1E00, 0x1EFF)) && c % 2 == 0) return c + 1;
  if ((in(c, 0x139, 0x148) || in(c, 0x179, 0x17E)) && c % 2 == 1) return c + 1;
  return c;
}

void append(std::string& out, char32_t c) {
  const auto tail = [](char32_t bits) { return static_cast<char>(0x80u | (bits & 0x3Fu)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0u | (c >> 6));
    out += tail(c);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0u | (c >> 12));
    out += tail(c >> 6);
    out += tail(c);
  } else {
    out += static_cast<char>(0xF0u | (c >> 18));
    out += tail(c >> 12);
    out += tail(c >> 6);
    out += tail(c);
  }
}

std::string concat(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) all += part;
  return all;
}

std::string lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const code_point read = code_point_at(text, at);
    append(out, to_lower(read.value));
    at += read.size;
  }
  return out;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty()) {
    const code_point first = code_point_at(text, 0);
    if (!is_space(first.value)) break;
    text.remove_prefix(first.size);
  }
  while (!text.empty()) {
    const code_point last = code_point_before(text, text.size());
    if (!is_space(last.value)) break;
    text.remove_suffix(last.size);
  }
  return text;
}

std::size_t columns(std::string_view text) noexcept {
  std::size_t total = 0;
  for (std::size_t at = 0; at < text.size();) {
    const code_point read = code_point_at(text, at);
    total += (is_cjk(read.value) || in(read.value, 0x3000, 0x303F) || in(read.value, 0xFF01, 0xFF5E)) ? 2 : 1;
    at += read.size;
  }
  return total;
}

std::size_t count_words(std::string_view text) noexcept {
  std::size_t words = 0;
  std::size_t ideographs = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const code_point read = code_point_at(text, at);
    at += read.size;
    if (is_cjk(read.value)) {
      ++ideographs;
      inside = false;
    } else if (is_space(read.value)) {
      inside = false;
    } else if (!inside && (is_letter(read.value) || is_digit(read.value))) {
      inside = true;
      ++words;
    }
  }
  return words + (ideographs + 1) / 2;
}

}  // namespace legal
