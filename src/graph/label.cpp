// SPDX-License-Identifier: BSL-1.0
#include "label.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace catena::graph {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";
constexpr std::string_view ellipsis = "\xE2\x80\xA6";

struct code_point {
  char32_t value;
  std::size_t size;  ///< in bytes; zero: the text is not UTF-8 here
};

code_point first_of(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return {0, 0};
  char32_t value = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {0, 0};
    value = (value << 6) | (byte(i) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = value >= 0xD800 && value <= 0xDFFF;
  return value < smallest[size] || value > 0x10FFFF || is_surrogate ? code_point{0, 0} : code_point{value, size};
}

bool is_space(char32_t c) noexcept { return c == ' ' || (c >= 0x09 && c <= 0x0D) || c == 0x85 || c == 0x2028 || c == 0x2029; }

/// Control characters, marks and overrides of direction, and what XML has no place for.
bool is_dropped(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x61C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF || (c & 0xFFFE) == 0xFFFE;
}

double width_of(char32_t c) noexcept {
  if (c >= 0x1100) return c >= 0x2000 && c < 0x2E80 ? 0.8 : 1.05;  // most of what lies there is as wide as high
  if (c >= 0x80) return 0.72;
  const auto letter = static_cast<char>(c);
  if (std::string_view("fijlrtI|!.,:;'()[] ").find(letter) != std::string_view::npos) return 0.38;
  if (std::string_view("mwMW@%").find(letter) != std::string_view::npos) return 1.0;
  if ((letter >= 'A' && letter <= 'Z') || std::string_view("+<>=~#&").find(letter) != std::string_view::npos) return 0.76;
  return 0.62;
}

/// Calls `use(code point, its bytes)` for each.
template <class Use>
void each_code_point(std::string_view text, Use use) {
  while (!text.empty()) {
    const code_point c = first_of(text);
    use(c.size == 0 ? char32_t{0xFFFD} : c.value, c.size == 0 ? replacement : text.substr(0, c.size));
    text.remove_prefix(std::max<std::size_t>(c.size, 1));
  }
}

}  // namespace

std::string showable(std::string_view text) {
  std::string shown;
  each_code_point(text, [&](char32_t c, std::string_view bytes) {
    if (is_space(c)) shown += ' ';
    else if (!is_dropped(c)) shown += bytes;
  });
  return shown;
}

double width_of(std::string_view showable) {
  double width = 0;
  each_code_point(showable, [&](char32_t c, std::string_view) { width += width_of(c); });
  return width;
}

std::string shortened(const std::string& showable, double width) {
  if (width_of(std::string_view(showable)) <= width) return showable;
  std::string kept;
  double left = width - width_of(ellipsis);
  bool is_full = false;
  each_code_point(showable, [&](char32_t c, std::string_view bytes) {
    left -= width_of(c);
    is_full = is_full || left < 0;
    if (!is_full) kept += bytes;
  });
  while (kept.ends_with(' ')) kept.pop_back();
  return kept + std::string(ellipsis);
}

std::string escaped_xml(std::string_view showable) {
  std::string safe;
  for (const char c : showable) {
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      case '\'': safe += "&#39;"; break;
      default: safe += c;
    }
  }
  return safe;
}

}  // namespace catena::graph
