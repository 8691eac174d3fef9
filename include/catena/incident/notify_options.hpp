// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// When a stage tells somebody that it failed.
#include <catena/incident/decision.hpp>

#include <functional>
#include <optional>

namespace catena {

struct notify_options {
  /// Which failures are told and kept as dead letters; empty: all. One for which this throws is told.
  std::function<bool(const failure&)> when = {};
  /// Then the run waits for a decision instead of failing; nothing: it fails at once.
  std::optional<park_options> park = {};
};

}  // namespace catena
