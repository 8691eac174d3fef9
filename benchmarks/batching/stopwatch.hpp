// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How long something takes, and how much of the processors.
#include <chrono>
#include <ctime>

namespace batching {

using clock = std::chrono::steady_clock;

/// Time and processor time, of all threads, since it was made.
class stopwatch {
 public:
  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(clock::now() - began_).count(); }
  [[nodiscard]] double cpu_us() const {
    return static_cast<double>(std::clock() - cpu_began_) * 1e6 / static_cast<double>(CLOCKS_PER_SEC);
  }

 private:
  std::clock_t cpu_began_ = std::clock();
  clock::time_point began_ = clock::now();
};

}  // namespace batching
