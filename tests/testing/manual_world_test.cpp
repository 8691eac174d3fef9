// SPDX-License-Identifier: BSL-1.0
#include <catena/testing/manual_world.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using catena::testing::manual_world;

std::vector<int> order_of_twenty(std::uint64_t seed) {
  manual_world world{seed};
  std::vector<int> order;
  for (int i = 0; i < 20; ++i) asio::post(world.get_executor(), [&order, i] { order.push_back(i); });
  world.run_until_idle();
  return order;
}

}  // namespace

TEST_CASE("a manual world runs nothing by itself") {
  manual_world world;
  bool ran = false;
  asio::post(world.get_executor(), [&] { ran = true; });
  CHECK(!ran);
  CHECK(world.step());
  CHECK(ran);
  CHECK(!world.step());
  CHECK(world.steps() == 1);
}

TEST_CASE("the same seed gives the same order of ready work and another seed another one") {
  CHECK(order_of_twenty(7) == order_of_twenty(7));
  CHECK(order_of_twenty(7) != order_of_twenty(8));
}

TEST_CASE("ready work is drawn in every order by some seed") {
  std::vector<std::vector<int>> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    manual_world world{seed};
    std::vector<int> order;
    for (int i = 0; i < 3; ++i) asio::post(world.get_executor(), [&order, i] { order.push_back(i); });
    world.run_until_idle();
    if (std::find(seen.begin(), seen.end(), order) == seen.end()) seen.push_back(order);
  }
  CHECK(seen.size() == 6);
}

TEST_CASE("dispatch runs inline inside a step and waits outside of one") {
  manual_world world;
  std::vector<int> order;
  asio::dispatch(world.get_executor(), [&] {
    asio::dispatch(world.get_executor(), [&] { order.push_back(1); });
    order.push_back(2);
  });
  CHECK(order.empty());
  world.run_until_idle();
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("post never runs inline") {
  manual_world world;
  std::vector<int> order;
  asio::post(world.get_executor(), [&] {
    asio::post(world.get_executor(), [&] { order.push_back(2); });
    order.push_back(1);
  });
  world.run_until_idle();
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("the manual executor fits into any_io_executor and compares equal to itself") {
  manual_world world;
  manual_world other;
  const asio::any_io_executor one = world.get_executor();
  CHECK(one == asio::any_io_executor(world.get_executor()));
  CHECK(one != asio::any_io_executor(other.get_executor()));
  int ran = 0;
  one.execute([&] { ++ran; });
  CHECK(ran == 0);
  world.run_until_idle();
  CHECK(ran == 1);
}

TEST_CASE("a strand over the manual executor keeps its order under every seed") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    manual_world world{seed};
    auto strand = asio::make_strand(world.get_executor());
    std::vector<int> order;
    for (int i = 0; i < 5; ++i) asio::post(strand, [&order, i] { order.push_back(i); });
    world.run_until_idle();
    REQUIRE(order == std::vector<int>{0, 1, 2, 3, 4});
  }
}

TEST_CASE("work guards on the manual executor are counted") {
  manual_world world;
  {
    const auto guard = asio::make_work_guard(world.get_executor());
    const auto copy = guard;
    CHECK(world.context().outstanding_work_count() == 2);
  }
  CHECK(world.context().outstanding_work_count() == 0);
}

TEST_CASE("waiting work is destroyed unrun with the executor, and so is what its destruction brings") {
  auto world = std::make_unique<manual_world>();
  bool ran = false;
  auto token = std::make_shared<int>(0);
  struct posts_when_destroyed {
    asio::any_io_executor executor;
    std::shared_ptr<int> token;
    bool* ran;
    posts_when_destroyed(asio::any_io_executor e, std::shared_ptr<int> t, bool* r) : executor(std::move(e)), token(std::move(t)), ran(r) {}
    posts_when_destroyed(posts_when_destroyed&&) = default;
    ~posts_when_destroyed() {
      if (token) asio::post(executor, [t = token, r = ran] { *r = true; });
    }
    void operator()() { *ran = true; }
  };
  asio::post(world->get_executor(), posts_when_destroyed(world->get_executor(), token, &ran));
  world->destroy_executor();
  CHECK(!ran);
  CHECK(token.use_count() == 1);
  CHECK(!world->step_in_time());
  CHECK_THROWS_AS(world->get_executor(), std::logic_error);
}

TEST_CASE("what a step throws comes out of step") {
  manual_world world;
  asio::post(world.get_executor(), [] { throw std::runtime_error("boom"); });
  CHECK_THROWS_WITH(world.step(), "boom");
  CHECK(!world.step());
}

TEST_CASE("virtual time stands still until the test moves it") {
  manual_world world;
  const auto began = world.now();
  world.run_until_idle();
  CHECK(world.now() == began);
  world.advance(5ms);
  CHECK(world.now() == began + 5ms);
  CHECK(!world.time()->is_real());
}

TEST_CASE("advance moves time from alarm to alarm") {
  manual_world world;
  auto rt = world.runtime();
  std::vector<catena::duration> woke;
  const auto began = world.now();
  auto note = [&](boost::system::error_code ec) {
    CHECK(!ec);
    woke.push_back(world.now() - began);
  };
  rt.async_wait_until(began + 3ms, [&](boost::system::error_code ec) {
    note(ec);
    rt.async_wait_until(began + 4ms, note);
  });
  rt.async_wait_until(began + 1ms, note);
  rt.async_wait_until(began + 9ms, note);
  world.advance(5ms);
  CHECK(woke == std::vector<catena::duration>{1ms, 3ms, 4ms});
  CHECK(world.now() == began + 5ms);
  world.advance(5ms);
  CHECK(woke.back() == 9ms);
}

TEST_CASE("elapse moves time and runs nothing") {
  manual_world world;
  auto rt = world.runtime();
  bool woke = false;
  rt.async_wait_until(world.now() + 1ms, [&](boost::system::error_code) { woke = true; });
  world.elapse(2ms);
  CHECK(!woke);
  world.run_until_idle();
  CHECK(woke);
}

TEST_CASE("a moment that has already passed is due at once, but not inside the initiating function") {
  manual_world world;
  auto rt = world.runtime();
  bool woke = false;
  rt.async_wait_until(world.now() - 1ms, [&](boost::system::error_code) { woke = true; });
  CHECK(!woke);
  world.run_until_idle();
  CHECK(woke);
}

TEST_CASE("an alarm that is set again rings once, at its last moment") {
  manual_world world;
  int rings = 0;
  auto alarm = world.time()->make_alarm(world.get_executor(), [&] { ++rings; });
  alarm->set(world.now() + 1ms);
  alarm->set(world.now() + 3ms);
  world.advance(2ms);
  CHECK(rings == 0);
  world.advance(2ms);
  CHECK(rings == 1);
  world.advance(10ms);
  CHECK(rings == 1);
}

TEST_CASE("an alarm that is cleared or destroyed after it became due does not ring") {
  manual_world world;
  int rings = 0;
  auto cleared = world.time()->make_alarm(world.get_executor(), [&] { ++rings; });
  auto destroyed = world.time()->make_alarm(world.get_executor(), [&] { ++rings; });
  cleared->set(world.now() + 1ms);
  destroyed->set(world.now() + 1ms);
  world.elapse(1ms);
  cleared->clear();
  destroyed.reset();
  world.run_until_idle();
  CHECK(rings == 0);
}

TEST_CASE("a coroutine runs in a manual world") {
  manual_world world;
  auto rt = world.runtime();
  const auto began = world.now();
  catena::duration took{};
  auto wait_twice = [](catena::runtime on, catena::time_point from, catena::duration& out) -> asio::awaitable<void> {
    co_await on.async_wait_until(from + 2ms, asio::use_awaitable);
    co_await on.async_yield(asio::use_awaitable);
    co_await on.async_wait_until(from + 7ms, asio::use_awaitable);
    out = on.now() - from;
  };
  asio::co_spawn(world.get_executor(), wait_twice(rt, began, took), asio::detached);
  world.run();
  CHECK(took == 7ms);
}

TEST_CASE("a manual world waits for work from another thread", "[concurrency]") {
  manual_world world;
  bool ran = false;
  std::thread other([executor = world.get_executor(), &ran] { asio::post(executor, [&ran] { ran = true; }); });
  world.run_until([&] { return ran; });
  other.join();
  CHECK(ran);
}
