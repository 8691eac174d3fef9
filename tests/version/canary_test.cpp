// SPDX-License-Identifier: BSL-1.0
/// \file
/// Canaries in the manual world: judged by the runs they get, promoted, rolled back, and told about.
#include <catena/chain.hpp>
#include <catena/version/versions.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "version/version_world.hpp"
#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// How a version behaves.
struct canary_manner {
  double errors = 0;
  duration median = {};  ///< of its latency, lognormal
};

/// Stable "1" and canary "2" under a stream of runs, until the canary has ended.
struct canary_scene {
  explicit canary_scene(std::uint64_t seed, runtime_options options = {}) : world(seed), random(seed), rt(world.runtime(std::move(options))) {}

  void add(std::string name, canary_manner how) {
    risk.add(std::move(name), [this, how](call, int x) -> asio::awaitable<result<int>> {
      if (how.median > duration{}) {
        const double takes = static_cast<double>(how.median.count()) * std::exp(0.5 * std::normal_distribution<double>()(random));
        co_await rt.async_wait_until(rt.now() + duration(static_cast<duration::rep>(takes)), asio::use_awaitable);
      }
      if (std::uniform_real_distribution<double>()(random) < how.errors) co_return failure(errc::model_failed);
      co_return x;
    });
  }
  /// One run after the other begins; returns how many of the canary it took.
  std::size_t run_until_decided(std::size_t most = 2'000'000) {
    for (std::size_t i = 0; decisions.empty() && i < most; ++i) {
      risk.async_run(1, [](const result<int>&) {});
      if (i % 8 == 7) world.advance(1ms);
    }
    world.run();
    return decisions.empty() ? most : decisions.front().evidence.canary_runs;
  }
  [[nodiscard]] bool is_promoted() const { return decisions.front().verdict == canary_verdict::promote; }

  testing::manual_world world;
  std::mt19937_64 random;
  runtime rt;
  std::vector<canary_decision> decisions;
  versions<int, int> risk{rt, {.name = "risk", .decided = [this](const canary_decision& d) { decisions.push_back(d); }}};
};

version_label canary_label_of(const versions_stats& stats, std::string_view name) {
  for (const auto& v : stats.versions)
    if (v.version == name) return v.label;
  FAIL("no such version");
  return {};
}

}  // namespace

TEST_CASE("over 100 seeds a canary with 5 % errors is rolled back within 1000 of its runs, and one as good as stable promoted within 3000") {
  int wrongly_promoted = 0, wrongly_rolled_back = 0;
  for (std::uint64_t seed = 1; seed <= test::times(100U, 10U); ++seed) {
    canary_scene bad(seed);
    bad.add("1", {.errors = 0.01});
    bad.add("2", {.errors = 0.05});
    bad.risk.begin_canary("2", {.share = 0.2});
    CHECK(bad.run_until_decided() <= 1000);
    wrongly_promoted += bad.is_promoted();
    canary_scene good(seed);
    good.add("1", {.errors = 0.01});
    good.add("2", {.errors = 0.01});
    good.risk.begin_canary("2", {.share = 0.2});
    CHECK(good.run_until_decided() <= 3000);
    wrongly_rolled_back += !good.is_promoted();
  }
  CHECK(wrongly_promoted <= 3);     // 1 of 100 expected at most, and two standard deviations
  CHECK(wrongly_rolled_back <= 9);  // 5, and two
}

TEST_CASE("a canary that is twice as slow is rolled back, and one that is as fast promoted") {
  int wrong = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    canary_scene slow(seed);
    slow.add("1", {.median = 2ms});
    slow.add("2", {.median = 4ms});
    slow.risk.begin_canary("2", {.share = 0.2});
    CHECK(slow.run_until_decided() <= 1000);
    wrong += slow.is_promoted();
    canary_scene fast(seed);
    fast.add("1", {.median = 2ms});
    fast.add("2", {.median = 2ms});
    fast.risk.begin_canary("2", {.share = 0.2});
    CHECK(fast.run_until_decided() <= 1000);
    wrong += !fast.is_promoted();
  }
  CHECK(wrong <= 2);
}

TEST_CASE("a promoted canary is stable, the version before it has no label, and the log, the stats and a callback say so") {
  std::vector<std::string> log;
  canary_scene here(1, {.log = [&](log_level level, std::string_view component, std::string_view text) {
    if (level == log_level::note) log.push_back(std::string(component) + ": " + std::string(text));
  }});
  here.add("1", {});
  here.add("2", {});
  here.risk.begin_canary("2", {.share = 0.5});
  here.run_until_decided();
  REQUIRE(here.decisions.size() == 1);
  CHECK(here.decisions[0].name == "risk");
  CHECK(here.decisions[0].version == "2");
  const versions_stats stats = here.risk.stats();
  CHECK(canary_label_of(stats, "2") == version_label::stable);
  CHECK(canary_label_of(stats, "1") == version_label::none);
  CHECK(!stats.canary);
  REQUIRE(stats.last_decision.has_value());
  CHECK(stats.last_decision->verdict == canary_verdict::promote);
  REQUIRE(log.size() == 1);
  CHECK(log[0].find("versions/risk: canary '2' is promoted: 0 of ") == 0);
}

TEST_CASE("a canary that is rolled back serves nobody any more, and the log warns") {
  int warnings = 0;
  canary_scene here(1, {.log = [&](log_level level, std::string_view, std::string_view) { warnings += level == log_level::warning; }});
  here.add("1", {});
  here.add("2", {.errors = 1});
  here.risk.begin_canary("2", {.share = 0.5});
  here.run_until_decided();
  CHECK(!here.is_promoted());
  CHECK(warnings == 1);
  CHECK(canary_label_of(here.risk.stats(), "1") == version_label::stable);
  const auto served = here.risk.stats().versions[1].run_count;
  for (int i = 0; i < 100; ++i) here.risk.async_run(1, [](const result<int>&) {});
  here.world.run();
  CHECK(here.risk.stats().versions[1].run_count == served);
}

TEST_CASE("who is told of a decision may remove the version that lost") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  std::unique_ptr<versions<int, int>> v;
  v = std::make_unique<versions<int, int>>(rt, versions_options{.name = "v", .decided = [&](const canary_decision& d) { v->remove(d.version); }});
  const auto alive = std::make_shared<int>(0);
  v->add("1", [](int x) { return x; });
  v->add("2", [alive](int) -> result<int> { return failure(errc::model_failed); });
  v->begin_canary("2", {.share = 0.5});
  for (int i = 0; i < 1000; ++i) v->async_run(1, [](const result<int>&) {});
  world.run();
  CHECK(v->stats().versions.size() == 1);
  CHECK(alive.use_count() == 1);
}

TEST_CASE("what is refused on this side, cancelled or never began says nothing about a canary") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  const auto risk = versions<int, int>(rt, {.name = "risk"});
  risk.add("1", [](int x) { return x; });
  errc why{};
  risk.add("2", [&](int) -> result<int> { return failure(why); });
  risk.begin_canary("2", {.share = 0.5});
  for (const errc local : {errc::queue_full, errc::expired, errc::not_admitted, errc::shutting_down, errc::cancelled}) {
    why = local;
    for (int i = 0; i < 100; ++i) risk.async_run(1, [](const result<int>&) {});
    world.run();
  }
  CHECK(risk.stats().canary->canary_runs == 0);
  CHECK(risk.stats().versions[1].ignored_count > 200);
  why = errc::invalid_input;
  risk.async_run(1, [](const result<int>&) {});
  for (int i = 0; i < 20; ++i) risk.async_run(1, [](const result<int>&) {});
  world.run();
  CHECK(risk.stats().canary->canary_failures > 0);
}

TEST_CASE("a run that is cancelled says nothing about a canary, and one that is out of time does") {
  test::version_world here;
  here.add_slow(1, 10ms);
  here.add_slow(2, 10ms);
  here.risk.begin_canary("2", {.share = 0.5});
  std::vector<asio::cancellation_signal> signals(50);
  for (auto& signal : signals) here.risk.async_run(0, asio::bind_cancellation_slot(signal.slot(), here.ends.emplace_back().take()));
  here.world.advance(1ms);
  for (auto& signal : signals) signal.emit(asio::cancellation_type::terminal);
  here.world.run();
  const canary_evidence before = *here.risk.stats().canary;
  CHECK(before.canary_runs + before.stable_runs == 0);
  for (int i = 0; i < 50; ++i) here.begin(here.risk, 0, {.deadline = here.world.now() + 5ms});
  here.world.run();
  const canary_evidence after = *here.risk.stats().canary;
  CHECK(after.canary_failures + after.stable_failures == 50);
}

TEST_CASE("a canary is judged by the first request of each run") {
  test::version_world here;
  here.add(1);
  here.add(2);
  here.risk.begin_canary("2", {.share = 0.5});
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("a", here.risk) >> stage("b", here.risk) >> stage("c", here.risk); });
  for (int i = 0; i < 20; ++i) here.begin(c);
  here.world.run();
  const canary_evidence seen = *here.risk.stats().canary;
  CHECK(seen.canary_runs + seen.stable_runs == 20);
  CHECK(here.stats_of("1").answered_count + here.stats_of("2").answered_count == 60);
}

TEST_CASE("a canary whose stable version is replaced begins anew, and runs begun before do not count") {
  test::version_world here;
  here.add_slow(1, 1ms);
  here.add_slow(2, 1ms);
  here.add_slow(3, 1ms);
  here.risk.begin_canary("2", {.share = 0.5});
  for (int i = 0; i < 20; ++i) here.begin(here.risk);
  here.world.advance(2ms);
  CHECK(here.risk.stats().canary->canary_runs > 0);
  for (int i = 0; i < 20; ++i) here.begin(here.risk);
  here.world.run_until_idle();
  here.risk.promote("3");
  here.world.run();
  CHECK(here.risk.stats().canary->canary_runs == 0);
  CHECK(here.risk.stats().canary->stable_runs == 0);
}

TEST_CASE("a request that ends when its canary has been rolled back by hand disturbs nothing") {
  test::version_world here;
  here.add_slow(1, 1ms);
  here.add_slow(2, 1ms);
  here.risk.begin_canary("2", {.share = 0.5});
  for (int i = 0; i < 20; ++i) here.begin(here.risk);
  here.world.run_until_idle();
  here.risk.end_canary();
  here.risk.remove("2");
  here.world.run();
  for (auto& end : here.ends) CHECK(end.answered());
  CHECK(!here.risk.stats().last_decision);
}
