// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/adaptive_batching.hpp>
#include <catena/schedule/batch_policies.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

#include "schedule/batching_simulation.hpp"

#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using catena::test::cost_curve;
using catena::test::simulate;
using catena::test::traffic;
using catena::test::waits;

constexpr time_point adaptive_start{1h};

duration cost_of(const cost_curve& curve, std::size_t size) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(curve.us(size) * 1e3));
}

/// Lets the policy see every size a few times.
adaptive_batching taught(const cost_curve& curve) {
  adaptive_batching policy;
  for (int times = 0; times < 5; ++times)
    for (std::size_t n = 1; n <= 64; ++n) policy.computed(n, cost_of(curve, n), adaptive_start);
  return policy;
}

/// A knot that was taught the same again and again.
void teach(cost_table& table, std::size_t size, duration took, int times) {
  for (int i = 0; i < times; ++i) table.learn(size, took);
}

std::size_t taken_of(const adaptive_batching& policy, std::size_t count, batch_limits limits = {.max_size = 64}) {
  return policy.form({.count = count, .oldest = adaptive_start}, limits, adaptive_start).take;
}

// ---- in virtual time, beside the policies that learn nothing ----

/// What adaptive batching reaches as a multiple of the best other's, of whichever is the best in that figure.
struct comparison {
  double p50, p99, second_half_p99;
  double missed_more;  ///< share of those that were due, beyond 1.1 times the best other's
};

comparison compare_with_others(const cost_curve& curve, const traffic& t) {
  const double ideal = curve.ideal_per_us();
  // Whoever cannot serve what comes is not the best; its queue grows as long as the run.
  const double average = t.load * (t.doubles_half_way ? 2 : 1) * (1 + (t.burst_factor - 1) / 20);
  std::vector<waits> others;
  const auto run = [&](const batch_policy& policy, batch_limits limits, double capacity) {
    if (average < capacity / ideal) others.push_back(simulate(policy, curve, t, limits));
  };
  run(greedy_batching{}, {.max_size = 64}, ideal);
  run(greedy_batching{}, {.max_size = 1}, 1 / curve.us(1));
  run(preferred_batching({8}), {.max_size = 64, .max_delay = 1ms}, 8 / curve.us(8));
  run(window_batching(8, 100ms), {.max_size = 64}, ideal);
  const auto best = [&](double waits::*figure) {
    double least = others.front().*figure;
    for (const waits& w : others) least = std::min(least, w.*figure);
    return least;
  };
  const waits own = simulate(adaptive_batching{}, curve, t);
  return {own.p50_us / best(&waits::p50_us), own.p99_us / best(&waits::p99_us),
          own.second_half_p99_us / best(&waits::second_half_p99_us), own.missed - 1.1 * best(&waits::missed)};
}

double median(std::vector<double> of) {
  std::sort(of.begin(), of.end());
  return of[of.size() / 2];
}

/// Medians over the seeds.
comparison compare_with_others(const cost_curve& curve, traffic t, std::initializer_list<std::uint64_t> seeds) {
  std::vector<double> p50, p99, second_half_p99, missed_more;
  for (const std::uint64_t seed : seeds) {
    t.seed = seed;
    const comparison c = compare_with_others(curve, t);
    p50.push_back(c.p50);
    p99.push_back(c.p99);
    second_half_p99.push_back(c.second_half_p99);
    missed_more.push_back(c.missed_more);
  }
  return {median(p50), median(p99), median(second_half_p99), median(missed_more)};
}

constexpr std::initializer_list<std::uint64_t> few_seeds{7, 14, 21};
constexpr std::initializer_list<std::uint64_t> many_seeds{7, 14, 21, 28, 35, 42, 49, 56, 63};

struct named_curve {
  const char* name;
  const cost_curve& curve;
};
const named_curve curves[]{{"mlp", catena::test::mlp}, {"resnet", catena::test::resnet}, {"bert", catena::test::bert}};

}  // namespace

TEST_CASE("a cost table has a knot for every size up to 8 and for every fourth part of a power of two") {
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < 20; ++i) sizes.push_back(cost_table::size_of(i));
  CHECK(sizes == std::vector<std::size_t>{1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64});
  for (std::size_t n = 1; n <= 65'536; ++n) {
    const std::size_t below = cost_table::knot_below(n), nearest = cost_table::nearest_knot(n);
    const std::size_t from = cost_table::size_of(below), to = cost_table::size_of(below + 1);
    const bool right = from <= n && n < to && nearest == (n - from < to - n ? below : below + 1);
    if (!right) FAIL("size " << n);
  }
}

TEST_CASE("of the first three runs of a size the slow ones do not count") {
  cost_table table;
  CHECK(table.cost(4) == 0);
  table.learn(4, 900us);
  table.learn(4, 100us);
  CHECK_FALSE(table.trusted(3));
  table.learn(4, 300us);
  CHECK(table.trusted(3));
  CHECK(table.cost(4) == Catch::Approx(100e3));
}

TEST_CASE("a cost is the mean of what was measured") {
  cost_table table;
  for (const duration took : {100us, 110us, 90us, 104us}) table.learn(4, took);
  table.smooth();
  CHECK(table.cost(4) == Catch::Approx(101e3));
}

TEST_CASE("a cost table lays straight lines between its knots and charges by the row beyond the largest") {
  cost_table table;
  table.learn(2, 100us);
  table.learn(6, 300us);
  CHECK(table.cost(1) == Catch::Approx(100e3));
  CHECK(table.cost(4) == Catch::Approx(200e3));
  CHECK(table.cost(12) == Catch::Approx(600e3));
  CHECK(table.knot_count() == 6);
  CHECK(table.age(1) == 1);
}

TEST_CASE("a cost stays one that can be measured, whatever lies beside it and however often that is said") {
  cost_table table;
  table.learn(16, 1ns);
  table.learn(20, std::chrono::hours(24));
  // Quick ones of a size that the line between the two says takes hours: each teaches the nearer one that it is far too slow.
  for (int i = 0; i < 1000; ++i) table.learn(17, 1ns);
  table.smooth();
  CHECK(table.cost(16) >= 1);
  CHECK(table.cost(17) > 0);
}

TEST_CASE("a size between two knots teaches the nearest") {
  cost_table table;
  teach(table, 32, 320us, 20);
  teach(table, 40, 400us, 20);
  teach(table, 33, 363us, 600);  // a tenth more than the line says
  table.smooth();
  CHECK(table.cost(32) == Catch::Approx(320e3 * 1.1).epsilon(0.03));
  CHECK(table.cost(40) == Catch::Approx(400e3));
}

TEST_CASE("a batch whose thread lost its core teaches nothing, and three in a row are believed") {
  cost_table table;
  teach(table, 1, 50us, 5);
  teach(table, 4, 100us, 5);
  table.learn(4, 10ms);
  table.learn(4, 10ms);
  table.learn(4, 100us);
  table.learn(4, 10ms);
  table.smooth();
  CHECK(table.cost(4) == Catch::Approx(100e3));
  teach(table, 4, 300us, 2);
  CHECK(table.cost(4) == Catch::Approx(300e3));
  CHECK_FALSE(table.trusted(3));
  CHECK(table.cost(1) == Catch::Approx(50e3));
}

TEST_CASE("three batches of well known sizes that take twice as long double what all sizes cost") {
  cost_table table;
  for (const std::size_t size : {1u, 2u, 3u, 8u}) teach(table, size, size * 10us, 20);
  teach(table, 64, 500us, 5);
  table.learn(1, 20us);
  table.learn(8, 160us);
  CHECK(table.cost(64) == Catch::Approx(500e3));
  table.learn(2, 40us);
  CHECK(table.cost(64) == Catch::Approx(1000e3));
  CHECK(table.cost(3) == Catch::Approx(60e3));
  // Those that did not change after all are learnt anew, and do not halve the others.
  teach(table, 3, 30us, 3);
  CHECK(table.cost(3) == Catch::Approx(30e3));
  CHECK(table.cost(64) == Catch::Approx(1000e3));
}

TEST_CASE("costs stay numbers whatever is measured") {
  std::mt19937_64 random(5);
  cost_table table;
  for (int i = 0; i < 20'000; ++i) {
    const auto ns = static_cast<std::int64_t>(random() >> (1 + random() % 63));
    table.learn(1 + random() % 65'536 / (1 + random() % 1'000), random() % 10 == 0 ? duration::max() : duration(ns));
    table.smooth();
    const double cost = table.cost(1 + random() % 65'536);
    if (!(cost > 0 && cost < 9e18)) FAIL("a cost of " << cost << " ns after " << i << " batches");
  }
  CHECK(table.learnt() == 20'000);
}

TEST_CASE("where costs are noisy a size that was seldom measured leans on its neighbours") {
  std::mt19937_64 random(3);
  std::normal_distribution<double> wobble(1, 0.1);
  cost_table table;
  const auto noisy = [&](std::size_t size) { return std::chrono::nanoseconds(static_cast<std::int64_t>(1e6 * static_cast<double>(size) * wobble(random))); };
  for (int i = 0; i < 500; ++i)
    for (const std::size_t size : {4u, 8u, 16u, 32u}) table.learn(size, noisy(size));
  teach(table, 12, 13200us, 5);  // by chance a tenth too much
  table.smooth();
  CHECK(table.cost(12) == Catch::Approx(12e6).epsilon(0.03));
  CHECK(table.cost(8) == Catch::Approx(8e6).epsilon(0.02));
  teach(table, 6, 12ms, 5);  // which is no chance
  table.smooth();
  CHECK(table.cost(6) == Catch::Approx(12e6).epsilon(0.01));
  CHECK(table.cost(8) == Catch::Approx(8e6).epsilon(0.02));
}

TEST_CASE("adaptive batching has learnt when it knew the sizes of sixteen batches on end") {
  adaptive_batching policy;
  const auto compute = [&](std::size_t n, int times) {
    for (; times > 0; --times) policy.computed(n, 1ms, adaptive_start);
  };
  compute(1, 3);
  CHECK_FALSE(policy.has_learnt());
  compute(1, 16);
  CHECK(policy.has_learnt());
  compute(8, 3);
  CHECK_FALSE(policy.has_learnt());
  CHECK(batch_policy(policy).has_learnt() == policy.has_learnt());
  CHECK_FALSE(batch_policy(greedy_batching{}).has_learnt());
}

TEST_CASE("adaptive batching that has learnt nothing takes all, as greedy does") {
  const adaptive_batching policy;
  for (const std::size_t count : {1u, 2u, 3u, 17u, 64u}) CHECK(taken_of(policy, count) == count);
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
  CHECK(taken_of(policy, 33) == 32);
}

TEST_CASE("adaptive batching tries sizes that it does not know, and avoided ones again after a while") {
  adaptive_batching policy;
  const auto& curve = catena::test::mlp;
  const auto compute = [&](std::size_t n) { policy.computed(n, cost_of(curve, n), adaptive_start); };
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

TEST_CASE("adaptive batching finds out when one size alone becomes slow, and when it becomes quick again") {
  auto policy = taught(catena::test::mlp);
  for (int times = 0; times < 20; ++times)
    for (std::size_t n = 1; n <= 64; ++n) policy.computed(n, cost_of(catena::test::mlp, n), adaptive_start);
  duration two = 400us;
  // What is too small for a batch of eight is tried when it is all that waits.
  const auto eights_of_last_thousand = [&] {
    int eights = 0;
    for (int i = 0; i < 12'000; ++i) {
      const std::size_t n = taken_of(policy, i % 10 == 9 ? 2 : 8);
      policy.computed(n, n == 2 ? two : cost_of(catena::test::mlp, n), adaptive_start);
      eights += i >= 11'000 && n == 8;
    }
    return eights;
  };
  CHECK(taken_of(policy, 8) == 2);
  CHECK(eights_of_last_thousand() == 900);
  two = 44us;
  CHECK(eights_of_last_thousand() < 10);
}

TEST_CASE("adaptive batching keeps its choice when the whole model becomes slower, and when it becomes quick again") {
  auto policy = taught(catena::test::mlp);
  for (int i = 0; i < 100; ++i) policy.computed(2, 44us, adaptive_start);
  for (const duration two : {150us, 44us}) {
    for (int i = 0; i < 100; ++i) {
      CHECK(taken_of(policy, 8) == 2);
      policy.computed(2, two, adaptive_start);
    }
    CHECK(policy.costs().cost(2) == Catch::Approx(std::chrono::duration<double, std::nano>(two).count()).epsilon(0.1));
  }
}

TEST_CASE("of batches of a microsecond adaptive batching learns one in twenty, whichever they are") {
  adaptive_batching policy;
  for (int i = 0; i < 20'000; ++i) policy.computed(1, i % 10 == 0 ? 10us : 100ns, adaptive_start);
  CHECK(policy.costs().learnt() >= 900);
  CHECK(policy.costs().learnt() <= 1'100);
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
  if (catena::test::is_sanitized) CATENA_SKIP("its figures are those of plain builds");
  for (const auto& [name, curve] : curves)
    for (const double load : {0.2, 0.5, 0.8}) {
      const comparison c = compare_with_others(curve, {.load = load, .requests = 200'000}, {7});
      INFO(name << " at " << load << ": p50 " << c.p50 << ", p99 " << c.p99);
      CHECK(c.p50 <= 1.02);
      CHECK(c.p99 <= 1.02);
    }
}

TEST_CASE("in virtual time adaptive batching goes from twos to large batches and back as the load of a model with a hump asks for") {
  if (catena::test::is_sanitized) CATENA_SKIP("its figures are those of plain builds");
  for (const double load : {0.6, 0.65, 0.7, 0.75, 0.85, 0.9, 0.95}) {
    const comparison c = compare_with_others(catena::test::mlp, {.load = load, .requests = 200'000}, {7});
    INFO("at " << load << ": p50 " << c.p50 << ", p99 " << c.p99);
    CHECK(c.p50 <= 1.1);
    CHECK(c.p99 <= 1.1);
  }
}

TEST_CASE("in virtual time with 10 % noise adaptive batching's tail is within 10 % of the best other policy's") {
  if (catena::test::is_sanitized) CATENA_SKIP("its figures are those of plain builds");
  for (const auto& [name, curve] : curves)
    for (const double load : {0.2, 0.5, 0.8, 0.95}) {
      // At 95 % of a model that is as good at 8 as at 64, the size that is a few per cent better is not found in time.
      if (load > 0.8 && &curve == &catena::test::bert) continue;
      const comparison c = compare_with_others(curve, {.load = load, .requests = 100'000, .noise = 0.1}, few_seeds);
      INFO(name << " at " << load << ": p50 " << c.p50 << ", p99 " << c.p99);
      CHECK(c.p99 <= 1.1);
    }
}

TEST_CASE("in virtual time adaptive batching has learnt enough after the first hundred of a thousand requests") {
  for (const auto& [name, curve] : {curves[1], curves[2]})
    for (const double load : {0.2, 0.5, 0.8}) {
      const comparison c = compare_with_others(curve, {.load = load, .requests = 1'000}, many_seeds);
      INFO(name << " at " << load << ": p50 " << c.p50 << ", p99 " << c.p99);
      CHECK(c.p50 <= 1.1);
      CHECK(c.p99 <= 1.1);
    }
}

TEST_CASE("in virtual time with costs that double half-way adaptive batching's tail is within 10 % of the best other policy's") {
  if (catena::test::is_sanitized) CATENA_SKIP("its figures are those of plain builds");
  for (const auto& [name, curve] : curves)
    for (const double load : {0.1, 0.25, 0.4}) {  // and twice that in the second half
      const comparison c = compare_with_others(curve, {.load = load, .requests = 200'000, .doubles_half_way = true}, few_seeds);
      INFO(name << " at " << load << ": p99 " << c.p99 << ", in the second half " << c.second_half_p99);
      CHECK(c.p99 <= 1.1);
      CHECK(c.second_half_p99 <= 1.1);
    }
}

TEST_CASE("in virtual time with bursts adaptive batching's tail is within 10 % of the best other policy's") {
  if (catena::test::is_sanitized) CATENA_SKIP("its figures are those of plain builds");
  for (const auto& [name, curve] : curves)
    for (const double load : {0.2, 0.35, 0.5}) {  // between bursts; on average 1.45 times that
      const comparison c = compare_with_others(curve, {.load = load, .requests = 100'000, .burst_factor = 10}, few_seeds);
      INFO(name << " at " << load << ": p99 " << c.p99);
      CHECK(c.p99 <= 1.1);
    }
}

TEST_CASE("in virtual time with mixed deadlines and priorities adaptive batching misses no more than 1.1 times as many as the best other policy") {
  if (catena::test::is_sanitized) CATENA_SKIP("its figures are those of plain builds");
  for (const auto& [name, curve] : curves)
    for (const queue_order order : {queue_order::fifo, queue_order::earliest_deadline})
      for (const double load : {0.2, 0.5, 0.8}) {
        const comparison c = compare_with_others(
            curve, {.load = load, .requests = 100'000, .due_share = 0.5, .mixed_priorities = true, .order = order}, few_seeds);
        INFO(name << " at " << load << (order == queue_order::fifo ? ", fifo" : ", earliest deadline") << ": p99 " << c.p99
                  << ", missed more " << c.missed_more);
        CHECK(c.p99 <= 1.1);
        CHECK(c.missed_more <= 1e-4);  // where hardly any are missed, one in ten thousand is chance
      }
}

// What is above, and what is beyond: longer, with more seeds, at loads that no model should be run at. It prints.
TEST_CASE("in virtual time, long", "[.long]") {
  const auto report = [](const char* what, const named_curve& of, const traffic& t) {
    const comparison c = compare_with_others(of.curve, t, many_seeds);
    WARN(what << ", " << of.name << " at " << t.load << ": p50 " << c.p50 << ", p99 " << c.p99 << ", p99 of the second half "
              << c.second_half_p99 << ", missed beyond 1.1 times " << c.missed_more);
  };
  for (const named_curve& of : curves) {
    for (const double load : {0.2, 0.5, 0.8, 0.9, 0.95}) {
      report("steady", of, {.load = load, .requests = 400'000});
      report("noise", of, {.load = load, .requests = 400'000, .noise = 0.1});
      for (const queue_order order : {queue_order::fifo, queue_order::earliest_deadline})
        report(order == queue_order::fifo ? "deadlines, fifo" : "deadlines, earliest first", of,
               {.load = load, .requests = 200'000, .noise = 0.1, .due_share = 0.5, .mixed_priorities = true, .order = order});
    }
    for (const double load : {0.1, 0.25, 0.4, 0.45})
      report("doubling with noise", of, {.load = load, .requests = 400'000, .noise = 0.1, .doubles_half_way = true});
    for (const double load : {0.2, 0.35, 0.5})
      report("bursts with noise", of, {.load = load, .requests = 400'000, .noise = 0.1, .burst_factor = 10});
  }
}
