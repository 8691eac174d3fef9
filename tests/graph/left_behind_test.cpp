// SPDX-License-Identifier: BSL-1.0
/// \file
/// Work that does not end when it is told to, in runs that must.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/testing/recording_sink.hpp>

#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <deque>
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
using namespace catena;

using left_input = std::shared_ptr<int>;

struct left_world {
  explicit left_world(std::uint64_t seed = 1, runtime_options options = {}) : world(seed), rt(world.runtime(std::move(options))) {}

  /// Sleeps, whatever it is told meanwhile, and reads its input at the end.
  [[nodiscard]] auto deaf(duration d) {
    return [this, d](call, const left_input& i) -> asio::awaitable<int> {
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      ended.push_back(*i);
      co_return *i;
    };
  }
  [[nodiscard]] auto polite(duration d) {
    return [this, d](call, const left_input& i) -> asio::awaitable<int> {
      const auto noted = std::shared_ptr<void>(nullptr, [this, i](void*) { ended.push_back(*i); });
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      co_return *i;
    };
  }
  template <class Stage>
  [[nodiscard]] auto one(Stage s) const {
    return make_chain<left_input>(rt, "c", [&](auto in) { return in >> std::move(s); });
  }
  template <class Chain>
  auto& begin(const Chain& c, run_options options = {}) {
    auto& end = ends.emplace_back();
    c.async_run(std::make_shared<int>(7), options, end.take());
    return end;
  }
  [[nodiscard]] duration elapsed() const { return world.now() - testing::manual_time::start; }
  [[nodiscard]] run_options until(duration d) const { return {.deadline = world.now() + d}; }

  testing::manual_world world;
  runtime rt;
  std::deque<test::outcome<int>> ends;
  std::vector<int> ended;
};

}  // namespace

TEST_CASE("a run ends at its deadline although its coroutine goes on, which keeps its input and is waited for by drain") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    left_world here(seed);
    auto& end = here.begin(here.one(stage("deaf", here.deaf(9ms))), here.until(2ms));
    here.world.advance(2ms);
    CHECK(end.why().is(errc::deadline_exceeded));
    CHECK(end.path() == "c/deaf");
    CHECK(here.rt.left_behind_count() == 1);
    test::outcome<void> drained;
    here.rt.async_drain(no_deadline, drained.take());
    here.world.run_until_idle();
    CHECK(drained.count() == 0);
    CHECK(here.ended.empty());
    here.world.run();
    CHECK(here.ended == std::vector{7});
    CHECK(here.elapsed() == 9ms);
    CHECK(drained.answered());
    CHECK(here.rt.left_behind_count() == 0);
    CHECK(here.rt.wasted_count() == 1);
  }
}

TEST_CASE("a timeout does not wait for a coroutine that goes on, and what comes next does not either") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    left_world here(seed);
    auto& end = here.begin(here.one(stage("deaf", here.deaf(9ms)).timeout(2ms).fallback([](const left_input& i) { return -*i; })));
    here.world.advance(2ms);
    CHECK(end.value() == -7);
    CHECK(here.rt.left_behind_count() == 1);
    here.world.run();
    CHECK(here.ended == std::vector{7});
    CHECK(here.rt.left_behind_count() == 0);
  }
}

TEST_CASE("what goes on may be deep inside, and several at once") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    left_world here(seed);
    const auto inner = here.one(stage("deaf", here.deaf(9ms)));
    const auto c = make_chain<left_input>(here.rt, "outer", [&](auto in) {
      auto a = in >> stage("a", here.one(stage("inner", inner)));
      auto b = in >> stage("b", here.deaf(5ms));
      auto d = in >> stage("d", here.polite(5ms));
      return join(a, b, d) >> stage("sum", [](int x, int y, int z) { return x + y + z; });
    });
    auto& end = here.begin(c, here.until(2ms));
    here.world.advance(2ms);
    CHECK(end.why().is(errc::deadline_exceeded));
    CHECK(here.ended == std::vector{7});  // the polite one
    CHECK(here.rt.left_behind_count() == 1);
    here.world.run();
    CHECK(here.ended == std::vector{7, 7, 7});
    CHECK(here.rt.left_behind_count() == 0);
  }
}

TEST_CASE("a coroutine that ends when it is told to is waited for") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    left_world here(seed);
    const auto inner = here.one(stage("inner", here.one(stage("polite", here.polite(9ms)))));
    std::size_t ended_before = 0;
    inner.async_run(std::make_shared<int>(7), here.until(2ms), [&](const result<int>&) { ended_before = here.ended.size(); });
    here.world.run();
    CHECK(ended_before == 1);
    CHECK(here.rt.wasted_count() == 0);
    CHECK(here.elapsed() == 2ms);
  }
}

TEST_CASE("a run that failed, or was cancelled, waits for its coroutine until its deadline at most") {
  left_world here;
  const auto c = make_chain<left_input>(here.rt, "c", [&](auto in) {
    auto a = in >> stage("deaf", here.deaf(9ms));
    auto b = in >> stage("bad", [](const left_input&) -> int { throw std::runtime_error("boom"); });
    return join(a, b) >> stage("sum", [](int x, int y) { return x + y; });
  });
  auto& end = here.begin(c, here.until(4ms));
  auto& patient = here.begin(c);
  here.world.advance(3ms);
  CHECK(end.count() == 0);
  here.world.advance(1ms);
  CHECK(end.why().is(errc::stage_failed));
  CHECK(patient.count() == 0);
  here.world.run();
  CHECK(patient.why().is(errc::stage_failed));
  CHECK(here.elapsed() == 9ms);
  CHECK(here.rt.wasted_count() == 1);
}

TEST_CASE("a runtime that has left as much behind as it may makes others wait") {
  left_world here(1, {.most_left_behind = 2});
  const auto c = here.one(stage("deaf", here.deaf(9ms)));
  for (int i = 0; i < 3; ++i) here.begin(c, here.until(2ms));
  here.world.advance(2ms);
  CHECK(here.rt.left_behind_count() == 2);
  int ended = 0;
  for (auto& end : here.ends) ended += end.count();
  CHECK(ended == 2);
  here.world.run();
  for (auto& end : here.ends) CHECK(end.why().is(errc::deadline_exceeded));
  CHECK(here.rt.left_behind_count() == 0);
}

TEST_CASE("a run that was left behind is reported when all of it has ended") {
  const auto recorded = std::make_shared<testing::recording_sink>();
  left_world here(1, {.observer = recorded});
  here.begin(here.one(stage("deaf", here.deaf(9ms))), here.until(2ms));
  here.world.advance(2ms);
  CHECK(recorded->records().empty());
  here.world.run();
  REQUIRE(recorded->records().size() == 1);
  CHECK(recorded->records()[0].why.is(errc::deadline_exceeded));
}

TEST_CASE("an executor can be destroyed while work goes on that was left behind") {
  left_world here;
  auto& end = here.begin(here.one(stage("deaf", here.deaf(9ms))), here.until(2ms));
  here.world.advance(2ms);
  CHECK(end.why().is(errc::deadline_exceeded));
  here.world.destroy_executor();
  CHECK(here.rt.left_behind_count() == 0);
  CHECK(here.ended.empty());
}

TEST_CASE("runs on threads end at their deadlines while their coroutines go on", "[concurrency]") {
  std::atomic<int> ended{0}, begun{0}, gone_on{0};
  {
    asio::thread_pool pool(3);
    const runtime rt{pool.get_executor()};
    const auto deaf = [&](call, const std::shared_ptr<int>& i) -> asio::awaitable<int> {
      ++begun;
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      co_await rt.async_wait_until(rt.now() + 200ms + *i * 10us, asio::use_awaitable);
      gone_on += *i;
      co_return *i;
    };
    const auto c = make_chain<left_input>(rt, "c", [&](auto in) {
      auto a = in >> stage("a", deaf).timeout(50ms).fallback([](const left_input& i) { return *i; });
      auto b = in >> stage("b", deaf);
      return join(a, b) >> stage("sum", [](int x, int y) { return x + y; });
    });
    for (int i = 0; i < 200; ++i)
      c.async_run(std::make_shared<int>(1), {.deadline = rt.now() + 100ms}, [&](const result<int>&) { ++ended; });
    pool.join();
    CHECK(rt.left_behind_count() == 0);
  }
  CHECK(ended == 200);
  CHECK(begun > 0);
  CHECK(gone_on == begun);
}
