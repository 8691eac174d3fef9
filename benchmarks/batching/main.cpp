// SPDX-License-Identifier: BSL-1.0
// How well catena joins requests into batches: throughput with requests always in flight, latency when they come as they please.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

#include "cases.hpp"
#include "networks.hpp"
#include "support/harness.hpp"

namespace {

/// OpenBLAS reads how many threads it may have when it is loaded, before main: the program then begins again.
void begin_again_with_one_blas_thread(char** argv) {
  constexpr const char* name = "OPENBLAS_NUM_THREADS";
  const char* value = std::getenv(name);
  if (value && std::strcmp(value, "1") == 0) return;
  ::setenv(name, "1", 1);
  ::execv("/proc/self/exe", argv);
  std::cerr << "bench_batching: set " << name << " to 1, the program cannot do it itself\n";
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  begin_again_with_one_blas_thread(argv);
  batching::use_one_thread();
  std::vector<bench::subject> subjects;
  for (const batching::network& net : batching::networks()) {
    batching::add_closed(subjects, net);
    batching::add_open(subjects, net);
  }
  // A repetition makes its own model and warms it up.
  return bench::run("batching", subjects, argc, argv, {.repetitions = 5, .quick_repetitions = 1, .warm_ups = 0});
}
