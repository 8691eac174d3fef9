// SPDX-License-Identifier: BSL-1.0
// How well catena joins requests into batches: throughput with requests always in flight, latency when they come as they please.
#include <vector>

#include "cases.hpp"
#include "support/blas.hpp"
#include "support/harness.hpp"
#include "support/networks/networks.hpp"

int main(int argc, char** argv) {
  bench::begin_again_with_one_blas_thread(argv);
  bench::use_one_thread();
  std::vector<bench::subject> subjects;
  for (const bench::network& net : bench::networks()) {
    batching::add_closed(subjects, net);
    batching::add_open(subjects, net);
    if (net.name == "mlp") batching::add_watched(subjects, net);  // the quickest: what watching costs is the largest part there
  }
  // A repetition makes its own model and warms it up.
  return bench::run("batching", subjects, argc, argv, {.repetitions = 5, .quick_repetitions = 1, .warm_ups = 0});
}
