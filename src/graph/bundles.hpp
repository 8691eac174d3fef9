// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Stages that are alike in a picture: a hundred of them beside each other, each with its two lines, nobody could read.
#include <catena/graph/description.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena::graph {

/// Stages with the same inputs and for the same stages, where there are more of them than `most_alone`.
/// \return for each stage the first one of its bundle; itself, if it is in none
[[nodiscard]] std::vector<std::uint32_t> bundles_of(const description& d, std::size_t most_alone);

}  // namespace catena::graph
