// SPDX-License-Identifier: BSL-1.0
// How long requests wait when they come as they please, at a share of the ideal: Poisson arrivals, the same for all subjects.
//
// The submitter never sleeps: cpu_us_per_request therefore holds all of a processor.
//
// A policy is overloaded when a fifth of the run's requests wait at once, for which the model's queue has no place. The run then
// submits no more; it is shown by `overloaded` 1, and by latencies that are infinite.
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>

#include "cases.hpp"
#include "course.hpp"
#include "policies.hpp"
#include "stopwatch.hpp"
#include "support/networks/open_loop.hpp"

namespace batching {
namespace {

std::vector<bench::reading> open(const course& on, const std::string& policy, std::size_t requests, double ideal, double share,
                                 unsigned seed) {
  const auto schedule = bench::poisson(requests, share * ideal, seed);
  bench::served model(on.asked(), script_with(on.net(), policy, std::max(requests / 5, 2 * max_batch)));
  const stopwatch watch;
  bench::open_loop loop(model, schedule);
  loop.run();
  const double seconds = watch.seconds(), cpu_us = watch.cpu_us();
  const auto answered = static_cast<double>(loop.answered());
  std::vector<bench::reading> readings{{"overloaded", loop.overloaded() ? 1.0 : 0.0},
                                       bench::quantile_reading("p50_us", 0.5, loop.latencies()),
                                       bench::quantile_reading("p99_us", 0.99, loop.latencies()),
                                       {"fraction_of_ideal", answered / seconds / ideal},
                                       {"mean_batch", model.mean_batch()},
                                       {"cpu_us_per_request", cpu_us / answered}};
  std::ranges::move(learning_readings(model.stats()), std::back_inserter(readings));
  return readings;
}

}  // namespace

void add_open(std::vector<bench::subject>& subjects, const bench::network& net) {
  for (const int percent : {20, 50, 80, 95}) {
    const std::string name = net.name + "_open" + std::to_string(percent);
    for (const std::string& policy : policies())
      subjects.push_back({name, policy, [=](const bench::options& opts) -> bench::repetition {
        course& on = begin(net, name, policy, opts);
        const std::size_t requests = opts.size(net.requests, net.requests / 1000);
        return [&on, policy, requests, ideal = on.ideal().rows_per_s, percent, seed = 0U]() mutable {
          return open(on, policy, requests, ideal, percent / 100.0, ++seed);
        };
      }});
  }
}

}  // namespace batching
