// SPDX-License-Identifier: BSL-1.0
// How much of the ideal is left when so many requests are always in flight: each answer submits the next request.
//
// As many requests as in the open loop, but for one second at most. The submitter sleeps while there is nothing to do, as a
// service would, so cpu_us_per_request says what a request costs. The subject "ideal" is the bare loop, which runs first in each
// round; the others' fraction_of_ideal is of that.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>

#include "cases.hpp"
#include "course.hpp"
#include "policies.hpp"
#include "stopwatch.hpp"
#include "support/networks/closed_loop.hpp"

namespace batching {
namespace {

bench::repetition ideal(course& on) {
  return [&on] {
    on.measure_ideal();
    return std::vector<bench::reading>{{"rows_per_s", on.ideal().rows_per_s},
                                       {"mean_batch", static_cast<double>(on.best_batch())},
                                       {"cpu_us_per_request", on.ideal().cpu_us_per_row}};
  };
}

bench::repetition closed(const course& on, const std::string& policy, std::size_t in_flight, const bench::options& opts) {
  const std::size_t requests = opts.size(on.net().requests, on.net().requests / 1000);
  return [&on, policy, in_flight, requests] {
    bench::served model(on.asked(), script_with(on.net(), policy, in_flight));
    const stopwatch watch;
    const auto answered = static_cast<double>(bench::closed_loop(model, requests, std::chrono::seconds(1)).run(in_flight));
    const double seconds = watch.seconds(), cpu_us = watch.cpu_us();
    std::vector<bench::reading> readings{{"fraction_of_ideal", answered / seconds / on.ideal().rows_per_s},
                                         {"mean_batch", model.mean_batch()},
                                         {"cpu_us_per_request", cpu_us / answered}};
    std::ranges::move(learning_readings(model.stats()), std::back_inserter(readings));
    return readings;
  };
}

}  // namespace

void add_closed(std::vector<bench::subject>& subjects, const bench::network& net) {
  for (const std::size_t in_flight : {1, 8, 64, 128}) {
    const std::string name = net.name + "_closed" + std::to_string(in_flight);
    subjects.push_back({name, "ideal", [=](const bench::options& opts) {
      course& on = course::of(net, opts);
      on.begin_case(name);
      return ideal(on);
    }});
    for (const std::string& policy : policies())
      subjects.push_back({name, policy, [=](const bench::options& opts) {
        return closed(begin(net, name, policy, opts), policy, in_flight, opts);
      }});
  }
}

}  // namespace batching
