// SPDX-License-Identifier: BSL-1.0
/// \file
/// When a canary is promoted or rolled back, and how often wrongly: the rule alone, over many seeds.
#include <catena/version/canary_rule.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using canary_by = canary_rule::version;

constexpr time_point canary_start{std::chrono::hours(1)};
constexpr std::size_t canary_few = test::times(400U, 40U), canary_many = test::times(1000U, 100U);  ///< seeds

/// Two versions: how often they fail, and how long they take, lognormal with this median and spread.
struct canary_case {
  double stable_errors = 0.01;
  double canary_errors = 0.01;
  double share = 0.05;
  double canary_is_slower = 1;
  double spread = 0.5;  ///< standard deviation of the logarithm
};

struct canary_course {
  canary_verdict verdict = canary_verdict::undecided;
  std::size_t canary_runs = 0;
};

/// Runs come one after the other until the rule has decided.
canary_course canary_trial(const canary_case& c, std::uint64_t seed, const canary_rule_options& options = {}) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform;
  std::normal_distribution<double> normal;
  canary_rule rule(options, canary_start);
  time_point now = canary_start;
  while (rule.verdict() == canary_verdict::undecided) {
    now += 1ms;
    const bool canary = uniform(random) < c.share;
    const auto by = canary ? canary_by::canary : canary_by::stable;
    if (uniform(random) < (canary ? c.canary_errors : c.stable_errors)) {
      rule.failed(by, now);
    } else {
      const double latency = 10e6 * (canary ? c.canary_is_slower : 1) * std::exp(c.spread * normal(random));
      rule.answered(by, duration(static_cast<duration::rep>(latency)), now);
    }
  }
  return {rule.verdict(), rule.evidence().canary_runs};
}

/// What so many seeds came to.
struct canary_trials {
  std::size_t promoted = 0;
  std::size_t rolled_back = 0;
  std::vector<std::size_t> runs;  ///< of the canary, sorted

  [[nodiscard]] std::size_t quantile(double share) const { return runs[static_cast<std::size_t>(share * static_cast<double>(runs.size() - 1))]; }
};

canary_trials canary_over(std::size_t seeds, const canary_case& c, const canary_rule_options& options = {}) {
  canary_trials all;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const canary_course course = canary_trial(c, seed, options);
    ++(course.verdict == canary_verdict::promote ? all.promoted : all.rolled_back);
    all.runs.push_back(course.canary_runs);
  }
  std::sort(all.runs.begin(), all.runs.end());
  return all;
}

/// The most of so many that may be wrong where one is with this probability: three standard deviations more than expected.
std::size_t canary_most(double probability, std::size_t of) {
  const double n = static_cast<double>(of);
  return static_cast<std::size_t>(n * probability + 3 * std::sqrt(n * probability * (1 - probability)));
}

}  // namespace

TEST_CASE("a canary as good as stable is rolled back no more often than alpha, whatever the error rate and the share") {
  for (const double share : {0.05, 0.5})
    for (const double rate : {0.0, 0.001, 0.01, 0.1}) {
      CAPTURE(share, rate);
      const auto all = canary_over(canary_few, {.stable_errors = rate, .canary_errors = rate, .share = share});
      CHECK(all.rolled_back <= canary_most(0.05, canary_few));
    }
}

TEST_CASE("a canary that is worse by as much as must be noticed is promoted no more often than beta") {
  for (const double share : {0.05, 0.5})
    for (const double rate : {0.0, 0.001, 0.01, 0.1}) {
      CAPTURE(share, rate);
      const auto all = canary_over(canary_few, {.stable_errors = rate, .canary_errors = rate + 0.02, .share = share});
      CHECK(all.promoted <= canary_most(0.01, canary_few));
    }
}

TEST_CASE("beside a stable version with 1 % errors a canary with 5 % is rolled back within 1000 of its runs, and one with 1 % promoted within 3000") {
  const auto bad = canary_over(canary_many, {.stable_errors = 0.01, .canary_errors = 0.05});
  CHECK(bad.promoted <= canary_most(0.01, canary_many));
  CHECK(bad.quantile(0.5) <= 150);
  CHECK(bad.quantile(1) <= 1000);
  const auto good = canary_over(canary_many, {.stable_errors = 0.01, .canary_errors = 0.01});
  CHECK(good.rolled_back <= canary_most(0.05, canary_many));
  CHECK(good.quantile(0.5) <= 700);
  CHECK(good.quantile(1) <= 3000);
}

TEST_CASE("other rates of wrong decisions are kept as well") {
  const canary_rule_options lax{.alpha = 0.2, .beta = 0.1};
  const canary_rule_options strict{.alpha = 0.01, .beta = 0.001};
  for (const canary_rule_options& o : {lax, strict}) {
    CHECK(canary_over(canary_few, {.stable_errors = 0.02, .canary_errors = 0.02, .share = 0.3}, o).rolled_back <= canary_most(o.alpha, canary_few));
    CHECK(canary_over(canary_few, {.stable_errors = 0.02, .canary_errors = 0.04, .share = 0.3}, o).promoted <= canary_most(o.beta, canary_few));
  }
}

TEST_CASE("a canary that takes twice as long is rolled back, however latencies are spread, and one that takes as long is not") {
  for (const double spread : {0.0, 0.2, 0.5, 1.0}) {
    CAPTURE(spread);
    const auto slow = canary_over(canary_few, {.canary_is_slower = 2, .spread = spread});
    CHECK(slow.promoted <= canary_most(0.01, canary_few));
    CHECK(slow.quantile(0.99) <= 1000);
    const auto same = canary_over(canary_few, {.canary_is_slower = 1, .spread = spread});
    CHECK(same.rolled_back <= canary_most(0.05, canary_few));
  }
}

TEST_CASE("a canary that is slower by what is fine is promoted") {
  CHECK(canary_over(canary_few, {.stable_errors = 0, .canary_errors = 0, .canary_is_slower = 1.2, .spread = 0.3}).rolled_back <= canary_most(0.05, canary_few));
  const auto microseconds = [](duration stable, duration canary) {
    canary_rule rule({}, canary_start);
    while (rule.verdict() == canary_verdict::undecided) {
      (void)rule.answered(canary_by::stable, stable, canary_start);
      (void)rule.answered(canary_by::canary, canary, canary_start);
    }
    return rule.verdict();
  };
  CHECK(microseconds(1us, 90us) == canary_verdict::promote);  // noise
  CHECK(microseconds(1us, 110us) == canary_verdict::roll_back);
}

TEST_CASE("with no failures at all a canary is promoted as soon as it can be: after -log(beta / 4) / worse_by of its runs") {
  const canary_course course = canary_trial({.stable_errors = 0, .canary_errors = 0, .spread = 0}, 1);
  CHECK(course.verdict == canary_verdict::promote);
  CHECK(course.canary_runs == 296);
}

TEST_CASE("a canary that always fails is rolled back after the least number of runs") {
  const canary_course course = canary_trial({.stable_errors = 0, .canary_errors = 1}, 1);
  CHECK(course.verdict == canary_verdict::roll_back);
  CHECK(course.canary_runs == canary_rule_options{}.min_runs);
}

TEST_CASE("nothing is decided before the least number of runs, and by the most it is decided by what speaks for more") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const canary_rule_options o{.min_runs = 150, .max_runs = 200};
    const canary_course course = canary_trial({.stable_errors = 0.01, .canary_errors = 0.02}, seed, o);
    CHECK(course.canary_runs >= 150);
    CHECK(course.canary_runs <= 200);
  }
}

TEST_CASE("nothing is promoted before its time, but rolled back at any") {
  const canary_rule_options patient{.min_time = 1h};
  canary_rule rule(patient, canary_start);
  for (int i = 0; i < 1000; ++i) {
    (void)rule.answered(canary_by::stable, 1ms, canary_start + 59min);
    (void)rule.answered(canary_by::canary, 1ms, canary_start + 59min);
  }
  CHECK(rule.verdict() == canary_verdict::undecided);
  canary_rule bad = rule;
  CHECK(rule.answered(canary_by::canary, 1ms, canary_start + 1h) == canary_verdict::promote);
  for (int i = 0; i < 200; ++i) (void)bad.failed(canary_by::canary, canary_start + 59min);
  CHECK(bad.verdict() == canary_verdict::roll_back);
}

TEST_CASE("what a rule has decided stays decided") {
  canary_rule rule({.min_runs = 1, .max_runs = 1}, canary_start);
  CHECK(rule.answered(canary_by::canary, 1ms, canary_start) == canary_verdict::promote);
  for (int i = 0; i < 1000; ++i) CHECK(rule.failed(canary_by::canary, canary_start) == canary_verdict::promote);
}

TEST_CASE("a rule's options are checked") {
  const auto refused = [](const canary_rule_options& o) { CHECK_THROWS_AS(canary_rule(o, canary_start), std::invalid_argument); };
  refused({.worse_by = 0});
  refused({.worse_by = 0.6});
  refused({.slower_by = 0.9});
  refused({.noise = -1ns});
  refused({.alpha = 0});
  refused({.alpha = 0.3});
  refused({.beta = std::nan("")});
  refused({.min_runs = 0});
  refused({.min_runs = 10, .max_runs = 9});
  refused({.min_time = -1ns});
}
