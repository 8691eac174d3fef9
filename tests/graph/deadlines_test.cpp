// SPDX-License-Identifier: BSL-1.0
/// \file
/// A deadline that passes while functions run, and the timers that runs leave behind.
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/testing/recording_sink.hpp>

#include <boost/asio/bind_executor.hpp>

#include <chrono>
#include <memory>

#include "model/held_model.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

struct deadlines_world {
  explicit deadlines_world(std::shared_ptr<sink> observer = {}) : rt(world.runtime({.observer = std::move(observer)})) {}

  [[nodiscard]] auto takes(duration d) {
    return [this, d](int i) {
      world.elapse(d);
      return i;
    };
  }
  [[nodiscard]] auto sleeps(duration d, int* begun = nullptr) const {
    return [rt = rt, d, begun](int i) -> asio::awaitable<int> {
      if (begun) ++*begun;
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      co_return i;
    };
  }

  testing::manual_world world;
  runtime rt;
  test::outcome<int> end;
};

}  // namespace

TEST_CASE("a deadline that passes between inline stages ends an observed run at the next one") {
  deadlines_world here(std::make_shared<testing::recording_sink>());
  int ran = 0;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("first", here.takes(10ms)) >> stage("second", [&](int i) { return ++ran, i; });
  });
  c.async_run(1, {.deadline = here.world.now() + 5ms}, here.end.take());
  here.world.run();
  CHECK(here.end.why().is(errc::deadline_exceeded));
  CHECK(here.end.path() == "c/second");
  CHECK(ran == 0);
}

TEST_CASE("a deadline that passes before a suspending stage keeps it from beginning") {
  deadlines_world here;
  int begun = 0;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("first", here.takes(10ms)) >> stage("second", here.sleeps(1ms, &begun));
  });
  c.async_run(1, {.deadline = here.world.now() + 5ms}, here.end.take());
  here.world.run();
  CHECK(here.end.why().is(errc::deadline_exceeded));
  CHECK(here.end.path() == "c/second");
  CHECK(begun == 0);
}

TEST_CASE("a run that ends before its deadline leaves no alarm behind") {
  deadlines_world here;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("nap", here.sleeps(5ms)); });
  c.async_run(1, {.deadline = here.world.now() + 1h}, here.end.take());
  here.world.advance(5ms);
  CHECK(here.end.count() == 1);
  CHECK(here.world.time()->next_alarm() == no_deadline);
}

TEST_CASE("a drain that ends before its deadline leaves no alarm behind") {
  deadlines_world here;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("nap", here.sleeps(5ms)); });
  c.async_run(1, here.end.take());
  test::outcome<void> drained;
  here.rt.async_drain(here.world.now() + 1h, drained.take());
  here.world.advance(5ms);
  CHECK(drained.answered());
  CHECK(here.world.time()->next_alarm() == no_deadline);
}

TEST_CASE("a deadline stops a run on the run's own executor, not where the timer rings") {
  deadlines_world here;
  testing::manual_world other;
  test::held_batches<int, int> held;
  const auto m = make_model<int, int>(here.rt, {.name = "m"}, held.instance());
  int at_its_own = 0;
  int called = 0;
  m.async_run(1, {.deadline = here.world.now() + 5ms}, asio::bind_executor(other.get_executor(), [&](result<int> r) {
                ++called;
                CHECK(r.error().is(errc::deadline_exceeded));
                at_its_own += other.context().running_in_this_thread();
              }));
  other.run_until_idle();
  here.world.advance(5ms);
  CHECK(called == 0);
  other.run_until_idle();
  CHECK(called == 1);
  CHECK(at_its_own == 1);
}
