// SPDX-License-Identifier: BSL-1.0
/// \file
/// Shadows: they see copies of requests, and nobody sees them.
#include <catena/chain.hpp>
#include <catena/testing/fake_model.hpp>
#include <catena/version/versions.hpp>

#include <chrono>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "version/version_world.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;
using test::version_world;

/// Copies of it throw on demand.
struct shadow_input {
  bool throws = false;
  shadow_input() = default;
  shadow_input(shadow_input&&) = default;
  shadow_input(const shadow_input& other) : throws(other.throws) {
    if (throws) throw std::runtime_error("no copy");
  }
};

}  // namespace

TEST_CASE("a shadow is sent what is asked, and its answer is dropped") {
  version_world here;
  std::vector<int> seen;
  here.add(1);
  here.risk.add("2", [&](int x) { return seen.push_back(x), 2; });
  here.risk.mirror("2");
  CHECK(here.ask(here.risk, 41) == 1);
  CHECK(here.ask(here.risk, 42) == 1);
  CHECK(seen == std::vector<int>{41, 42});
  CHECK(here.stats_of("2").answered_count == 2);
  here.risk.stop_mirroring();
  CHECK(here.ask(here.risk, 43) == 1);
  CHECK(seen.size() == 2);
}

TEST_CASE("a shadow's failures are counted, and never seen by the run") {
  version_world here;
  here.add(1);
  here.risk.add("2", [](int) -> int { throw std::runtime_error("as told"); });
  here.risk.mirror("2");
  for (int i = 0; i < 5; ++i) CHECK(here.ask(here.risk) == 1);
  CHECK(here.stats_of("2").failed_count == 5);
  CHECK(here.stats_of("1").failed_count == 0);
}

TEST_CASE("a run does not wait for its shadow, which begins when the run is done with its own") {
  version_world here;
  std::vector<int> order;
  here.risk.add("1", [&](int x) { return order.push_back(1), x; });
  here.risk.add("2", [&](int x) { return order.push_back(2), x; });
  here.risk.mirror("2");
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("risk", here.risk) >> stage("then", [&](int x) { return order.push_back(3), x; }); });
  auto& end = here.begin(c);
  here.world.step();
  CHECK(end.count() == 1);
  CHECK(order == std::vector<int>{1, 3});
  here.world.run();
  CHECK(order == std::vector<int>{1, 3, 2});
}

TEST_CASE("a shadow has a deadline of its own, and low priority") {
  version_world here;
  auto seen = priority::critical;
  duration left{};
  here.add(1);
  here.risk.add("2", [&](call c, int x) -> asio::awaitable<int> {
    seen = c.priority();
    left = c.deadline() - here.rt.now();
    co_await here.rt.async_wait_until(here.rt.now() + 1h, asio::use_awaitable);
    co_return x;
  });
  here.risk.mirror("2", {.timeout = 50ms});
  auto& end = here.begin(here.risk, 0, {.deadline = here.world.now() + 10ms, .priority = priority::high});
  here.world.run_until_idle();
  CHECK(end.value() == 1);
  CHECK(seen == priority::low);
  CHECK(left == 50ms);
  here.world.advance(49ms);
  CHECK(here.stats_of("2").failed_count == 0);
  here.world.advance(1ms);
  CHECK(here.stats_of("2").failed_count == 1);
}

TEST_CASE("no more than so many copies are in flight, and what does not fit is counted") {
  version_world here;
  here.add(1);
  here.add_slow(2, 10ms);
  here.risk.mirror("2", {.max_in_flight = 3});
  for (int i = 0; i < 10; ++i) here.begin(here.risk);
  here.world.run();
  CHECK(here.stats_of("2").run_count == 3);
  CHECK(here.risk.stats().unsent_count == 7);
  for (int i = 0; i < 3; ++i) here.begin(here.risk);
  here.world.run();
  CHECK(here.stats_of("2").answered_count == 6);
}

TEST_CASE("a copy whose work cannot be stopped keeps its place until the work is done") {
  version_world here;
  testing::fake_model<int, int> m(here.rt);
  here.add(1);
  here.risk.add("2", m.model());
  here.risk.mirror("2", {.timeout = 1ms, .max_in_flight = 1});
  here.begin(here.risk);
  here.world.run_until([&] { return m.batch_count() == 1; });
  here.world.advance(2ms);
  CHECK(here.stats_of("2").failed_count == 1);
  here.begin(here.risk);
  here.world.run();
  CHECK(here.risk.stats().unsent_count == 1);
  m.answer([](int x) { return x; });
  here.world.run();
  here.begin(here.risk);
  here.world.run_until([&] { return m.batch_count() == 1; });
  CHECK(here.stats_of("2").run_count == 2);
}

TEST_CASE("a shadow sees its share of runs, all requests of a run or none") {
  version_world here;
  here.add(1);
  here.add(2);
  here.risk.mirror("2", {.share = 0.2, .max_in_flight = 1000});
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("a", here.risk) >> stage("b", here.risk); });
  constexpr int runs = 5000;
  std::uint64_t before = 0;
  for (int i = 0; i < runs; ++i) {
    CHECK(here.ask(c) == 1);
    const auto sent = here.stats_of("2").run_count;
    CHECK((sent == before || sent == before + 2));
    before = sent;
  }
  CHECK(std::abs(static_cast<double>(before) / 2 - runs * 0.2) < 4 * std::sqrt(runs * 0.2 * 0.8));
}

TEST_CASE("drain waits for shadows, and sends no more") {
  version_world here;
  here.add_slow(1, 1ms);
  here.add_slow(2, 20ms);
  here.risk.mirror("2");
  auto& end = here.begin(here.risk);
  here.world.run_until_idle();
  test::outcome<void> drained;
  here.rt.async_drain(no_deadline, drained.take());
  here.world.advance(10ms);
  CHECK(end.value() == 1);
  CHECK(drained.count() == 0);
  here.world.advance(10ms);
  CHECK(drained.answered());
}

TEST_CASE("a run that begins its request while the runtime drains has no shadow") {
  version_world here;
  here.add(1);
  here.add(2);
  here.risk.mirror("2");
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto paused = in >> stage("pause", here.pause(5ms));
    return join(in, paused) >> stage("then", [](int x, unit) { return x; }) >> stage("risk", here.risk);
  });
  auto& end = here.begin(c);
  here.world.run_until_idle();
  test::outcome<void> drained;
  here.rt.async_drain(no_deadline, drained.take());
  here.world.run();
  CHECK(end.value() == 1);
  CHECK(drained.answered());
  CHECK(here.stats_of("2").run_count == 0);
  CHECK(here.risk.stats().unsent_count == 1);
}

TEST_CASE("a request that cannot be copied now is answered all the same") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  versions<shadow_input, int> v(rt, {.name = "v"});
  v.add("1", [](const shadow_input&) { return 1; });
  v.add("2", [](const shadow_input&) { return 2; });
  v.mirror("2");
  shadow_input in;
  in.throws = true;
  test::outcome<int> end;
  v.async_run(std::move(in), end.take());
  world.run();
  CHECK(end.value() == 1);
  CHECK(v.stats().unsent_count == 1);
}

TEST_CASE("large requests are shared with the shadow, not copied") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  using shared = std::shared_ptr<const std::string>;
  versions<shared, int> v(rt, {.name = "v"});
  const std::string* seen = nullptr;
  v.add("1", [](const shared&) { return 1; });
  v.add("2", [&](const shared& s) { return seen = s.get(), 2; });
  v.mirror("2");
  const auto text = std::make_shared<const std::string>("large");
  test::outcome<int> end;
  v.async_run(text, end.take());
  world.run();
  CHECK(seen == text.get());
  CHECK(text.use_count() == 1);
}

TEST_CASE("a shadow that is removed is destroyed when its last request has ended") {
  version_world here;
  here.add(1);
  const auto shadow = here.add_slow(2, 10ms);
  here.risk.mirror("2");
  here.begin(here.risk);
  here.world.run_until_idle();
  here.risk.remove("2");
  CHECK(!shadow.expired());
  here.world.run();
  CHECK(shadow.expired());
}
