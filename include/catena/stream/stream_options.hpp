// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How much of a stream waits for its reader, and for how long.
#include <catena/time.hpp>

#include <cstddef>

namespace catena {

struct stream_options {
  std::size_t capacity = 16;  ///< items that wait for the reader before the writer must, 1 to 1000000
  /// How long the writer waits for a reader who takes nothing before the stream fails with errc::timed_out, zero or more; zero: as
  /// long as it takes.
  duration idle_timeout = std::chrono::seconds(30);
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const stream_options& options);

}  // namespace catena
