// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// JSON among what a model says around it.
#include <nlohmann/json.hpp>

#include <optional>
#include <string_view>

namespace catena::llm {

enum class json_root : std::uint8_t { object, array, any };

/// The JSON value in a text: all of it, what is between ``` marks, or the first that begins with a bracket. Nothing: there is none.
/// \param root  what it has to be where it is only a part of the text
[[nodiscard]] std::optional<nlohmann::json> json_in(std::string_view text, json_root root);

/// Whether the whole text is a JSON object.
[[nodiscard]] bool is_json_object(std::string_view text);

}  // namespace catena::llm
