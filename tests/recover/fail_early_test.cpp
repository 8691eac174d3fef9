// SPDX-License-Identifier: BSL-1.0
/// \file
/// Whether there is any point in beginning: the odds, the probes, the wait.
#include <catena/recover/fail_early.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using verdict = early_verdict;

const time_point odds_start = time_point{} + 1h;

/// So many calls that end so.
void odds_see(finish_odds& odds, int count, call_end how, duration took, time_point now = odds_start) {
  while (count-- > 0) odds.ended(verdict::goes, how, took, now);
}

struct seen_call {
  std::size_t bucket;
  bool answered;
};

/// The product-limit estimate as its paper has it: over the calls in the order of their times, those that were cut short last.
duration modelled_hopeless_below(std::vector<seen_call> calls, const fail_early_options& options) {
  using buckets = detail::latency_buckets;
  std::ranges::sort(calls, [](const auto& a, const auto& b) { return std::pair(a.bucket, !a.answered) < std::pair(b.bucket, !b.answered); });
  duration below{};
  double not_ended = 1;
  std::size_t i = 0, cut_short = 0;
  for (std::size_t b = 0; b < buckets::count && i < calls.size(); ++b) {
    const std::size_t cut_before = cut_short;
    for (; i < calls.size() && calls[i].bucket == b; ++i) {
      if (calls[i].answered) not_ended *= 1 - 1 / static_cast<double>(calls.size() - i);
      else ++cut_short;
    }
    if (1 - not_ended >= options.chance || calls.size() - cut_before < options.least_count) break;
    below = buckets::end_of(b);
  }
  return below;
}

}  // namespace

TEST_CASE("who has less time than one in twenty needed is hopeless, by as many calls as are asked for") {
  finish_odds odds({.probe_share = 0.001});
  odds_see(odds, 99, call_end::answered, 100ms);
  CHECK(odds.judge(1ms, odds_start) == verdict::goes);
  odds_see(odds, 1, call_end::answered, 100ms);
  CHECK(odds.judge(1ms, odds_start) == verdict::hopeless);
  CHECK(odds.judge(80ms, odds_start) == verdict::hopeless);
  CHECK(odds.judge(100ms, odds_start) == verdict::goes);
  CHECK(*odds.usual() >= 100ms);
  CHECK(*odds.usual() <= 115ms);
  odds_see(odds, 6, call_end::answered, 10ms);  // more than one in twenty
  CHECK(odds.judge(20ms, odds_start) == verdict::goes);
  CHECK(odds.judge(5ms, odds_start) == verdict::hopeless);
}

TEST_CASE("who is expected to wait for longer than it has time is hopeless by as many calls, too") {
  finish_odds odds({.probe_share = 0.001});
  odds_see(odds, 99, call_end::answered, 100ms);
  CHECK(odds.judge(-1ms, odds_start) == verdict::goes);
  odds_see(odds, 1, call_end::answered, 100ms);
  CHECK(odds.judge(-1ms, odds_start) == verdict::hopeless);
}

TEST_CASE("calls that were cut short count as having taken longer, and tell nothing of longer times") {
  finish_odds odds({.probe_share = 0.001});
  odds_see(odds, 128, call_end::cut_short, 50ms);
  CHECK(odds.judge(50ms, odds_start) == verdict::hopeless);
  CHECK(odds.judge(60ms, odds_start) == verdict::goes);
  CHECK_FALSE(odds.usual());
  odds_see(odds, 128, call_end::answered, 200ms);
  odds.look();
  CHECK(odds.judge(150ms, odds_start) == verdict::hopeless);  // by the 128 that were not cut short before
  CHECK(odds.judge(200ms, odds_start) == verdict::goes);
}

TEST_CASE("the odds agree with the product-limit estimate, whatever was seen") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 random(seed);
    const fail_early_options options{.chance = 0.01 * static_cast<double>(1 + random() % 40), .least_count = 10 + random() % 90};
    finish_odds odds(options);
    std::vector<seen_call> calls;
    const auto spread = 1 + random() % 200'000;
    for (std::uint64_t n = random() % (4 * options.least_count); n > 0; --n) {
      const duration took = std::chrono::microseconds(random() % spread);
      const call_end how = random() % 3 == 0 ? call_end::cut_short : call_end::answered;
      odds.ended(verdict::goes, how, took, odds_start);
      calls.push_back({detail::latency_buckets::of(took), how == call_end::answered});
    }
    odds.look();
    INFO("seed " << seed << ", " << calls.size() << " calls");
    CHECK(odds.hopeless_below() == modelled_hopeless_below(calls, options));
  }
}

TEST_CASE("one in a hundred goes on all the same, the same ones for the same seed, and three that end in time clear the record") {
  std::vector<int> probes[2];
  for (auto& at : probes) {
    finish_odds odds({.seed = 7});
    odds_see(odds, 100, call_end::cut_short, 50ms);
    for (int i = 0; i < 20'000; ++i) {
      const verdict v = odds.judge(50ms, odds_start);
      REQUIRE(v != verdict::goes);
      if (v == verdict::hopeless) continue;
      at.push_back(i);
      odds.ended(v, at.size() % 3 == 0 ? call_end::cut_short : call_end::answered, at.size() % 3 == 0 ? 50ms : 49ms, odds_start);
      if (at.size() == 6) break;
    }
  }
  CHECK(probes[0] == probes[1]);
  CHECK(probes[0].size() == 6);
  CHECK(probes[0].back() < 1500);

  finish_odds odds;
  odds_see(odds, 400, call_end::cut_short, 50ms);
  int calls = 0;
  for (int well = 0; well < 3; ++calls) {
    const verdict v = odds.judge(50ms, odds_start);
    REQUIRE(v != verdict::goes);
    if (v == verdict::probes) odds.ended(v, call_end::answered, 1ms, odds_start), ++well;
  }
  CHECK(calls < 1000);
  CHECK(odds.count() == 0);
  CHECK(odds.judge(1us, odds_start) == verdict::goes);
}

TEST_CASE("a target that gets quicker or slower is judged by what it does lately") {
  finish_odds odds;
  odds_see(odds, 1000, call_end::answered, 1ms);
  CHECK(odds.judge(5ms, odds_start) == verdict::goes);
  odds_see(odds, 400, call_end::answered, 100ms);
  CHECK(odds.judge(5ms, odds_start) != verdict::goes);
  odds_see(odds, 20, call_end::answered, 1ms);
  CHECK(odds.judge(5ms, odds_start) == verdict::goes);
}

TEST_CASE("what was seen long ago is forgotten") {
  finish_odds odds({.memory = 1min});
  odds_see(odds, 100, call_end::answered, 100ms);
  CHECK(odds.judge(1ms, odds_start + 59s) != verdict::goes);
  CHECK(odds.judge(1ms, odds_start + 1min) == verdict::goes);
  CHECK(odds.count() == 0);
}

TEST_CASE("the wait that is expected is what those who began lately waited, less the time since") {
  expected_wait wait;
  CHECK(wait.at(odds_start) == 0ms);
  wait.began(100ms, odds_start);
  CHECK(wait.at(odds_start) == 100ms);
  CHECK(wait.at(odds_start + 30ms) == 70ms);
  CHECK(wait.at(odds_start + 1s) == 0ms);
  wait.began(20ms, odds_start + 1s);
  CHECK(wait.at(odds_start + 1s) == 20ms);
  wait.began(200ms, odds_start + 1s);
  CHECK(wait.at(odds_start + 1s) == 110ms);  // one that waited long says less than all of them
}

TEST_CASE("an option of fail_early that is out of range is named") {
  const std::vector<std::pair<fail_early_options, std::string>> table{
      {{.chance = 0}, "fail_early_options::chance must be 0.001 to 0.5"},
      {{.chance = 0.6}, "fail_early_options::chance must be 0.001 to 0.5"},
      {{.least_count = 9}, "fail_early_options::least_count must be 10 to 100000"},
      {{.probe_share = 0}, "fail_early_options::probe_share must be 0.001 to 1"},
      {{.probes = 0}, "fail_early_options::probes must be 1 to 100"},
      {{.memory = 0s}, "fail_early_options::memory must be more than 0 to 1 day"},
      {{.memory = 25h}, "fail_early_options::memory must be more than 0 to 1 day"},
  };
  for (const auto& [options, text] : table) CHECK_THROWS_WITH(finish_odds(options), text);
  check(fail_early_options{});
}
