// SPDX-License-Identifier: BSL-1.0
// How much of the ideal is left when so many requests are always in flight, which fill two batches: while one is computed, the
// other one can be encoded and copied. The ideal's batches are not larger than those two.
//
// `ideal` finds its rows on the device and leaves the answers there. `ideal_with_copies` copies, computes, copies back and waits,
// one after the other: that is the ideal of `catena_no_overlap`. On the CPU, where nothing is copied, that one is as `catena`.
#include <chrono>
#include <cstddef>
#include <limits>
#include <string>

#include "cases.hpp"
#include "course.hpp"
#include "support/networks/closed_loop.hpp"

namespace cuda {
namespace {

using clock = std::chrono::steady_clock;

bench::repetition alone(course& on, double (course::*measure)()) {
  return [&on, measure] {
    const double rows_per_s = (on.*measure)();
    std::vector<bench::reading> readings = on.readings(rows_per_s);
    readings.push_back({"mean_batch", static_cast<double>(on.best_batch())});
    return readings;
  };
}

bench::repetition closed(const course& on, const way& how, std::size_t in_flight) {
  const auto model = on.serve(how, in_flight / 2, in_flight);
  if (!model) return {};
  return [&on, in_flight, model] {
    model->begin_run();
    const auto began = clock::now();
    bench::closed_loop loop(*model, std::numeric_limits<std::size_t>::max(), on.run_time());
    const auto answered = static_cast<double>(loop.run(in_flight));
    const std::chrono::duration<double> took = clock::now() - began;
    std::vector<bench::reading> readings = on.readings(answered / took.count());
    readings.push_back({"mean_batch", model->mean_batch()});
    return readings;
  };
}

/// A smoke run has no time for that many.
std::size_t in_flight(std::size_t full, const bench::options& opts) { return opts.size<std::size_t>(full, 4); }

}  // namespace

void add_closed(std::vector<bench::subject>& subjects, const bench::network& net) {
  for (const std::size_t full : {std::size_t{128}, 2 * course::most_rows}) {
    const std::string name = net.name + "_closed" + std::to_string(full);
    const auto begin = [=](const bench::options& opts) -> course& {
      course& on = course::of(net, opts);
      on.begin_case(name, in_flight(full, opts) / 2);
      return on;
    };
    subjects.push_back({name, "ideal", [=](const bench::options& opts) { return alone(begin(opts), &course::measure_ideal); }});
    subjects.push_back({name, "ideal_with_copies", [=](const bench::options& opts) { return alone(begin(opts), &course::measure_with_copies); }});
    for (const way& how : ways())
      subjects.push_back({name, how.name, [=](const bench::options& opts) { return closed(begin(opts), how, in_flight(full, opts)); }});
  }
}

}  // namespace cuda
