// SPDX-License-Identifier: BSL-1.0
/// \file
/// Several versions behind one name: which one a run gets, and that it keeps it.
#include <catena/cache/cache.hpp>
#include <catena/chain.hpp>
#include <catena/observe/metrics.hpp>
#include <catena/testing/fake_model.hpp>
#include <catena/version/versions.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "residency/resident_models.hpp"
#include "version/version_world.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;
using test::version_world;

int same_version(int a, int b) { return a == b ? a : -1; }
int one_version(const std::vector<int>& all) {
  return std::all_of(all.begin(), all.end(), [&](int v) { return v == all.front(); }) ? all.front() : -1;
}

/// Which of many runs get the canary.
std::set<int> in_the_canary(version_world& here, const versions<int, int>& v, int runs, run_options (*options)(int)) {
  std::set<int> in;
  for (int i = 0; i < runs; ++i)
    if (here.ask(v, i, options(i)) == 2) in.insert(i);
  return in;
}
run_options by_id(int i) { return {.id = static_cast<std::uint64_t>(i) + 1}; }
run_options by_tenant(int i) { return {.tenant = static_cast<std::uint32_t>(i) + 1}; }
run_options by_nothing(int) { return {}; }

bool is_subset(const std::set<int>& small, const std::set<int>& large) {
  return std::includes(large.begin(), large.end(), small.begin(), small.end());
}

/// Two versions of which runs are given the second one in half of all cases.
versions<int, int> two_versions(const runtime& rt, canary_options options = {.share = 0.5, .rule = {.min_time = 1h}}) {
  versions<int, int> v(rt, {.name = "risk"});
  v.add("1", [](int) { return 1; });
  v.add("2", [](int) { return 2; });
  v.begin_canary("2", options);
  return v;
}

}  // namespace

TEST_CASE("a run is answered by the stable version, which is the first one until another is promoted") {
  version_world here;
  here.add(1);
  here.add(2);
  CHECK(here.ask(here.risk) == 1);
  here.risk.promote("2");
  CHECK(here.ask(here.risk) == 2);
}

TEST_CASE("without a version a run fails, and says of what") {
  version_world here;
  const auto c = make_chain<int>(here.rt, "fraud", [&](auto in) { return in >> stage("score", here.risk); });
  auto& end = here.begin(c);
  here.world.run();
  CHECK(end.why().is(errc::unavailable));
  CHECK(end.path() == "fraud/score");
  CHECK(end.why().message() == "versions 'risk': there is no version yet");
}

TEST_CASE("a failure names the version in its path, in a chain and called directly") {
  version_world here;
  here.risk.add("3", [](int) -> result<int> { return failure(errc::invalid_input); });
  const auto c = make_chain<int>(here.rt, "fraud", [&](auto in) { return in >> stage("score", here.risk); });
  auto& inside = here.begin(c);
  auto& direct = here.begin(here.risk);
  here.world.run();
  CHECK(inside.path() == "fraud/score/3");
  CHECK(direct.path() == "risk/3");
}

TEST_CASE("a version is a function, a coroutine, a model, a chain, or a stage with what is said about it") {
  version_world here;
  const cache<int> kept(here.rt, {.capacity_count = 10});
  int computed = 0;
  const auto inner = make_chain<int>(here.rt, "inner", [](auto in) { return in >> stage("add", [](int x) { return x + 4; }); });
  const auto m = make_model<int, int>(here.rt, {.name = "m"}, [](batch<int, int>& b) {
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i) + 3);
  });
  here.risk.add("1", [](const int& x) { return x + 1; });
  here.risk.add("2", [](call, int x) -> asio::awaitable<int> { co_return x + 2; });
  here.risk.add("3", m);
  here.risk.add("4", inner);
  here.risk.add("5", stage("5", [&](int x) { return ++computed, x + 5; }).cache(kept).timeout(1s));
  for (int v = 1; v <= 5; ++v) {
    here.risk.promote(std::to_string(v));
    for (int twice = 0; twice < 2; ++twice) {
      auto& end = here.begin(here.risk, 10);
      here.world.run_until([&] { return end.count() == 1; });
      CHECK(end.value() == 10 + v);
    }
  }
  CHECK(computed == 1);
}

TEST_CASE("versions are awaited, called with a call, and described like a chain") {
  version_world here;
  here.add(1);
  const auto agent = make_chain<int>(here.rt, "agent", [&](auto in) {
    return in >> stage("ask", [risk = here.risk](call c, int x) -> asio::awaitable<int> {
             const int once = co_await risk(c, x);
             const int again = co_await risk(x);
             co_return same_version(once, again);
           });
  });
  CHECK(here.ask(agent) == 1);
  CHECK(here.risk.describe().stages.front().kind == "versions");
}

TEST_CASE("versions are described by their names and what each is for, as they are by then, also behind a timeout") {
  version_world here;
  for (const int v : {1, 2, 3, 4}) here.add(v);
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("plain", here.risk) >> stage("guarded", here.risk).timeout(1s);
  });
  const auto named = [](const graph::description::stage& s) {
    std::vector<std::string> names;
    for (const auto& a : s.alternatives) names.push_back(a.name + a.label);
    return names;
  };
  using texts = std::vector<std::string>;
  CHECK(named(c.describe().stages[0]) == texts{"1stable", "2", "3", "4"});
  here.risk.promote("2");
  here.risk.begin_canary("3");
  here.risk.mirror("4");
  here.risk.remove("1");
  const auto now = c.describe();
  CHECK(named(now.stages[0]) == texts{"2stable", "3canary", "4shadow"});
  CHECK(named(now.stages[1]) == texts{"2stable", "3canary", "4shadow"});
  CHECK(named(now.stages[1].inner[0].stages[0]) == texts{"2stable", "3canary", "4shadow"});
  CHECK(named(here.risk.describe().stages[0]).size() == 3);
}

TEST_CASE("versions that do not fit are refused when they are added, and options when they are given") {
  version_world here;
  version_world elsewhere;
  here.add(1);
  CHECK_THROWS_AS(here.add(1), std::invalid_argument);
  CHECK_THROWS_AS(here.risk.add("2", elsewhere.risk), graph_error);
  CHECK_THROWS_AS(here.risk.add("", [](int x) { return x; }), graph_error);
  CHECK_THROWS_AS(here.risk.remove("7"), std::invalid_argument);
  CHECK_THROWS_AS(here.risk.remove("1"), std::invalid_argument);
  CHECK_THROWS_AS(here.risk.promote("7"), std::invalid_argument);
  CHECK_THROWS_AS(here.risk.begin_canary("1"), std::invalid_argument);
  CHECK_THROWS_AS(here.risk.mirror("1"), std::invalid_argument);
  CHECK_FALSE(here.risk.set_canary_share(0.5));
  here.add(2);
  for (const double share : {-0.1, 0.0, 1.0, std::nan("")}) {
    CHECK_THROWS_AS(here.risk.begin_canary("2", {.share = share}), std::invalid_argument);
    CHECK_THROWS_AS(here.risk.set_canary_share(share), std::invalid_argument);
  }
  CHECK_THROWS_AS(here.risk.mirror("2", {.share = 0}), std::invalid_argument);
  CHECK_THROWS_AS(here.risk.mirror("2", {.timeout = {}}), std::invalid_argument);
  CHECK_THROWS_AS(here.risk.mirror("2", {.max_in_flight = 0}), std::invalid_argument);
  CHECK_THROWS_AS((versions<int, int>(here.rt, {.name = ""})), std::invalid_argument);
  CHECK_THROWS_AS((versions<int, int>(here.rt, {.name = "a/b"})), std::invalid_argument);
}

TEST_CASE("a version that would move its input is refused: others may need it as well") {
  version_world here;
  versions<std::unique_ptr<int>, int> v(here.rt, {.name = "v"});
  CHECK_THROWS_AS(v.add("1", [](std::unique_ptr<int>&& p) { return *p; }), graph_error);
  v.add("1", [](const std::unique_ptr<int>& p) { return *p; });
  test::outcome<int> end;
  v.async_run(std::make_unique<int>(5), end.take());
  here.world.run();
  CHECK(end.value() == 5);
}

TEST_CASE("versions of another runtime are no stage of a chain") {
  version_world here;
  version_world elsewhere;
  CHECK_THROWS_AS(make_chain<int>(elsewhere.rt, "c", [&](auto in) { return in >> stage("v", here.risk); }), graph_error);
}

// ---- one version for a run -------------------------------------------------------------------------------------------------

TEST_CASE("a run has one version in all its stages, whatever is promoted and removed meanwhile") {
  version_world here;
  here.add_slow(1, 1ms);
  here.add_slow(2, 1ms);
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto first = in >> stage("first", here.risk);
    auto paused = in >> stage("pause", here.pause(5ms));
    auto second = join(in, paused) >> stage("in", [](int x, unit) { return x; }) >> stage("second", here.risk);
    return join(first, second) >> stage("same", same_version);
  });
  auto& old = here.begin(c);
  here.world.advance(2ms);
  here.risk.promote("2");
  here.risk.remove("1");
  auto& fresh = here.begin(c);
  here.world.run();
  CHECK(old.value() == 1);
  CHECK(fresh.value() == 2);
}

TEST_CASE("chains inside, each item, a branch, what races, and what coroutines call have the version of their run") {
  version_world here;
  here.add_slow(1, 1ms);
  here.add_slow(2, 1ms);
  const auto inner = make_chain<int>(here.rt, "inner", [&](auto in) { return in >> stage("in", here.risk); });
  const auto agent = [inner, risk = here.risk, rt = here.rt](call c, int x) -> asio::awaitable<int> {
    co_await rt.async_wait_until(rt.now() + 20ms, asio::use_awaitable);
    const int nested = co_await inner(c, x);
    const int direct = co_await risk(c, x);
    co_return same_version(nested, direct);
  };
  const auto outer = make_chain<int>(here.rt, "outer", [&](auto in) { return in >> stage("agent", agent); });
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto later = in >> stage("pause", here.pause(5ms));
    auto items = join(in, later) >> stage("items", [](int, unit) { return std::vector<int>(7, 0); }) >>
                 each("each", stage("one", inner), 2) >> stage("all", one_version);
    auto first = in >> stage("first", here.risk);
    auto branched = join(in, later) >> stage("b", [](int x, unit) { return x; }) >>
                    branch("branch", [](int) { return true; }, stage("yes", here.risk), stage("no", inner));
    auto raced = join(in, later) >> stage("r", [](int x, unit) { return x; }) >> first_of("race", stage("near", here.risk), stage("far", inner));
    auto called = in >> stage("agent", agent);
    auto deeper = in >> stage("outer", outer);
    return join(items, first, branched, raced, called, deeper) >>
           stage("same", [](int a, int b, int d, int e, int f, int g) { return one_version({a, b, d, e, f, g}); });
  });
  auto& end = here.begin(c);
  here.world.advance(3ms);
  here.risk.promote("2");
  here.world.run();
  CHECK(end.value() == 1);
  CHECK(here.ask(c) == 2);
}

TEST_CASE("a coroutine's call that asks before its run does decides for the run") {
  version_world here;
  here.add(1);
  here.add(2);
  const auto inner = make_chain<int>(here.rt, "inner", [&](auto in) { return in >> stage("in", here.risk); });
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto early = in >> stage("early", [inner](call own, int x) -> asio::awaitable<int> { co_return co_await inner(own, x); });
    auto late = in >> stage("pause", here.pause(5ms));
    auto asked = join(early, late) >> stage("then", [](int, unit) { return 0; }) >> stage("late", here.risk);
    return join(early, asked) >> stage("same", same_version);
  });
  auto& end = here.begin(c);
  here.world.advance(1ms);
  here.risk.promote("2");
  here.world.run();
  CHECK(end.value() == 1);
}

TEST_CASE("a run that is part of another one and outlives it keeps the version") {
  version_world here;
  here.add(1);
  here.add(2);
  const auto slow = make_chain<int>(here.rt, "slow", [&](auto in) {
    auto paused = in >> stage("pause", here.pause(5ms));
    return join(in, paused) >> stage("then", [](int x, unit) { return x; }) >> stage("late", here.risk);
  });
  auto& left_behind = here.ends.emplace_back();
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("first", here.risk) >> stage("leave", [slow, &left_behind](call own, int x) -> asio::awaitable<int> {
             slow.async_run(x, own.options(), left_behind.take());
             co_return x;
           });
  });
  auto& end = here.begin(c);
  here.world.run_until_idle();
  CHECK(end.value() == 1);
  here.risk.promote("2");
  here.risk.remove("1");
  here.world.run();
  CHECK(left_behind.value() == 1);
}

TEST_CASE("a version is destroyed exactly when it has been removed and the last run that has it has ended") {
  version_world here;
  const auto first = here.add_slow(1, 1ms);
  here.add(2);
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("risk", here.risk) >> stage("x", [](int x) { return x; }); });
  auto& one = here.begin(c);
  here.world.advance(500us);
  bool gone_before_the_answer = false;
  here.risk.async_run(0, [&](const result<int>&) { gone_before_the_answer = first.expired(); });
  here.world.run_until_idle();
  here.risk.promote("2");
  here.risk.remove("1");
  CHECK(!first.expired());
  here.world.advance(600us);
  CHECK(one.count() == 1);
  CHECK(!first.expired());
  here.world.advance(600us);
  CHECK(gone_before_the_answer);
}

TEST_CASE("a version nobody uses is destroyed when it is removed") {
  version_world here;
  const auto first = here.add(1);
  here.add(2);
  CHECK(here.ask(here.risk) == 1);
  here.risk.promote("2");
  here.risk.remove("1");
  CHECK(first.expired());
}

TEST_CASE("work that outlives its run keeps its version") {
  version_world here;
  auto m = std::make_unique<testing::fake_model<int, int>>(here.rt);
  here.risk.add("1", m->model());
  here.add(2);
  auto& end = here.begin(here.risk, 0, {.deadline = here.world.now() + 1ms});
  here.world.run_until([&] { return m->batch_count() == 1; });
  here.world.advance(2ms);
  CHECK(end.why().is(errc::deadline_exceeded));
  here.risk.promote("2");
  here.risk.remove("1");
  m->answer([](int x) { return x; });
  here.world.run();
  CHECK(here.rt.wasted_count() == 1);
}

TEST_CASE("work of another stage that outlives its run keeps no version") {
  version_world here;
  testing::fake_model<int, int> m(here.rt);
  const auto first = here.add(1);
  here.add(2);
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return join(in >> stage("risk", here.risk), in >> stage("model", m.model())) >> stage("both", same_version);
  });
  auto& end = here.begin(c, 0, {.deadline = here.world.now() + 1ms});
  here.world.run_until([&] { return m.batch_count() == 1; });
  here.risk.promote("2");
  here.risk.remove("1");
  CHECK(!first.expired());
  here.world.advance(2ms);
  CHECK(end.why().is(errc::deadline_exceeded));
  CHECK(first.expired());
}

TEST_CASE("handles may go before their runs end") {
  version_world here;
  here.add_slow(1, 1ms);
  auto v = std::make_unique<versions<int, int>>(here.rt, versions_options{.name = "v"});
  v->add("1", here.risk);
  auto& end = here.begin(*v);
  here.world.run_until_idle();
  v.reset();
  here.world.run();
  CHECK(end.value() == 1);
}

// ---- who gets the canary ---------------------------------------------------------------------------------------------------

TEST_CASE("the canary gets its share of runs, within binomial bounds") {
  for (const double share : {0.01, 0.05, 0.3, 0.9}) {
    version_world here;
    const auto v = two_versions(here.rt, {.share = share, .rule = {.min_time = 1h}});
    constexpr int runs = 20'000;
    const double got = static_cast<double>(in_the_canary(here, v, runs, &by_nothing).size());
    CHECK(std::abs(got - runs * share) < 4 * std::sqrt(runs * share * (1 - share)));
    CHECK(static_cast<double>(v.stats().versions[1].run_count) == got);
  }
}

TEST_CASE("raising the share keeps those that are in, by id, by tenant and by a function of the request") {
  version_world here;
  const canary_options options{.share = 0.1, .rule = {.min_time = 1h}};
  const auto ids = two_versions(here.rt, options);
  const auto of = [&](auto key) {
    versions<int, int> v(here.rt, {.name = "risk"}, key);
    v.add("1", [](int) { return 1; });
    v.add("2", [](int) { return 2; });
    v.begin_canary("2", options);
    return v;
  };
  const auto tenants = of([](call c) { return c.tenant(); });
  const auto inputs = of([](const int& x) { return std::to_string(x / 2); });
  const struct {
    const versions<int, int>& v;
    run_options (*how)(int);
  } cases[]{{ids, &by_id}, {tenants, &by_tenant}, {inputs, &by_nothing}};
  for (const auto& [v, how] : cases) {
    const auto tenth = in_the_canary(here, v, 1000, how);
    CHECK(in_the_canary(here, v, 1000, how) == tenth);
    REQUIRE(v.set_canary_share(0.4));
    const auto more = in_the_canary(here, v, 1000, how);
    CHECK(is_subset(tenth, more));
    CHECK(more.size() > 2 * tenth.size());
    REQUIRE(v.set_canary_share(0.1));
    CHECK(in_the_canary(here, v, 1000, how) == tenth);
  }
  for (int i = 0; i < 1000; i += 2) REQUIRE(here.ask(inputs, i) == here.ask(inputs, i + 1));
}

TEST_CASE("another canary gets other runs") {
  version_world here;
  const auto v = two_versions(here.rt);
  v.add("3", [](int) { return 3; });
  const auto second = in_the_canary(here, v, 1000, &by_id);
  v.begin_canary("3", {.share = 0.5, .rule = {.min_time = 1h}});
  int both = 0;
  for (const int i : second) both += here.ask(v, i, by_id(i)) == 3;
  CHECK(both > static_cast<int>(second.size()) * 4 / 10);
  CHECK(both < static_cast<int>(second.size()) * 6 / 10);
}

TEST_CASE("a key that throws fails the run, and nothing is pinned") {
  version_world here;
  bool throws = true;
  versions<int, int> v(here.rt, {.name = "v"}, [&](const int& x) { return throws ? throw std::runtime_error("no key") : x; });
  v.add("1", [](int) { return 1; });
  auto& end = here.begin(v);
  here.world.run();
  CHECK(end.why().message() == "no key");
  throws = false;
  CHECK(here.ask(v) == 1);
}

TEST_CASE("warming up versions or a chain of them warms the models of all that there are by then") {
  version_world here;
  const residency memory(here.rt, {.budgets = {{"cpu", 300}}});
  std::vector<std::shared_ptr<test::whereabouts_of_instance>> places;
  const auto add = [&](const std::string& name) {
    places.push_back(std::make_shared<test::whereabouts_of_instance>());
    here.risk.add(name, make_model<int, int>(here.rt, {.name = "m" + name, .residency = memory}, test::movable_negative(places.back())));
  };
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("s", here.risk); });
  test::outcome<void> none, both, failed;
  c.async_warm_up(none.take());
  here.world.run();
  CHECK(none.answered());
  add("1");
  add("2");
  c.async_warm_up(both.take());
  here.world.run_until([&] { return both.count() == 1; });
  CHECK(both.answered());
  for (const auto& place : places) CHECK(place->level == residency_level::hot);
  add("3");
  places.back()->fails = true;
  here.risk.async_warm_up(failed.take());
  here.world.run_until([&] { return failed.count() == 1; });
  CHECK(failed.path() == "risk/m3");
  auto& end = here.begin(c, 3);
  here.world.run_until([&] { return end.count() == 1; });
  CHECK(end.value() == -3);
}

// ---- what it says of itself ------------------------------------------------------------------------------------------------

TEST_CASE("stats say of every version what it is for and how its requests ended") {
  version_world here;
  here.add(1);
  here.risk.add("2", [](int) -> result<int> { return failure(errc::invalid_input); });
  here.add(3);
  here.risk.add("4", [](int) -> result<int> { return failure(errc::queue_full); });
  here.risk.begin_canary("3");
  here.risk.mirror("2", {.share = 0.001});
  CHECK(here.stats_of("1").label == version_label::stable);
  CHECK(here.stats_of("2").label == version_label::shadow);
  CHECK(here.stats_of("3").label == version_label::canary);
  CHECK(here.stats_of("4").label == version_label::none);
  CHECK(here.risk.stats().canary.has_value());
  here.risk.stop_mirroring();
  here.risk.end_canary();
  CHECK(!here.risk.stats().canary);
  CHECK(here.ask(here.risk) == 1);
  here.risk.promote("2");
  here.begin(here.risk);
  here.world.run();
  here.risk.promote("4");
  here.begin(here.risk);
  here.world.run();
  CHECK(here.stats_of("1").answered_count == 1);
  CHECK(here.stats_of("2").failed_count == 1);
  CHECK(here.stats_of("4").ignored_count == 1);
  CHECK(here.stats_of("4").run_count == 1);
}

TEST_CASE("a version has one label: promoting a shadow ends its mirroring, and so does making it the canary") {
  version_world here;
  here.add(1);
  here.add(2);
  here.risk.mirror("2");
  here.risk.begin_canary("2");
  CHECK(here.stats_of("2").label == version_label::canary);
  here.risk.promote("2");
  CHECK(here.stats_of("2").label == version_label::stable);
  CHECK(here.stats_of("1").label == version_label::none);
  here.risk.mirror("1");
  here.risk.remove("1");
  CHECK(here.risk.stats().versions.size() == 1);
}

TEST_CASE("how long a version takes, and how its runs end, is told as of a chain by the name of both") {
  testing::manual_world world;
  const runtime rt = world.runtime({.metrics = std::make_shared<metrics>()});
  const versions<int, int> risk(rt, {.name = "risk"}, [](const int& i) { return i; });
  const auto waits = [&](duration takes) {
    return [rt, takes](call, const int& i) -> asio::awaitable<result<int>> {
      co_await rt.async_wait_until(rt.now() + takes, asio::use_awaitable);
      if (i < 0) co_return failure(errc::model_failed);
      co_return i;
    };
  };
  risk.add("3", waits(10ms));
  risk.add("4", waits(40ms));
  const auto chain = make_chain<int>(rt, "fraud", [&](auto in) { return in >> stage("score", risk); });
  const auto ask = [&](int i) {
    test::outcome<int> end;
    chain.async_run(i, end.take());
    world.run();
  };
  for (const int i : {1, 2, -1}) ask(i);
  risk.promote("4");
  for (const int i : {1, 2}) ask(i);
  const metric_set told = rt.metrics();
  const auto* const stable = told.find("catena_run_duration_seconds", R"(chain="risk@3")");
  const auto* const next = told.find("catena_run_duration_seconds", R"(chain="risk@4")");
  REQUIRE((stable && next));
  CHECK(stable->count == 3);
  CHECK(stable->value == Catch::Approx(0.03));
  CHECK(next->count == 2);
  CHECK(next->value == Catch::Approx(0.08));
  CHECK(told.value("catena_runs", R"(chain="risk@3",outcome="answered")") == 2);
  CHECK(told.value("catena_runs", R"(chain="risk@3",outcome="failed")") == 1);
  CHECK(told.value("catena_runs", R"(chain="fraud",outcome="answered")") == 4);
}
