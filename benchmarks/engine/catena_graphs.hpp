// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The benchmark's graphs as catena chains.
#include <catena/chain.hpp>

#include <cstdint>

#include "graphs.hpp"

namespace engine {

using int_chain = catena::chain<std::int64_t, std::int64_t>;

inline constexpr std::size_t no_stage = static_cast<std::size_t>(-1);

/// Writes the graph down, one stage after the other. The stage `suspending` hops through the runtime's ready queue.
[[nodiscard]] int_chain to_chain(const catena::runtime& rt, const dag& g, std::size_t suspending = no_stage);

}  // namespace engine
