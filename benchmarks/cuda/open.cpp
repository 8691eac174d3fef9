// SPDX-License-Identifier: BSL-1.0
// How long requests wait when they come as they please, at a share of the ideal: Poisson arrivals, the same for all ways.
//
// A way is overloaded when a fifth of the run's requests wait at once, for which the model's queue has no place. The run then
// submits no more; it is shown by `overloaded` 1, and by latencies that are infinite.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>

#include "cases.hpp"
#include "course.hpp"
#include "support/networks/open_loop.hpp"

namespace cuda {
namespace {

bench::repetition open(const course& on, const way& how, double share, const bench::options& opts) {
  const std::size_t max_batch = opts.size<std::size_t>(course::most_rows, 2);
  const double per_s = share * on.ideal();
  const std::size_t requests = std::max(static_cast<std::size_t>(per_s * std::chrono::duration<double>(on.run_time()).count()), opts.size<std::size_t>(200, 4));
  const auto model = on.serve(how, max_batch, std::max(requests / 5, 2 * max_batch));
  if (!model) return {};
  return [&on, per_s, requests, model, seed = 0U]() mutable {
    const auto schedule = bench::poisson(requests, per_s, ++seed);
    model->begin_run();
    bench::open_loop loop(*model, schedule);
    loop.run();
    return std::vector<bench::reading>{{"overloaded", loop.overloaded() ? 1.0 : 0.0},
                                       bench::quantile_reading("p50_us", 0.5, loop.latencies()),
                                       bench::quantile_reading("p99_us", 0.99, loop.latencies()),
                                       {"mean_batch", model->mean_batch()}};
  };
}

}  // namespace

void add_open(std::vector<bench::subject>& subjects, const bench::network& net) {
  for (const int percent : {20, 50, 80}) {
    const std::string name = net.name + "_open" + std::to_string(percent);
    for (const way& how : ways())
      subjects.push_back({name, how.name, [=](const bench::options& opts) {
        course& on = course::of(net, opts);
        on.begin_case(name, course::most_rows);
        return open(on, how, percent / 100.0, opts);
      }});
  }
}

}  // namespace cuda
