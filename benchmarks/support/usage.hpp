// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a stretch of work cost the whole process: time, processor time, context switches.
#include <sys/resource.h>

#include <chrono>
#include <ctime>

namespace bench {

/// Counts from when it is made.
class usage {
 public:
  struct amounts {
    double seconds;
    double cpu_seconds;       ///< of all threads, those that spin included
    double context_switches;  ///< of all threads, those that waited and those that were sent away
  };

  [[nodiscard]] amounts so_far() const {
    return {std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(), cpu() - cpu_, switches() - switches_};
  }

 private:
  static double cpu() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
  }
  static double switches() {
    rusage r{};
    getrusage(RUSAGE_SELF, &r);
    return static_cast<double>(r.ru_nvcsw + r.ru_nivcsw);
  }

  double switches_ = switches();
  double cpu_ = cpu();
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace bench
