// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/inventory.hpp>
#include <catena/model.hpp>
#include <catena/observe/tracer.hpp>
#include <catena/schedule/concurrency_limit.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

struct inventory_world {
  catena::testing::manual_world world;
  catena::runtime rt = world.runtime({.tracer = catena::tracer::create({})});

  auto wait(catena::duration d) const {
    return [rt_ = rt, d](int i) -> asio::awaitable<int> {
      co_await rt_.async_wait_until(rt_.now() + d, asio::use_awaitable);
      co_return i;
    };
  }
};

std::vector<std::string> waits_of(const catena::run_report& r) {
  std::vector<std::string> all;
  for (const auto& w : r.waits) all.push_back(w.stage + ": " + w.for_what);
  return all;
}

}  // namespace

TEST_CASE("chains and models are listed while they live") {
  inventory_world here;
  const auto model = catena::make_model<int, int>(here.rt, {.name = "m", .version = "2"}, [](catena::batch<int, int>&) {});
  {
    const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) { return in >> catena::stage("ask", model); });
    const auto chains = chains_of(here.rt);
    REQUIRE(chains.size() == 1);
    CHECK(chains[0].name == "c");
    CHECK(chains[0].stages[0].name == "ask");
    const auto found = find_needs(here.rt, {"c", "m", "nothing"});
    CHECK(found.needs.size() == 1);
    CHECK(found.unknown == std::vector<std::string>{"nothing"});
  }
  CHECK(chains_of(here.rt).empty());
  const auto models = models_of(here.rt);
  REQUIRE(models.size() == 1);
  CHECK(models[0].name == "m");
  CHECK(models[0].version == "2");
  CHECK(models[0].instances == 1);
  CHECK(models[0].is_hot);
}

TEST_CASE("a run in flight tells what it waits for, and since when") {
  inventory_world here;
  const catena::concurrency_limit gate(here.rt, {.policy = catena::fixed_limit{.count = 1}, .line_capacity = 10});
  const auto inner = catena::make_chain<int>(here.rt, "inner", [&](auto in) { return in >> catena::stage("nap", here.wait(1h)); });
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) { return in >> catena::stage("gated", inner).limit(gate); });
  catena::test::outcome<int> first, second;
  c.async_run(1, {.tenant = 5}, first.take());
  here.world.advance(2ms);
  c.async_run(2, second.take());
  here.world.advance(0ns);
  auto runs = runs_of(here.rt);
  REQUIRE(runs.size() == 2);
  std::ranges::sort(runs, {}, &catena::run_report::began);
  CHECK(runs[0].chain == "c");
  CHECK(runs[0].tenant == 5);
  CHECK(waits_of(runs[0]) == std::vector<std::string>{"c/gated/inner/nap: its coroutine"});
  CHECK(waits_of(runs[1]) == std::vector<std::string>{"c/gated: admission"});
  CHECK(runs[1].waits[0].since - runs[0].waits[0].since == 2ms);
  CHECK(runs_of(here.rt, 1).size() == 1);
  CHECK(runs_of(here.rt, 1)[0].tenant == 5);
  here.world.run();
  CHECK(runs_of(here.rt).empty());
}
