// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The loop that all subjects share: one or two threads ask, and half of what they ask for is granted.
#include <atomic>
#include <barrier>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/harness.hpp"

namespace admission {

inline constexpr std::int64_t capacity = 64;

struct asked {
  double ns_per_call;  ///< of one thread
  double granted;      ///< the share that was granted
};

/// Each thread calls its copy of `ask()`, which says whether it was granted, so many times at once.
template <class Ask>
asked ask_on_threads(int threads, std::int64_t calls, const Ask& ask) {
  std::atomic<std::int64_t> granted{0};
  std::atomic<double> slowest{0};
  std::barrier together(threads);
  const auto loop = [&] {
    std::int64_t mine = 0;
    Ask own = ask;
    together.arrive_and_wait();
    const double ns = bench::time_ns([&] {
      for (std::int64_t i = 0; i < calls; ++i) mine += own();
    });
    granted += mine;
    double so_far = slowest;
    while (ns > so_far && !slowest.compare_exchange_weak(so_far, ns)) {
    }
  };
  std::vector<std::jthread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(loop);
  loop();
  others.clear();
  const auto all = static_cast<double>(calls);
  return {slowest / all, static_cast<double>(granted) / (all * threads)};
}

/// Adds the subject to both cases. `make(tokens_per_second)` makes what is asked, a copyable function `bool()`; the rate is
/// set so that about half is granted, by trying.
template <class Make>
void add(std::vector<bench::subject>& subjects, const std::string& name, const Make& make) {
  for (const int threads : {1, 2}) {
    subjects.push_back({std::to_string(threads) + (threads == 1 ? "thread" : "threads"), name,
                        [=](const bench::options& opts) -> bench::repetition {
      const auto calls = opts.size<std::int64_t>(2'000'000, 50'000);
      return [=, rate = 1e7]() mutable -> std::vector<bench::reading> {
        for (int tries = 0; tries < 100; ++tries) {
          const asked a = ask_on_threads(threads, calls, make(rate));
          if (a.granted > 0.4 && a.granted < 0.6) return {{"ns", a.ns_per_call}, {"granted", a.granted}};
          rate = 0.5 * threads * 1e9 / a.ns_per_call;
        }
        throw std::runtime_error(name + ": the grants are not about half of the calls");
      };
    }});
  }
}

}  // namespace admission
