// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Reads a value of some shape, and says what is wrong with it.
#include <catena/llm/shape.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace catena::llm {

/// Why a text has no value of a shape.
struct misread {
  std::string told;   ///< to the one who wrote the text: with the keys of maps
  std::string shown;  ///< to everybody else: nothing of what the text says
};

/// Nothing: it was read.
/// \param to  what is there is replaced; after a fault it is anything
[[nodiscard]] std::optional<misread> read_value(const detail::shape& of, std::string_view text, void* to);

}  // namespace catena::llm
