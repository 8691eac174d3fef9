// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Text that may be no UTF-8.
#include <string>
#include <string_view>

namespace catena::llm {

/// How many bytes the character takes that `text` begins with; zero: none begins there.
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
/// With U+FFFD in the place of each byte that belongs to no character.
[[nodiscard]] std::string as_utf8(std::string_view text);

}  // namespace catena::llm
