// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/adaptive_batching.hpp>
#include <catena/schedule/batch_policies.hpp>

#include <algorithm>
#include <chrono>
#include <limits>

#include "schedule/batching_simulation.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using catena::test::cost_curve;
using catena::test::simulate;
using catena::test::traffic;
using catena::test::waits;

constexpr time_point adaptive_start{1h};

/// Lets the policy see every size a few times.
adaptive_batching taught(const cost_curve& curve) {
  adaptive_batching policy;
  for (int times = 0; times < 5; ++times)
    for (std::size_t n = 1; n <= 64; ++n)
      policy.computed(n, std::chrono::nanoseconds(static_cast<std::int64_t>(curve.us(n) * 1e3)), adaptive_start);
  return policy;
}

std::size_t taken_of(const adaptive_batching& policy, std::size_t count, batch_limits limits = {.max_size = 64}) {
  return policy.form({.count = count, .oldest = adaptive_start}, limits, adaptive_start).take;
}

/// The lowest of what the policies that learn nothing reach, each by itself.
waits best_other(const cost_curve& curve, const traffic& t) {
  waits best{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity(), 0, 0};
  const auto compare = [&](const waits& w) {
    best.p50_us = std::min(best.p50_us, w.p50_us);
    best.p99_us = std::min(best.p99_us, w.p99_us);
  };
  compare(simulate(greedy_batching{}, curve, t));
  compare(simulate(greedy_batching{}, curve, t, {.max_size = 1}));
  compare(simulate(preferred_batching({8}), curve, t, {.max_size = 64, .max_delay = 1ms}));
  compare(simulate(window_batching(8, 100ms), curve, t));
  return best;
}

}  // namespace

TEST_CASE("a cost table keeps the quickest of the first three, then a smoothed mean") {
  cost_table table;
  CHECK(table.cost(4) == 0);
  table.learn(4, 900us);
  table.learn(4, 100us);
  CHECK_FALSE(table.trusted(4));
  table.learn(4, 300us);
  CHECK(table.trusted(4));
  CHECK(table.cost(4) == Approx(100e3));
  table.learn(4, 120us);
  CHECK(table.cost(4) == Approx(110e3));
  CHECK(table.error(4) > 0);
  table.learn(4, 1s);  // its thread lost the core
  CHECK(table.cost(4) < 300e3);
}

TEST_CASE("a cost table lays straight lines between its neighbours and charges by the row beyond the largest") {
  cost_table table;
  table.learn(2, 100us);
  table.learn(6, 300us);
  CHECK(table.cost(1) == Approx(100e3));
  CHECK(table.cost(4) == Approx(200e3));
  CHECK(table.cost(12) == Approx(600e3));
  CHECK(table.largest() == 6);
  CHECK(table.age(2) == 1);
  CHECK(table.age(3) == cost_table::no_age);
}

TEST_CASE("adaptive batching that has learnt nothing takes all, as greedy does") {
  const adaptive_batching policy;
  for (const std::size_t count : {1, 2, 3, 17, 64}) CHECK(taken_of(policy, count) == count);
  CHECK(taken_of(policy, 100) == 64);
  CHECK(taken_of(policy, 0) == 0);
}

TEST_CASE("adaptive batching takes two of three where a batch of three costs five times one of two") {
  const auto policy = taught(catena::test::mlp);
  CHECK(taken_of(policy, 1) == 1);
  for (std::size_t count = 2; count <= 12; ++count) CHECK(taken_of(policy, count) == 2);
  CHECK(taken_of(policy, 32) == 32);
  CHECK(taken_of(policy, 64) == 64);
}

TEST_CASE("adaptive batching takes no more than the size from which larger ones are slower, row for row") {
  const auto policy = taught(catena::test::resnet);
  CHECK(taken_of(policy, 16) == 16);
  CHECK(taken_of(policy, 64) == 32);
}

TEST_CASE("adaptive batching tries sizes that it does not know, and avoided ones again after a while") {
  adaptive_batching policy;
  const auto& curve = catena::test::mlp;
  const auto compute = [&](std::size_t n) { policy.computed(n, std::chrono::nanoseconds(static_cast<std::int64_t>(curve.us(n) * 1e3)), adaptive_start); };
  for (int i = 0; i < 3; ++i) compute(2);
  CHECK(taken_of(policy, 5) == 5);
  for (int i = 0; i < 3; ++i) compute(5);
  CHECK(taken_of(policy, 5) == 2);
  int tries = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::size_t n = taken_of(policy, 5);
    tries += n == 5;
    compute(n);
  }
  CHECK(tries >= 1);
  CHECK(tries <= 3);
}

TEST_CASE("adaptive batching follows a model whose costs change") {
  auto policy = taught(catena::test::mlp);
  CHECK(taken_of(policy, 8) == 2);
  for (int i = 0; i < 100; ++i) policy.computed(2, 400us, adaptive_start);
  CHECK(taken_of(policy, 8) == 8);
}

TEST_CASE("with a max_delay adaptive batching waits, but lets the tightest deadline go in time") {
  const auto policy = taught(catena::test::bert);
  const batch_limits limits{.max_size = 64, .max_delay = 50ms};
  waiting_requests waiting{.count = 2, .oldest = adaptive_start};
  CHECK(policy.form(waiting, limits, adaptive_start) == batch_decision{.take = 0, .look_again = adaptive_start + 50ms});
  waiting.tightest_deadline = adaptive_start + 30ms;
  const auto early = policy.form(waiting, limits, adaptive_start);
  CHECK(early.take == 0);
  CHECK(early.look_again < adaptive_start + 19ms);
  CHECK(early.look_again > adaptive_start + 18ms);
  CHECK(policy.form(waiting, limits, early.look_again).take == 2);
}

TEST_CASE("adaptive batching takes a smaller batch for a deadline where that is nearly as good a use of the instance") {
  const auto bert = taught(catena::test::bert);
  waiting_requests waiting{.count = 8, .oldest = adaptive_start, .tightest_deadline = adaptive_start + 20ms};
  const std::size_t smaller = bert.form(waiting, {.max_size = 64}, adaptive_start).take;
  CHECK(smaller < 8);
  CHECK(catena::test::bert.us(smaller) <= 20e3);
  const auto mlp = taught(catena::test::mlp);
  waiting = {.count = 64, .oldest = adaptive_start, .tightest_deadline = adaptive_start + 300us};
  CHECK(mlp.form(waiting, {.max_size = 64}, adaptive_start).take == 64);
}

TEST_CASE("in virtual time adaptive batching is within 2 % of the best other policy at every load, median and tail") {
  for (const auto* curve : {&catena::test::mlp, &catena::test::resnet, &catena::test::bert})
    for (const double load : {0.2, 0.5, 0.8}) {
      const traffic t{.load = load, .requests = 200'000, .seed = 7};
      const waits adaptive = simulate(adaptive_batching{}, *curve, t);
      const waits other = best_other(*curve, t);
      INFO("load " << load << " cost of one " << curve->us(1));
      CHECK(adaptive.p50_us <= 1.02 * other.p50_us);
      CHECK(adaptive.p99_us <= 1.02 * other.p99_us);
    }
}
