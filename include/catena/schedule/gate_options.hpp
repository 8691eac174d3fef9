// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What can be changed of a gate while it serves.
#include <catena/time.hpp>

#include <chrono>
#include <cstddef>

namespace catena {

/// Each gate has some of them: an admission its line_capacity, a concurrency_limit those of its policy as well.
struct gate_options {
  std::size_t line_capacity = 0;   ///< requests that may wait, 0 to 1048576; zero: refused at once
  std::size_t count = 64;          ///< of a fixed_limit, at least 1
  std::size_t least = 1;           ///< of an adaptive limit, 1 to most
  std::size_t most = 1024;         ///< of an adaptive limit, up to 1048576
  duration target = std::chrono::milliseconds(100);  ///< of an aimd_limit, more than 0
  double backoff = 0.9;            ///< of an aimd_limit, 0.5 to 0.99
  double tolerance = 1.25;         ///< of a gradient_limit, 1 to 10
  duration probe_interval = std::chrono::seconds(30);  ///< of a gradient_limit, more than 0
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const gate_options& options);

}  // namespace catena
