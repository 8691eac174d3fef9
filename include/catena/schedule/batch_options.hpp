// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How requests for a model are joined into batches.
#include <catena/schedule/adaptive_batching.hpp>
#include <catena/schedule/batch_policies.hpp>

#include <cstddef>
#include <vector>

namespace catena {

struct batch_options {
  std::size_t max_size = 64;         ///< requests in one batch, or their cost where it is measured, 1 to 65536
  duration max_delay = {};           ///< how long a request waits for others, 0 to 1 hour; zero: an idle instance never waits
  batch_policy policy = adaptive_batching{};  ///< who decides; also there: greedy_batching, preferred_batching, window_batching, or your own
  /// The row counts that the model may be given, ascending, each at least 1, the last at least max_size: a batch is padded to
  /// the next one, and the rows that pad it are answered to nobody. Empty: any count.
  std::vector<std::size_t> allowed_sizes = {};
  std::size_t max_shapes = 16;       ///< shapes of which requests may wait at once, 1 to 1024; one more fails with errc::queue_full
};

/// How many rows a batch of `rows` is computed with.
[[nodiscard]] std::size_t padded_size(const batch_options& options, std::size_t rows) noexcept;

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const batch_options& options);

}  // namespace catena
