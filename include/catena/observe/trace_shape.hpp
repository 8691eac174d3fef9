// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a trace must know of a plan whose runs are recorded.
#include <cstdint>
#include <string>
#include <vector>

namespace catena::detail {

/// What a step puts around what it runs.
enum class step_layer : std::uint8_t {
  none,      ///< nothing: it is the work itself, or runs other stages as they are
  queue,     ///< what it runs begins when it has waited
  admission, ///< the same, at a gate
  cache,     ///< what it runs is perhaps computed by somebody else
  attempts,  ///< one after the other, with pauses
  hedge,     ///< one beside the other
  race,      ///< the same, of several stages
  fallback,  ///< one instead of the other
  notify,    ///< it may wait for a person when what it runs has ended
  each,      ///< one for each item
  choice,    ///< one of several: a replica, a version, a branch
};

/// Whether a run that such a step has begun is a span of its own, also where it is no chain's.
[[nodiscard]] constexpr bool shows_its_runs(step_layer l) noexcept {
  return l == step_layer::attempts || l == step_layer::hedge || l == step_layer::race || l == step_layer::each;
}

/// The names in a trace of one plan's runs.
struct trace_shape {
  struct stage {
    std::string name;  ///< empty: it is a part of the stage around its plan
    step_layer layer = step_layer::none;
  };
  std::string name;
  bool is_chain = false;
  std::vector<stage> stages;
};

}  // namespace catena::detail
