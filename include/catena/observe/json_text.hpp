// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// JSON that is written piece by piece, without a tree of it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace catena::detail {

/// How many bytes the character takes that `text` begins with; zero: none begins there.
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;

/// The character that `text` begins with, which it loses; U+FFFD in the place of a byte that belongs to none. It must not be empty.
[[nodiscard]] std::string_view take_character(std::string_view& text) noexcept;

/// Appends a string with its quotes, and U+FFFD in the place of each byte that belongs to no character.
void append_json_text(std::string& to, std::string_view text);
void append_json_number(std::string& to, std::int64_t value);
/// As short as it can be read back; what JSON has no number for as a string: "NaN", "Infinity", "-Infinity".
void append_json_number(std::string& to, double value);

}  // namespace catena::detail
