// SPDX-License-Identifier: BSL-1.0
// What catena's engine costs, beside direct calls, oneTBB's flow graph and Asio's coroutines.
#include "graphs.hpp"
#include "subjects.hpp"
#include "support/harness.hpp"

int main(int argc, char** argv) {
  std::vector<bench::subject> subjects;
  engine::add_direct(subjects);
#ifdef CATENA_BENCH_TBB
  engine::add_tbb(subjects);
#endif
  engine::add_asio_await(subjects);
  engine::add_asio_inflight(subjects);
  engine::add_catena_graphs(subjects);
  engine::add_catena_inflight(subjects);
  engine::add_catena_deep_wide(subjects);
  engine::add_clock(subjects);
  return bench::run("engine", subjects, argc, argv);
}
