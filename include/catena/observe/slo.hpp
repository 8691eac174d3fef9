// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a chain's runs are promised to be.
#include <catena/time.hpp>

namespace catena {

/// A service level objective. What a caller cancels himself counts neither as good nor as bad.
struct slo {
  double success = 0;  ///< the share of runs that is answered, less than 1; zero: nothing is promised
  duration p99{};      ///< 99 of 100 answers come within this; zero: nothing is promised
};

}  // namespace catena
