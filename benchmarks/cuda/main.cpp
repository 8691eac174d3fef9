// SPDX-License-Identifier: BSL-1.0
// Whether catena keeps a GPU busy: throughput and latency beside a loop that nobody schedules. `--device cpu` shows that the
// benchmark works, where there is no GPU.
#include <catena/error.hpp>
#include <catena/torch/script_options.hpp>

#include <string>
#include <vector>

#include "cases.hpp"
#include "support/blas.hpp"
#include "support/harness.hpp"
#include "support/networks/networks.hpp"

namespace {

bool is_there(const std::string& device) {
  try {
    (void)catena::torch::is_on_cpu({.devices = {device}});
    return true;
  } catch (const catena::error& e) {
    if (!e.why().is(catena::errc::device_unavailable)) throw;
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::begin_again_with_one_blas_thread(argv);
  bench::use_one_thread();
  std::vector<bench::subject> subjects;
  for (const bench::network& net : bench::networks()) {
    if (net.name == "mlp") continue;  // its batches are over before a GPU has begun
    cuda::add_closed(subjects, net);
    cuda::add_open(subjects, net);
  }
  return bench::run("cuda", subjects, argc, argv, {.repetitions = 5, .quick_repetitions = 1}, {.usual = "cuda", .is_there = is_there});
}
