// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Just enough Unicode for legal text: reading code points, and the classes that splitting needs.
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace legal {

struct code_point {
  char32_t value = 0;
  std::size_t size = 0;  ///< bytes; zero only at the end of the text
};

/// The code point that starts at byte `at`; a stray byte reads as U+FFFD of one byte.
code_point code_point_at(std::string_view text, std::size_t at) noexcept;

/// The last code point before byte `end`.
code_point code_point_before(std::string_view text, std::size_t end) noexcept;

/// The first byte that is not UTF-8 (overlong forms and surrogates count), or npos.
std::size_t find_invalid_utf8(std::string_view text) noexcept;

bool is_cjk(char32_t c) noexcept;     ///< ideographs, kana and hangul; not punctuation
bool is_letter(char32_t c) noexcept;  ///< of an alphabet with spaces between words
bool is_upper(char32_t c) noexcept;
bool is_digit(char32_t c) noexcept;  ///< ASCII and full-width digits
char32_t to_lower(char32_t c) noexcept;

void append(std::string& out, char32_t c);

/// The parts in one string. ("literal" + std::string draws a false -Wrestrict from g++ 12 at -O3.)
std::string concat(std::initializer_list<std::string_view> parts);

/// Lower case, code point by code point; the length in bytes is kept for all letters handled.
std::string lower(std::string_view text);

/// Without white space at both ends, the ideographic and no-break spaces included.
std::string_view trim(std::string_view text) noexcept;

/// What a reader sees as length: a code point is one column, an ideograph two.
std::size_t columns(std::string_view text) noexcept;

/// Words separated by spaces; an ideograph counts as half a word.
std::size_t count_words(std::string_view text) noexcept;

}  // namespace legal
