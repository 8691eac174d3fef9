// SPDX-License-Identifier: BSL-1.0
// What it takes to have a model: loading it, what that costs others, and whether it leaves again.
#include <cstring>
#include <vector>

#include "cases.hpp"
#include "loader.hpp"
#include "support/blas.hpp"
#include "support/harness.hpp"

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "--load") == 0) return pool::load_and_answer(argv[2], argv[3]);
  bench::begin_again_with_one_blas_thread(argv);
  std::vector<bench::subject> subjects;
  pool::add_load(subjects);
  pool::add_serve(subjects);
  pool::add_reload(subjects);
  // Each repetition is a process of its own, and starts cold.
  return bench::run("pool", subjects, argc, argv, {.repetitions = 9, .quick_repetitions = 1, .warm_ups = 0});
}
