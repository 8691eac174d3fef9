// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A string that can be a template argument, so that a stage's name can stand in an error message.
#include <cstddef>
#include <string_view>

namespace catena {

template <std::size_t N>
struct fixed_string {
  char text[N] = {};
  consteval fixed_string() = default;
  consteval fixed_string(const char (&literal)[N]) {  // NOLINT: stage<"rules"> needs the conversion
    for (std::size_t i = 0; i < N; ++i) text[i] = literal[i];
  }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {text, N - 1}; }
};

}  // namespace catena
