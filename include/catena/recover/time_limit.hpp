// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How long something may take.
#include <catena/time.hpp>

#include <chrono>
#include <stdexcept>

namespace catena {

/// Of a stage, or of one of its attempts.
struct time_limit {
  duration limit = std::chrono::seconds(1);  ///< more than 0
};

/// \errors std::invalid_argument
inline void check(const time_limit& options) {
  if (options.limit <= duration{}) throw std::invalid_argument("time_limit::limit must be more than 0");
}

}  // namespace catena
