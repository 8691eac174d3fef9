// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Letters as HTTP sees them: ASCII, whatever the locale says.

namespace catena::http {

[[nodiscard]] constexpr char small_letter(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_letter_or_digit(char c) noexcept {
  const char s = small_letter(c);
  return (s >= 'a' && s <= 'z') || is_digit(c);
}

}  // namespace catena::http
