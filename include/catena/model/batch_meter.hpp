// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How long a model's requests wait, and how large and how long its batches are.
#include <catena/observe/histogram.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena::detail {

/// \threads  unsafe: of the batcher, under its lock
struct batch_meter {
  explicit batch_meter(std::size_t max_size) : sizes(max_size + 1) {
    waits.make_room();
    computes.make_room();
  }

  duration_histogram waits;             ///< from a request's coming until an instance takes it
  duration_histogram computes;          ///< of a batch
  std::vector<std::uint64_t> sizes;     ///< how many batches had so many rows
};

}  // namespace catena::detail
