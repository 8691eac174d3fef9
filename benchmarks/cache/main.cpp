// SPDX-License-Identifier: BSL-1.0
// What a look-up in catena's cache costs and how often it finds something, beside the cache that everybody writes and
// oneTBB's.
#include "subjects.hpp"
#include "support/harness.hpp"

int main(int argc, char** argv) {
  std::vector<bench::subject> subjects;
  cache_bench::add_catena(subjects);
  cache_bench::add_mutex_list_map(subjects);
#ifdef CATENA_BENCH_TBB
  cache_bench::add_tbb(subjects);
#endif
  return bench::run("cache", subjects, argc, argv);
}
