// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Cutting a paragraph into sentences, English and Chinese.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace legal {

/// No sentence is longer; a longer one is cut at a semicolon, a comma or a space.
inline constexpr std::size_t max_sentence_bytes = 1600;

/// The sentences of one paragraph (one line of text, single spaces), in order, trimmed, never empty.
/// Knows abbreviations, initials, decimals and closing quotes; Chinese ends at 。！？, and at ； after a
/// long clause.
std::vector<std::string> sentences_of(std::string_view paragraph);

/// True if the text ends as a sentence does: . ! ? 。！？, closing quotes and brackets aside.
bool ends_sentence(std::string_view text) noexcept;

}  // namespace legal
