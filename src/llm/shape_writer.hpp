// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Writes a value of some shape, and the schema of a shape.
#include <catena/llm/shape.hpp>

#include <nlohmann/json.hpp>

#include <string>

namespace catena::llm {

/// Fields keep their order: a model writes them in that of the schema, and thinks before it decides if they are so described.
[[nodiscard]] nlohmann::ordered_json written(const detail::shape& of, const void* value);
[[nodiscard]] nlohmann::ordered_json schema_of_shape(const detail::shape& of);

/// Whether a value of it has fields that no schema names, which the strictest servers do not take.
[[nodiscard]] bool has_maps(const detail::shape& of);

}  // namespace catena::llm
