// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// When a stage tells somebody that it failed.
#include <catena/error.hpp>

#include <functional>

namespace catena {

struct notify_options {
  /// Which failures are told and kept as dead letters; empty: all. One for which this throws is told.
  std::function<bool(const failure&)> when = {};
};

}  // namespace catena
