// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Text that may be no UTF-8.
#include <catena/observe/json_text.hpp>

#include <string>
#include <string_view>

namespace catena::llm {

using catena::detail::utf8_length;
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
/// With U+FFFD in the place of each byte that belongs to no character.
[[nodiscard]] std::string as_utf8(std::string_view text);

}  // namespace catena::llm
