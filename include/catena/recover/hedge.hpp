// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// When another attempt begins beside one that takes long.
#include <catena/recover/latency_histogram.hpp>
#include <catena/recover/retry_budget.hpp>

#include <cstddef>
#include <optional>

namespace catena {

struct hedge_options {
  double quantile = 0.95;         ///< another attempt begins when the last one takes longer than so many did, 0.5 to 0.999
  std::size_t extra = 1;          ///< attempts beside the first one, 1 to 3
  std::size_t least_count = 100;  ///< answers that must have been seen before, 1 to 1000000
  duration least_delay = {};      ///< none begins sooner than after this, zero or more
  /// How many extra attempts there may be beside ordinary calls, also when the whole target is slow. One that is given to several
  /// stages is shared by them; otherwise each stage has its own: 5 %, and one in a second.
  std::optional<retry_budget> budget = {};
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const hedge_options& options);

/// After how long the next attempt begins; nothing: too little is known yet.
[[nodiscard]] std::optional<duration> hedge_delay(const hedge_options& options, const latency_histogram& seen) noexcept;

}  // namespace catena
