// SPDX-License-Identifier: BSL-1.0
/// \file
/// What an operator sees: each route by itself, without a server around it.
#include <catena/catena.hpp>
#include <catena/observe/trace_ring.hpp>
#include <catena/testing/manual_world.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/http/operator_routes.hpp"

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace catena;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using Catch::Matchers::ContainsSubstring;
using seen_answer = http::server::answer;
using seen_json = nlohmann::json;

/// A service that is asked for what an operator sees of it.
struct seen_service {
  seen_service() {
    tracer_options keep{.sinks = {ring}, .sample_share = 1, .keep_slower_than = 500ms};
    rt.emplace(world.runtime({.metrics = std::make_shared<metrics>(), .tracer = tracer::create(std::move(keep))}));
  }

  /// What the route answers, once all is done that it waits for.
  seen_answer ask(std::string method, std::string target, std::string body = {}, http::operator_options options = {}) {
    struct taker final : http::server::answer_taker {
      void take(seen_answer a) override { taken = std::move(a); }
      std::optional<seen_answer> taken;
    };
    options.recent = ring;
    const auto routes = http::operator_routes(*rt, options);
    const http::server::router router(routes);
    http::server::request asked;
    asked.method = method;
    asked.target = target;
    asked.body = std::move(body);
    auto where = router.find(method, asked.path());
    if (auto* const none = std::get_if<seen_answer>(&where)) return *none;
    auto& found = std::get<http::server::router::found>(where);
    asked.name = found.name;
    auto to = std::make_shared<taker>();
    found.to->does(asked, http::server::reply(to));
    world.run();
    return to->taken.value();
  }
  seen_json ask_json(std::string method, std::string target, std::string body = {}) { return seen_json::parse(ask(std::move(method), std::move(target), std::move(body)).body); }

  auto chain(std::string name) const {
    const auto nap = [r = *rt](duration d) -> asio::awaitable<result<duration>> {
      co_await r.async_wait_until(r.now() + d, asio::use_awaitable);
      if (d == 13ms) co_return failure(errc::busy);
      co_return d;
    };
    return make_chain<duration>(*rt, std::move(name), [&](auto in) { return in >> stage("nap", nap) >> stage("<b>", [](duration d) { return d; }); });
  }
  template <class Chain>
  void run(const Chain& c, duration d) {
    test::outcome<duration> end;
    c.async_run(d, end.take());
    world.run();
  }

  testing::manual_world world;
  std::shared_ptr<trace_ring> ring = std::make_shared<trace_ring>();
  std::optional<runtime> rt;
};

}  // namespace

TEST_CASE("GET /metrics is Prometheus' text, or OpenMetrics' where that is asked for") {
  seen_service here;
  const auto c = here.chain("c");
  here.run(c, 1ms);
  const seen_answer plain = here.ask("GET", "/metrics");
  CHECK_THAT(plain.content_type, ContainsSubstring("text/plain; version=0.0.4"));
  CHECK_THAT(plain.body, ContainsSubstring("catena_runs_total{chain=\"c\",outcome=\"answered\"} 1\n"));
  http::server::request asked;
  asked.headers.add("Accept", "application/openmetrics-text; version=1.0.0,text/plain;q=0.5");
  const seen_answer open = http::metrics_of(*here.rt, asked);
  CHECK_THAT(open.content_type, ContainsSubstring("application/openmetrics-text; version=1.0.0"));
  CHECK_THAT(open.body, ContainsSubstring("# EOF"));
}

TEST_CASE("GET /readyz says why a service is not ready") {
  seen_service here;
  CHECK(here.ask("GET", "/readyz").status == 200);
  const seen_answer missing = here.ask("GET", "/readyz", {}, {.must_be_hot = {"risk"}});
  CHECK(missing.status == 503);
  CHECK_THAT(missing.body, ContainsSubstring("model 'risk' is not hot"));
  const auto model = make_model<int, int>(*here.rt, {.name = "risk", .batch = {.max_delay = 1h}, .queue = {.capacity = 10}}, [](batch<int, int>&) {});
  CHECK(here.ask("GET", "/readyz", {}, {.must_be_hot = {"risk"}}).status == 200);
  std::vector<std::unique_ptr<test::outcome<int>>> ends;
  for (int i = 0; i < 9; ++i) model.async_run(i, ends.emplace_back(std::make_unique<test::outcome<int>>())->take());
  here.world.advance(0ns);
  CHECK_THAT(http::readiness_of(*here.rt, {}).body, ContainsSubstring("the queue of model 'risk' is nearly full"));
  test::outcome<void> drained;
  here.rt->async_drain(no_deadline, drained.take());
  CHECK_THAT(http::readiness_of(*here.rt, {}).body, ContainsSubstring("draining"));
  here.world.run();
}

TEST_CASE("a chain is shown as JSON, Mermaid, DOT, and a picture with the times of its stages") {
  seen_service here;
  const auto c = here.chain("a b");
  here.run(c, 4ms);
  CHECK(here.ask_json("GET", "/chains")["chains"][0]["name"] == "a b");
  CHECK(here.ask_json("GET", "/chains/a%20b")["stages"][0]["name"] == "nap");
  CHECK_THAT(here.ask("GET", "/chains/a%20b?format=mermaid").body, ContainsSubstring("flowchart"));
  CHECK_THAT(here.ask("GET", "/chains/a%20b?format=dot").body, ContainsSubstring("digraph"));
  const seen_answer svg = here.ask("GET", "/chains/a%20b?format=svg");
  CHECK(svg.content_type == "image/svg+xml; charset=utf-8");
  CHECK_THAT(svg.body, ContainsSubstring("p99 4") && ContainsSubstring("&lt;b&gt;") && !ContainsSubstring("<b>"));
  CHECK(here.ask("GET", "/chains/a%20b?format=gif").status == 400);
  CHECK(here.ask("GET", "/chains/none").status == 404);
}

TEST_CASE("GET /runs tells of runs in flight and what they wait for, and of those that ended") {
  seen_service here;
  const auto c = here.chain("c");
  here.run(c, 2ms);
  here.run(c, 13ms);
  test::outcome<duration> end;
  c.async_run(1h, {.deadline = here.rt->now() + 2h}, end.take());
  here.world.advance(3s);
  const seen_json live = seen_json::parse(http::list_runs(*here.rt, here.ring.get()).body);
  REQUIRE(live["in_flight"].size() == 1);
  CHECK(live["in_flight_count"] == 1);
  CHECK(live["in_flight"][0]["chain"] == "c");
  CHECK(live["in_flight"][0]["seconds"] == 3.0);
  CHECK(live["in_flight"][0]["waits"][0]["stage"] == "c/nap");
  CHECK(live["in_flight"][0]["waits"][0]["for"] == "its coroutine");
  CHECK(live["in_flight"][0]["deadline_in_seconds"] == 7197.0);
  REQUIRE(live["notable"].size() == 1);
  CHECK(live["notable"][0]["kept_for"] == "failed");
  CHECK_THAT(live["notable"][0]["spans"][0]["error"].get<std::string>(), ContainsSubstring("busy"));
  REQUIRE(live["recent"].size() == 1);
  CHECK(live["recent"][0]["spans"][1]["parts"][0]["what"] == "work");
  here.world.run();
}

TEST_CASE("many runs that were slow do not hide one that failed") {
  seen_service here;
  const auto c = here.chain("c");
  here.run(c, 13ms);
  for (int i = 0; i < 60; ++i) here.run(c, 700ms);
  const seen_json ended = here.ask_json("GET", "/runs")["notable"];
  CHECK(std::ranges::count(ended, "slow", [](const seen_json& t) { return t["kept_for"].get<std::string>(); }) == 50);
  CHECK(ended.back()["kept_for"] == "failed");
}

TEST_CASE("POST /warmup brings what is named, answers when it is there, and knows what it does not know") {
  seen_service here;
  const residency memory(*here.rt, {.budgets = {{"cpu", 100}}});
  struct movable {
    void operator()(batch<int, int>&) {}
    void move_to(residency_level) {}
    [[nodiscard]] residency_book::footprint footprint() const { return {.warm = {{"cpu", 10}}, .hot = {{"cpu", 10}}}; }
  };
  const auto model = make_model<int, int>(*here.rt, {.name = "risk", .residency = memory}, movable{});
  CHECK(!here.ask_json("GET", "/models")["models"][0]["hot"]);
  const auto c = make_chain<int>(*here.rt, "c", [&](auto in) { return in >> stage("s", model); });
  CHECK(here.ask_json("GET", "/chains/c")["stages"][0]["needs"] == "risk");
  const seen_answer warm = here.ask("POST", "/warmup", R"({"models": ["risk"]})");
  CHECK(warm.status == 200);
  CHECK(seen_json::parse(warm.body)["models"][0]["hot"] == true);
  CHECK(here.ask("POST", "/warmup").status == 200);
  CHECK(here.ask("POST", "/warmup", R"({"models": ["none"]})").status == 404);
  CHECK(here.ask("POST", "/warmup", R"({"model": 1})").status == 400);
  CHECK(here.ask("POST", "/warmup", "no JSON").status == 400);
}
