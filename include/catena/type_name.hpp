// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What types are called in error texts.
#include <string_view>

namespace catena {

/// A type's name as the compiler spells it, for error texts.
template <class T>
[[nodiscard]] constexpr std::string_view type_name() noexcept {
  constexpr std::string_view function = __PRETTY_FUNCTION__;
  constexpr auto begin = function.find("T = ") + 4;
  constexpr auto end = function.find_first_of(";]", begin);
  return function.substr(begin, end - begin);
}

}  // namespace catena
