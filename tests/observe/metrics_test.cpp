// SPDX-License-Identifier: BSL-1.0
#include <catena/balance.hpp>
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/observe/metrics.hpp>
#include <catena/recover/circuit_breaker.hpp>
#include <catena/schedule/concurrency_limit.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using catena::metrics_options;
using Catch::Matchers::ContainsSubstring;

struct metered_world {
  explicit metered_world(metrics_options options = {})
      : rt(world.runtime({.metrics = std::make_shared<catena::metrics>(std::move(options))})) {}

  catena::testing::manual_world world;
  catena::runtime rt;

  /// Waits for as long as it is told, or fails.
  auto waiting(const std::string& name, const std::string& stage = "wait") const {
    const auto wait = [](catena::runtime r, catena::duration d) -> asio::awaitable<catena::result<catena::duration>> {
      co_await r.async_wait_until(r.now() + d, asio::use_awaitable);
      if (d == 13ms) co_return catena::failure(catena::errc::unavailable);
      co_return d;
    };
    return catena::make_chain<catena::duration>(rt, name, [&](auto in) {
      return in >> catena::stage(stage, [wait, r = rt](catena::duration d) { return wait(r, d); })
                >> catena::stage("inline", [](catena::duration d) { return d; });
    });
  }
  template <class Chain>
  void run(const Chain& chain, catena::duration d, catena::run_options options = {}) {
    catena::test::outcome<catena::duration> end;
    chain.async_run(d, options, end.take());
    world.run();
  }
  double told(const char* name, const char* labels) const { return rt.metrics().value(name, labels); }
};

}  // namespace

TEST_CASE("runs are counted by how they ended, and failures by stage and code") {
  metered_world here;
  const auto chain = here.waiting("fraud");
  here.run(chain, 5ms);
  here.run(chain, 5ms);
  here.run(chain, 13ms);
  here.run(chain, 10ms, {.deadline = here.rt.now() + 1ms});
  CHECK(here.told("catena_runs", R"(chain="fraud",outcome="answered")") == 2);
  CHECK(here.told("catena_runs", R"(chain="fraud",outcome="failed")") == 2);
  CHECK(here.told("catena_runs", R"(chain="fraud",outcome="cancelled")") == 0);
  CHECK(here.told("catena_run_errors", R"(chain="fraud",stage="wait",code="unavailable")") == 1);
  CHECK(here.told("catena_run_errors", R"(chain="fraud",stage="wait",code="deadline_exceeded")") == 1);
}

TEST_CASE("what is in flight is told until it ends") {
  metered_world here;
  const auto chain = here.waiting("slow");
  catena::test::outcome<catena::duration> end;
  chain.async_run(1h, {}, end.take());
  here.world.advance(0ns);
  CHECK(here.told("catena_runs_in_flight", R"(chain="slow")") == 1);
  here.world.run();
  CHECK(here.told("catena_runs_in_flight", R"(chain="slow")") == 0);
}

TEST_CASE("a run and its stages are timed to within 1.6 %, and told in few buckets") {
  metered_world here;
  const auto chain = here.waiting("timed");
  for (int i = 0; i < 9; ++i) here.run(chain, 4ms);
  here.run(chain, 400ms);
  const auto all = here.rt.metrics();
  for (const auto& [family, labels] : {std::pair{"catena_run_duration_seconds", R"(chain="timed")"},
                                       std::pair{"catena_stage_duration_seconds", R"(chain="timed",stage="wait")"}}) {
    const auto* s = all.find(family, labels);
    REQUIRE(s);
    CHECK(s->count == 10);
    CHECK(s->value == Catch::Approx(0.436));
    const auto& bounds = all.families().find(family)->second.bounds;
    CHECK(bounds.size() <= 20);
    for (std::size_t i = 0; i < bounds.size(); ++i) CHECK(s->up_to[i] == (bounds[i] < 0.004 ? 0U : bounds[i] < 0.4 ? 9U : 10U));
  }
  CHECK(all.find("catena_stage_duration_seconds", R"(chain="timed",stage="inline")")->value == 0);
}

TEST_CASE("an objective's bound is among the buckets, and its good and all events are counted exactly") {
  metered_world here({.slos = {{"promised", {.success = 0.999, .p99 = 7ms}}}});
  const auto chain = here.waiting("promised");
  here.run(chain, 7ms);
  here.run(chain, 7ms + 1ns);
  here.run(chain, 13ms);
  CHECK(here.told("catena_slo_events", R"(chain="promised",objective="success")") == 3);
  CHECK(here.told("catena_slo_good_events", R"(chain="promised",objective="success")") == 2);
  CHECK(here.told("catena_slo_events", R"(chain="promised",objective="latency")") == 2);
  CHECK(here.told("catena_slo_good_events", R"(chain="promised",objective="latency")") == 1);
  CHECK(here.told("catena_slo_target_ratio", R"(chain="promised",objective="success")") == 0.999);
  CHECK(here.told("catena_slo_bound_seconds", R"(chain="promised")") == 0.007);
  const auto all = here.rt.metrics();
  const auto& bounds = all.families().find("catena_run_duration_seconds")->second.bounds;
  CHECK(std::ranges::count(bounds, 0.007) == 1);
  const auto none = here.waiting("not promised");
  CHECK(here.rt.metrics().find("catena_slo_events", R"(chain="not promised",objective="success")") == nullptr);
}

TEST_CASE("what a stage consists of is timed under its path") {
  metered_world here;
  const auto chain = catena::make_chain<std::vector<int>>(here.rt, "list", [](auto in) {
    return in >> catena::each(catena::stage("twice", [](int i) { return 2 * i; }));
  });
  catena::test::outcome<std::vector<int>> end;
  chain.async_run({1, 2, 3}, end.take());
  here.world.run();
  REQUIRE(end.value() == std::vector<int>{2, 4, 6});
  const auto all = here.rt.metrics();
  std::vector<std::string> timed;
  for (const auto& [key, s] : all.families().find("catena_stage_duration_seconds")->second.all) timed.push_back(key + " " + std::to_string(s.count));
  CHECK(timed == std::vector<std::string>{R"(chain="list",stage="each" 1)", R"(chain="list",stage="each/twice" 3)"});
}

TEST_CASE("chains of one name are counted together, also one after the other") {
  metered_world here;
  {
    const auto first = here.waiting("twin");
    here.run(first, 1ms);
  }
  const auto second = here.waiting("twin"), third = here.waiting("twin", "other stage");
  here.run(second, 1ms);
  here.run(third, 1ms);
  CHECK(here.told("catena_runs", R"(chain="twin",outcome="answered")") == 3);
  CHECK(here.rt.metrics().find("catena_stage_duration_seconds", R"(chain="twin",stage="wait")")->count == 2);
}

TEST_CASE("there are at most so many chains, and the others are counted as one") {
  metered_world here({.max_chains = 2});
  for (int i = 0; i < 5; ++i) here.run(here.waiting("chain " + std::to_string(i)), 1ms);
  CHECK(here.told("catena_runs", R"(chain="chain 1",outcome="answered")") == 1);
  CHECK(here.told("catena_runs", R"(chain="_other",outcome="answered")") == 3);
}

TEST_CASE("a chain counts once among those that may be, whatever its stages consist of") {
  metered_world here({.max_chains = 2});
  const auto retried = [&](const std::string& name) {
    return catena::make_chain<catena::duration>(here.rt, name, [&](auto in) {
      return in >> catena::stage("first", [](catena::duration d) { return d; }).retry().queue({}) >>
             catena::stage("second", [](catena::duration d) { return d; }).retry().queue({});
    });
  };
  here.run(retried("a"), 1ms);
  here.run(retried("b"), 1ms);
  CHECK(here.told("catena_runs", R"(chain="a",outcome="answered")") == 1);
  CHECK(here.told("catena_runs", R"(chain="b",outcome="answered")") == 1);
}

TEST_CASE("a chain behind a gate is counted once, also when it is refused") {
  metered_world here({.slos = {{"gated", {.success = 0.9}}}});
  const catena::concurrency_limit gate(here.rt, {.policy = catena::fixed_limit{.count = 1}});
  const auto chain = here.waiting("gated").limit(gate);
  catena::test::outcome<catena::duration> first, second;
  chain.async_run(5ms, first.take());
  chain.async_run(5ms, second.take());
  here.world.advance(0ns);
  CHECK(here.told("catena_runs_in_flight", R"(chain="gated")") == 1);
  here.world.run();
  CHECK(here.told("catena_runs", R"(chain="gated",outcome="answered")") == 1);
  CHECK(here.told("catena_runs", R"(chain="gated",outcome="failed")") == 1);
  CHECK(here.told("catena_slo_events", R"(chain="gated",objective="success")") == 2);
  CHECK(here.rt.metrics().find("catena_stage_duration_seconds", R"(chain="gated",stage="wait")")->count == 1);
}

TEST_CASE("shapes of a chain that come and go, as a pool's replicas do, do not pile up, and their runs stay counted") {
  catena::metrics m;
  const auto subject = [](int i) {
    return catena::detail::run_meter::subject{.chain = "pool", .stages = {"replica " + std::to_string(i)}, .is_chain = true};
  };
  const auto first = m.meter_of(subject(0));
  std::vector<std::weak_ptr<catena::detail::run_meter>> all;
  const catena::time_point began{1h};
  const catena::failure busy = catena::failure(catena::errc::unavailable).within("replica");
  for (int i = 1; i <= 200; ++i) {
    const auto meter = m.meter_of(subject(i));
    meter->began();
    meter->ended(true, {began, began + 1ms}, {}, i % 4 == 0 ? &busy : nullptr, false);
    all.push_back(meter);
  }
  CHECK(std::ranges::count_if(all, [](const auto& one) { return !one.expired(); }) <= 16);
  CHECK(m.meter_of(subject(0)) == first);
  catena::metric_set told;
  m.collect(told);
  CHECK(told.value("catena_runs", R"(chain="pool",outcome="answered")") == 150);
  CHECK(told.value("catena_runs_in_flight", R"(chain="pool")") == 0);
  CHECK(told.value("catena_run_errors", R"(chain="pool",stage="",code="unavailable")") == 50);
  CHECK(told.find("catena_run_duration_seconds", R"(chain="pool")")->count == 200);
}

TEST_CASE("replicas that have left a pool are not told for ever") {
  catena::testing::manual_world world;
  const catena::runtime rt = world.runtime({.metrics = std::make_shared<catena::metrics>()});
  const catena::replica_pool<int, int> pool(rt, {.name = "pool"});
  for (int i = 0; i < 100; ++i) {
    const std::string name = "replica " + std::to_string(i);
    pool.add(catena::stage(name, [](const int& x) { return x; }));
    CHECK(pool.remove(name));
  }
  const auto told = rt.metrics();
  CHECK(told.families().at("catena_stage_duration_seconds").all.size() <= 20);
}

TEST_CASE("a family has at most so many series, and the last is of all others") {
  catena::metric_set all(2);
  const catena::metric_family hits{"hits", catena::metric_family::kind::counter, "Hits."};
  for (int i = 0; i < 5; ++i) all.add(hits, {{"page", std::to_string(i)}}, 1);
  all.add(hits, {{"page", "0"}}, 1);
  CHECK(catena::prometheus_text(all) == "# HELP hits_total Hits.\n# TYPE hits_total counter\n"
                                        "hits_total{page=\"0\"} 2\nhits_total{page=\"1\"} 1\nhits_total{page=\"_other\"} 3\n");
}

TEST_CASE("names and values are written as Prometheus and OpenMetrics read them") {
  catena::metric_set all;
  all.add({"a", catena::metric_family::kind::counter, "With \\ and\nnew line and \"quotes\""}, {{"chain", "<b>\"\\\n"}}, 2.5);
  catena::duration_histogram h;
  h.add(3ms);
  h.add(2s);
  const std::vector<catena::duration> bounds{10ms, 1s};
  all.add({"b_seconds", catena::metric_family::kind::histogram, "B.", "seconds"}, {}, h, bounds);
  CHECK(catena::prometheus_text(all) ==
        "# HELP a_total With \\\\ and\\nnew line and \"quotes\"\n# TYPE a_total counter\na_total{chain=\"<b>\\\"\\\\\\n\"} 2.5\n"
        "# HELP b_seconds B.\n# TYPE b_seconds histogram\nb_seconds_bucket{le=\"0.01\"} 1\nb_seconds_bucket{le=\"1\"} 1\n"
        "b_seconds_bucket{le=\"+Inf\"} 2\nb_seconds_sum 2.003\nb_seconds_count 2\n");
  CHECK_THAT(catena::openmetrics_text(all), ContainsSubstring("# TYPE a counter\n") && ContainsSubstring("# UNIT b_seconds seconds\n") &&
                                                ContainsSubstring("le=\"1.0\"") && ContainsSubstring("\n# EOF\n"));
}

TEST_CASE("what a thousand runs at once have taken in a year is still a sum") {
  catena::duration_histogram h, other;
  h.add_sum(catena::duration(std::chrono::hours(24 * 365 * 200)));
  other.add(1h);
  other.add_sum(h.sum());
  h.merge(other);
  catena::metric_set all;
  all.add({"took_seconds", catena::metric_family::kind::histogram, "Took.", "seconds"}, {}, h, std::vector<catena::duration>{1s});
  CHECK(all.value("took_seconds") > 400.0 * 365 * 24 * 3600);
}

TEST_CASE("a name that is no UTF-8 does not make what is told unreadable") {
  catena::metric_set all;
  all.add({"a", catena::metric_family::kind::gauge, "A."}, {{"stage", "caf\xE9 \xC3\xA9 \xE9"}}, 1);
  CHECK_THAT(catena::prometheus_text(all), ContainsSubstring("a{stage=\"caf\xEF\xBF\xBD \xC3\xA9 \xEF\xBF\xBD\"} 1\n"));
  CHECK(all.families().at("a").all.begin()->second.label("stage") == "caf\xEF\xBF\xBD \xC3\xA9 \xEF\xBF\xBD");
}

TEST_CASE("a duration is told as at most 1.6 % or 16 ns from what it was, whatever it was") {
  using catena::duration_buckets;
  for (double ns = 1; ns < 4.3e12; ns *= 1.003) {
    const catena::duration d(static_cast<catena::duration::rep>(ns));
    const auto bucket = duration_buckets::of(d);
    const auto off = std::abs(static_cast<double>((duration_buckets::middle_of(bucket) - d).count()));
    const bool is_right = duration_buckets::begin_of(bucket) <= d && d < duration_buckets::begin_of(bucket + 1) && off <= std::max(16.0, 0.016 * ns);
    if (!is_right) FAIL_CHECK(d.count() << " ns is told as " << duration_buckets::middle_of(bucket).count());
  }
  CHECK(duration_buckets::of(-5ns) == 0);
  CHECK(duration_buckets::of(catena::duration::max()) == duration_buckets::count - 1);
}

TEST_CASE("options that cannot be are refused by name") {
  const auto refused = [](metrics_options o) { CHECK_THROWS_AS(catena::metrics(std::move(o)), std::invalid_argument); };
  refused({.bounds = {}});
  refused({.bounds = {2ms, 1ms}});
  refused({.bounds = std::vector<catena::duration>(15, 1ms)});
  refused({.max_chains = 0});
  refused({.slos = {{"a", {.success = 1}}}});
  CHECK_THROWS_WITH(catena::metrics(metrics_options{.slos = {{"a", {.success = 99.9}}}}), ContainsSubstring("slo::success of 'a'"));
}

TEST_CASE("what many threads count adds up, and is told while they count", "[concurrency]") {
  constexpr int threads = 70, each = 500;  // more than have a number of their own
  catena::detail::sharded_words words(3);
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&] {
      for (int i = 0; i < each; ++i) words.mine().add(1, 2);
    });
  std::uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t now = words.sum(1);
    if (now < last) FAIL_CHECK("went back");
    last = now;
  }
  for (auto& t : all) t.join();
  CHECK(words.sum(1) == 2 * threads * each);
  CHECK(words.sum(0) == 0);
}

TEST_CASE("what a stage does when it fails is counted under its path") {
  metered_world here;
  const catena::circuit_breaker breaker({.consecutive = 3});
  const auto fails = [](int) -> catena::result<int> { return catena::failure(catena::errc::unavailable); };
  const auto chain = catena::make_chain<int>(here.rt, "guarded", [&](auto in) {
    return in >> catena::stage("call", fails).retry({.retries = 2}).breaker(breaker).fallback([](int i) { return i; })
              >> catena::stage("queued", [](int i) { return i; }).queue({.capacity = 3});
  });
  catena::test::outcome<int> end;
  chain.async_run(1, end.take());
  here.world.run();
  CHECK(end.value() == 1);
  const char* const call = R"(chain="guarded",stage="call")";
  CHECK(here.told("catena_stage_retries", call) == 2);
  CHECK(here.told("catena_stage_fallbacks", call) == 1);
  CHECK(here.told("catena_stage_breaker_open", call) == 1);
  CHECK(here.told("catena_runs", R"(chain="guarded",outcome="degraded")") == 1);
  CHECK(here.rt.metrics().find("catena_stage_queue_length", R"(chain="guarded",stage="queued")"));
}

TEST_CASE("a model's requests, batches and their sizes are measured") {
  metered_world here;
  const auto model = catena::make_model<int, int>(here.rt, {.name = "twice", .version = "7", .batch = {.max_size = 8, .max_delay = 10ms}},
                                                  [](catena::batch<int, int>& b) {
                                                    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, 2 * b.input(i));
                                                  });
  std::vector<std::unique_ptr<catena::test::outcome<int>>> ends;
  for (int i = 0; i < 3; ++i) model.async_run(i, ends.emplace_back(std::make_unique<catena::test::outcome<int>>())->take());
  here.world.run();
  const char* const of = R"(model="twice",version="7")";
  const auto all = here.rt.metrics();
  CHECK(all.value("catena_model_rows", of) == 3);
  CHECK(all.value("catena_model_batches", of) == 1);
  const auto* rows = all.find("catena_model_batch_rows", of);
  REQUIRE(rows);
  CHECK(rows->up_to[1] == 0);
  CHECK(rows->up_to[2] == 1);
  CHECK(all.find("catena_model_queue_wait_seconds", of)->value == Catch::Approx(0.03));
  CHECK(all.find("catena_model_batch_duration_seconds", of)->count == 1);
}
