// SPDX-License-Identifier: BSL-1.0
/// \file
/// A model that is asked ten times as much as it can compute.
#include <catena/schedule/concurrency_limit.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "model/overloaded_model.hpp"
#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

constexpr std::size_t overload_in_flight = 128;
constexpr std::size_t overload_line = 256;
constexpr std::size_t overload_queue = 1024;

/// A resnet computes 320 rows a second in batches of 32, which take 100 ms. Its limit aims at 250 ms, a little less than the
/// most impatient caller waits.
test::flood_course overload_a_model(const test::flood& f) {
  testing::manual_world world(f.seed);
  const runtime rt = world.runtime();
  const auto model = make_model<int, int>(rt, {.name = "resnet", .batch = {.max_size = 64}, .queue = {.capacity = overload_queue}},
                                          test::slow_instance(rt, test::resnet, 0.1, f.seed));
  const aimd_limit policy({.target = 250ms, .range = {.most = overload_in_flight}});
  const concurrency_limit gate(rt, {.name = "resnet", .policy = policy, .line_capacity = overload_line});
  const auto limited = make_chain<int>(rt, "service", [&](auto in) { return in >> stage("resnet", model).limit(gate); });
  test::flood_course course = test::run_flood(world, rt, limited, model, f);
  CHECK(model.stats().queue_depth == 0);
  CHECK(gate.in_flight_approx() == 0);
  CHECK(gate.waiting_count() == 0);
  CHECK(rt.state()->live_run_count() == 0);
  // Next to nothing is computed that nobody wants any more.
  CHECK(static_cast<double>(rt.wasted_count()) <= 0.02 * static_cast<double>(model.stats().row_count));
  return course;
}

[[nodiscard]] std::size_t ended_otherwise_than_once(const test::flood_course& course) {
  return static_cast<std::size_t>(std::count_if(course.ends.begin(), course.ends.end(), [](std::uint8_t n) { return n != 1; }));
}

}  // namespace

TEST_CASE("ten times the load for ten virtual minutes: a model behind a limit answers what it can compute, in time") {
  const test::flood f{.per_second = 3200, .lasts = test::times(10min, 1min)};
  const test::flood_course course = overload_a_model(f);
  CHECK(course.ends.size() > test::times(1'900'000U, 190'000U));
  CHECK(ended_otherwise_than_once(course) == 0);
  const double capacity = test::resnet.ideal_per_us() * std::chrono::duration<double, std::micro>(f.lasts).count();
  CHECK(static_cast<double>(course.in_time) >= 0.95 * capacity);
  CHECK(course.late == 0);
  CHECK(course.deepest_queue <= overload_in_flight);
  // Those let in, those in line, and those whose end is on its way to them.
  CHECK(course.most_live_runs <= overload_in_flight + overload_line + 64);
  // The most urgent get what there is.
  CHECK(course.answered[3] * 100 >= course.in_time * 95);
  CHECK(course.longest <= 2s);
}

TEST_CASE("the same seed gives the same overload, and another one another") {
  const test::flood f{.per_second = 3200, .lasts = test::times(60s, 10s), .seed = 5};
  const auto first = overload_a_model(f), again = overload_a_model(f);
  CHECK(first.trace == again.trace);
  CHECK(first.in_time == again.in_time);
  CHECK(first.ends.size() == again.ends.size());
  CHECK(overload_a_model({.per_second = 3200, .lasts = f.lasts, .seed = 6}).trace != first.trace);
}

TEST_CASE("without overload a limit refuses nobody") {
  const test::flood_course course = overload_a_model({.per_second = 160, .lasts = 1min});
  CHECK(ended_otherwise_than_once(course) == 0);
  CHECK(course.in_time * 1000 >= course.ends.size() * 998);
}
