// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How requests for a model are queued and joined into batches.
#include <catena/schedule/adaptive_batching.hpp>
#include <catena/schedule/batch_policies.hpp>

#include <cstddef>

namespace catena {

struct batch_options {
  std::size_t max_size = 64;         ///< requests in one batch, 1 to 65536
  duration max_delay = {};           ///< how long a request waits for others, 0 to 1 hour; zero: an idle instance never waits
  std::size_t queue_capacity = 1024; ///< requests that may wait, 1 to 16 million; one more fails with errc::queue_full
  batch_policy policy = adaptive_batching{};  ///< who decides; also there: greedy_batching, preferred_batching, window_batching, or your own
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const batch_options& options);

}  // namespace catena
