// SPDX-License-Identifier: BSL-1.0
/// \file
/// first_of and cascade: who is begun, who wins, and what becomes of the others.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "support/outcome.hpp"
#include "support/tracked.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

struct choices_world {
  explicit choices_world(std::uint64_t seed = 1, runtime_options options = {}) : world(seed), rt(world.runtime(std::move(options))) {}

  [[nodiscard]] auto sleep(duration d) const {
    return [rt = rt, d](int i) -> asio::awaitable<int> {
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      co_return i;
    };
  }
  template <class Choice>
  void run(Choice choice) {
    const auto c = make_chain<int>(rt, "c", [&](auto in) { return in >> std::move(choice); });
    c.async_run(1, end.take());
    world.run();
    REQUIRE(end.count() == 1);
  }
  [[nodiscard]] duration elapsed() const { return world.now() - testing::manual_time::start; }

  testing::manual_world world;
  runtime rt;
  test::outcome<int> end;
};

/// A value that says when the last who may read it has let go.
using choices_input = std::shared_ptr<int>;

/// Does not hear that nobody wants it any more, and reads its input when it ends.
auto choices_deaf(const runtime& rt, duration d) {
  return [rt, d](call, const choices_input& i) -> asio::awaitable<int> {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
    co_return ++*i;
  };
}

or_exit<int, int> choices_leave(int i) { return exit_with(i + 100); }

}  // namespace

TEST_CASE("a race ends with its first answer and does not wait for the others") {
  choices_world here;
  here.run(first_of("race", stage("slow", here.sleep(9ms)), stage("quick", here.sleep(1ms)), stage("slower", here.sleep(1h))));
  CHECK(here.end.value() == 1);
  CHECK(here.elapsed() == 1ms);
}

TEST_CASE("a race that an inline stage has won begins no further stage") {
  choices_world here;
  int begun = 0;
  here.run(first_of("race", stage("one", [](int) { return 1; }), stage("two", [&](int) { return ++begun, 2; })));
  CHECK(here.end.value() == 1);
  CHECK(begun == 0);
}

TEST_CASE("of two that answer at the same moment one wins, and what the other answered is destroyed") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    choices_world here(seed);
    test::ledger book;
    const auto late = [&](int value) {
      return [rt = here.rt, &book, value](int) -> asio::awaitable<test::tracked> {
        co_await rt.async_wait_until(rt.now() + 1ms, asio::use_awaitable);
        co_return test::tracked(value, book);
      };
    };
    const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
      return in >> first_of("race", stage("one", late(1)), stage("two", late(2))) >>
             stage("look", [](const test::tracked& t) { return t.value; });
    });
    c.async_run(1, here.end.take());
    here.world.run();
    CHECK(here.end.answered());
    CHECK(book.alive == 0);
  }
}

TEST_CASE("a race does not wait for one that does not hear, which keeps its input, is waste, and holds back drain alone") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    choices_world here(seed);
    std::weak_ptr<int> seen;
    const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
      auto made = in >> stage("make", [&](int i) {
                    auto value = std::make_shared<int>(i);
                    seen = value;
                    return value;
                  });
      return made >> first_of("race", stage("deaf", choices_deaf(here.rt, 100ms)), stage("quick", choices_deaf(here.rt, 1ms)))
                  >> stage("then", here.sleep(1ms));
    });
    c.async_run(1, here.end.take());
    here.world.advance(2ms);
    CHECK(here.end.value() == 2);
    CHECK(*seen.lock() == 2);
    CHECK(here.rt.left_behind_count() == 1);
    test::outcome<void> drained;
    here.rt.async_drain(no_deadline, drained.take());
    here.world.run_until_idle();
    CHECK(drained.count() == 0);
    here.world.run();
    CHECK(drained.answered());
    CHECK(here.elapsed() == 100ms);
    CHECK(seen.expired());
    CHECK(here.rt.left_behind_count() == 0);
    CHECK(here.rt.wasted_count() == 1);
  }
}

TEST_CASE("losers that heard count as waste and are left behind no longer than they need to hear it") {
  choices_world here;
  here.run(first_of("race", stage("slow", here.sleep(9ms)), stage("quick", here.sleep(1ms)), stage("slower", here.sleep(1h))));
  CHECK(here.rt.left_behind_count() == 0);
  CHECK(here.rt.wasted_count() == 2);
}

TEST_CASE("a runtime that may leave nothing behind has a race wait for its losers") {
  choices_world here(1, {.most_left_behind = 0});
  const auto c = make_chain<choices_input>(here.rt, "c", [&](auto in) {
    return in >> first_of("race", stage("deaf", choices_deaf(here.rt, 100ms)), stage("quick", choices_deaf(here.rt, 1ms)));
  });
  c.async_run(std::make_shared<int>(1), here.end.take());
  here.world.advance(50ms);
  CHECK(here.end.count() == 0);
  here.world.run();
  CHECK(here.end.value() == 2);
  CHECK(here.elapsed() == 100ms);
}

TEST_CASE("a loser that fails after the race is over disturbs nobody, and a race in a race ends with its first answer") {
  choices_world here;
  const auto fails = [rt = here.rt](call, const choices_input& i) -> asio::awaitable<int> {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await rt.async_wait_until(rt.now() + 5ms, asio::use_awaitable);
    throw std::runtime_error(std::to_string(*i));
  };
  const auto inner = make_chain<choices_input>(here.rt, "inner", [&](auto in) {
    return in >> first_of("race", stage("deaf", choices_deaf(here.rt, 50ms)), stage("bad", fails), stage("quick", choices_deaf(here.rt, 2ms)));
  });
  const auto c = make_chain<choices_input>(here.rt, "c", [&](auto in) {
    return in >> first_of("outer", stage("inner", inner), stage("slow", choices_deaf(here.rt, 20ms)));
  });
  c.async_run(std::make_shared<int>(1), here.end.take());
  here.world.advance(2ms);
  CHECK(here.end.value() == 2);
  CHECK(here.rt.left_behind_count() == 3);
  here.world.run();
  CHECK(here.rt.left_behind_count() == 0);
}

TEST_CASE("races on threads are answered once each, and nothing is left running", "[concurrency]") {
  std::atomic<int> answered{0}, under_way{0};
  {
    asio::thread_pool pool(3);
    const runtime rt{pool.get_executor()};
    const auto racer = [&](std::chrono::microseconds takes) {
      return [&, takes](call, const choices_input& i) -> asio::awaitable<int> {
        ++under_way;
        const auto ending = std::shared_ptr<void>(nullptr, [&under_way, i](void*) { --under_way; });
        if (takes > 100us) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        co_await rt.async_wait_until(rt.now() + takes, asio::use_awaitable);
        co_return *i;
      };
    };
    const auto c = make_chain<choices_input>(rt, "c", [&](auto in) {
      return in >> first_of("race", stage("a", racer(300us)), stage("b", racer(50us)), stage("c", racer(50us))) >> stage("next", [](int i) { return i; });
    });
    for (int i = 0; i < 500; ++i) c.async_run(std::make_shared<int>(1), [&](const result<int>& r) { answered += r ? *r : 0; });
    pool.join();
    CHECK(rt.left_behind_count() == 0);
  }
  CHECK(answered == 500);
  CHECK(under_way == 0);
}

TEST_CASE("an early exit of a stage in a race or of the near stage of a cascade leaves the chain") {
  choices_world race;
  race.run(first_of("race", stage("leave", choices_leave), stage("two", [](int) { return 2; })));
  CHECK(race.end.value() == 101);
  choices_world cascaded;
  cascaded.run(cascade("cascade", stage("leave", choices_leave), stage("far", [](int) { return 2; }), [](int) { return true; }));
  CHECK(cascaded.end.value() == 101);
}
