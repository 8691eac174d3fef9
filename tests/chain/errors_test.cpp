// SPDX-License-Identifier: BSL-1.0
/// \file
/// How a run fails: once, with the stage's path, having told and awaited whatever it must.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

struct errors_world {
  testing::manual_world world;
  runtime rt = world.runtime();

  template <class Write>
  auto run(Write write, run_options options = {}) {
    auto c = make_chain<int>(rt, "c", write);
    using output = typename decltype(c)::output_type;
    auto end = std::make_unique<test::outcome<output>>();
    c.async_run(1, options, end->take());
    world.run();
    REQUIRE(end->count() == 1);
    return end;
  }
  [[nodiscard]] auto sleep(duration d) const {
    return [rt = rt, d](call, int i) -> asio::awaitable<int> {
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      co_return i;
    };
  }
  /// Notes when it is cancelled, and by then has cleaned up for a while.
  [[nodiscard]] auto sleep_and_clean_up(duration d, std::vector<std::string>& log) const {
    return [rt = rt, d, &log](int i) -> asio::awaitable<int> {
      try {
        co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      } catch (const boost::system::system_error&) {
        log.emplace_back("cancelled");
      }
      co_await asio::this_coro::reset_cancellation_state();
      co_await rt.async_wait_until(rt.now() + 2ms, asio::use_awaitable);
      log.emplace_back("cleaned up");
      co_return i;
    };
  }
};

int throws_runtime_error(int) { throw std::runtime_error("boom"); }

}  // namespace

TEST_CASE("a stage that throws fails its run with its path, the text and the exception as the cause") {
  errors_world here;
  const auto end = here.run([](auto in) { return in >> stage("bad", throws_runtime_error); });
  CHECK(end->why().is(errc::stage_failed));
  CHECK(end->path() == "c/bad");
  CHECK(end->why().message() == "boom");
  CHECK_THROWS_WITH(std::rethrow_exception(end->why().cause()), "boom");
  CHECK_THROWS_WITH(end->value(), "c/bad: boom (stage failed)");
}

TEST_CASE("a coroutine that throws at once fails its run, and is told nothing any more, also where it could be told to stop") {
  errors_world here;
  const auto bad = [](call, int i) -> asio::awaitable<int> {
    if (i == 1) throw std::runtime_error("boom");
    co_return i;
  };
  for (const time_point deadline : {no_deadline, here.world.now() + 1h}) {
    const auto end = here.run([&](auto in) { return in >> stage("bad", bad); }, {.deadline = deadline});
    CHECK(end->why().is(errc::stage_failed));
    CHECK(end->path() == "c/bad");
  }
}

TEST_CASE("a stage that throws something odd fails its run all the same") {
  errors_world here;
  const auto end = here.run([](auto in) {
    return in >> stage("odd", [](int i) -> int {
             if (i != 0) throw 42;
             return i;
           });
  });
  CHECK(end->why().is(errc::stage_failed));
  CHECK(end->path() == "c/odd");
}

TEST_CASE("a thrown catena::error keeps its code") {
  errors_world here;
  const auto end = here.run([](auto in) {
    return in >> stage("bad", [](int) -> int { throw error(failure(errc::queue_full, "elsewhere")); });
  });
  CHECK(end->why().is(errc::queue_full));
  CHECK(end->path() == "c/bad");
}

TEST_CASE("what a failure prints ends with when to come again, where that is known") {
  const failure full(errc::queue_full, "its line is full");
  CHECK(full.within("c/s").to_string() == "c/s: its line is full (queue full)");
  CHECK(full.with_retry_after(1'500us).to_string() == "its line is full (queue full), retry after 2 ms");
  CHECK(full.with_retry_after(1'500ns).to_string() == "its line is full (queue full), retry after 2 us");
}

TEST_CASE("a coroutine that throws, before it suspends or after, fails its run") {
  errors_world here;
  const auto at_once = here.run([](auto in) {
    return in >> stage("bad", [](int) -> asio::awaitable<int> {
             throw std::runtime_error("early");
             co_return 0;
           });
  });
  CHECK(at_once->why().message() == "early");
  CHECK(at_once->path() == "c/bad");
  const auto later = here.run([&](auto in) {
    return in >> stage("bad", [rt = here.rt](int) -> asio::awaitable<int> {
             co_await rt.async_yield(asio::use_awaitable);
             throw std::runtime_error("late");
           });
  });
  CHECK(later->why().message() == "late");
}

TEST_CASE("a function on another executor that throws fails its run") {
  errors_world here;
  const auto end = here.run([&](auto in) { return in >> stage("bad", throws_runtime_error).on(here.world.get_executor()); });
  CHECK(end->why().message() == "boom");
  CHECK(end->path() == "c/bad");
}

TEST_CASE("failures of nested chains have nested paths") {
  errors_world here;
  const auto inner = make_chain<int>(here.rt, "its own name", [](auto in) { return in >> stage("bad", throws_runtime_error); });
  const auto middle = make_chain<int>(here.rt, "middle", [&](auto in) { return in >> stage("inner", inner); });
  const auto end = here.run([&](auto in) { return in >> stage("outer", middle); });
  CHECK(end->path() == "c/outer/inner/bad");
}

TEST_CASE("failures of items, guards, branches, cascades and races have paths that say where") {
  errors_world here;
  const auto& bad = throws_runtime_error;
  auto three = [](int i) { return std::vector<int>{i, i, i}; };
  const auto item = here.run([&](auto in) { return in >> stage("make", three) >> each("items", stage("read", bad)); });
  CHECK(item->path() == "c/items[0]/read");
  const auto unnamed = here.run([&](auto in) { return in >> stage("make", three) >> each(stage("read", bad)); });
  CHECK(unnamed->path() == "c/each[0]/read");
  const auto nested = here.run([&](auto in) {
    const auto inner = make_chain<int>(here.rt, "inner", [&](auto n) { return n >> stage("deep", bad); });
    return in >> stage("make", three) >> each("items", stage("chain", inner));
  });
  CHECK(nested->path() == "c/items[0]/chain/deep");
  const auto guarded = here.run([&](auto in) { return in >> stage("bad", bad).queue({}); });
  CHECK(guarded->path() == "c/bad");
  const auto fallen = here.run([&](auto in) { return in >> stage("bad", bad).fallback(bad); });
  CHECK(fallen->path() == "c/bad/fallback");
  const auto branched = here.run([&](auto in) {
    return in >> branch("way", [](int) { return true; }, stage("yes", bad), stage("no", bad));
  });
  CHECK(branched->path() == "c/way/yes");
  const auto cascaded = here.run([&](auto in) {
    return in >> cascade("steps", stage("near", bad), stage("far", bad), [](int) { return true; });
  });
  CHECK(cascaded->path() == "c/steps/far");
  const auto raced = here.run([&](auto in) { return in >> first_of("race", stage("one", bad), stage("two", bad)); });
  CHECK(raced->path() == "c/race/two");
}

TEST_CASE("a called chain's failure that its stage lets through is told once, with the whole path") {
  errors_world here;
  const auto inner = make_chain<int>(here.rt, "inner", [](auto in) { return in >> stage("bad", throws_runtime_error); });
  const auto end = here.run([&](auto in) {
    return in >> stage("agent", [inner](call c, int i) -> asio::awaitable<int> {
             int answer = co_await inner(c, i);
             co_return answer;
           });
  });
  CHECK(end->path() == "c/agent/inner/bad");
  CHECK(end->why().message() == "boom");
}

TEST_CASE("the first failure wins, cancels its siblings and awaits them") {
  errors_world here;
  std::vector<std::string> log;
  const auto end = here.run([&](auto in) {
    auto slow = in >> stage("slow", here.sleep_and_clean_up(1s, log));
    auto bad = in >> stage("nap", here.sleep(1ms)) >> stage("bad", throws_runtime_error);
    auto worse = in >> stage("long nap", here.sleep(5ms)) >> stage("worse", throws_runtime_error);
    return join(slow, bad, worse) >> stage("sum", [](int x, int y, int z) { return x + y + z; });
  });
  CHECK(end->path() == "c/bad");
  CHECK(log == std::vector<std::string>{"cancelled", "cleaned up"});
  CHECK(here.world.now() == testing::manual_time::start + 3ms);
}

TEST_CASE("stages that have not begun when a run fails never begin") {
  errors_world here;
  int ran = 0;
  const auto end = here.run([&](auto in) {
    auto bad = in >> stage("bad", throws_runtime_error);
    auto other = in >> stage("other", [&](int i) { return ++ran, i; });
    return join(bad, other) >> stage("sum", [&](int x, int y) { return ++ran, x + y; });
  });
  CHECK(end->path() == "c/bad");
  CHECK(ran <= 1);
}

TEST_CASE("a deadline that has passed before the run begins fails it without running a stage") {
  errors_world here;
  int ran = 0;
  const auto end = here.run([&](auto in) { return in >> stage("s", [&](int i) { return ++ran, i; }); }, {.deadline = here.world.now()});
  CHECK(end->why().is(errc::deadline_exceeded));
  CHECK(ran == 0);
}

TEST_CASE("a deadline that passes while a stage is suspended cancels it and names it") {
  errors_world here;
  std::vector<std::string> log;
  const auto end = here.run([&](auto in) { return in >> stage("slow", here.sleep_and_clean_up(1s, log)); },
                            {.deadline = here.world.now() + 5ms});
  CHECK(end->why().is(errc::deadline_exceeded));
  CHECK(end->path() == "c/slow");
  CHECK(log == std::vector<std::string>{"cancelled", "cleaned up"});
  CHECK(here.world.now() == testing::manual_time::start + 7ms);
}

TEST_CASE("a deadline that passes between inline stages ends the run at the next one") {
  errors_world here;
  int ran = 0;
  const auto end = here.run(
      [&](auto in) {
        return in >> stage("first", [&](int i) {
                 here.world.elapse(10ms);
                 return i;
               }) >> stage("second", [&](int i) { return ++ran, i; });
      },
      {.deadline = here.world.now() + 5ms});
  CHECK(end->why().is(errc::deadline_exceeded));
  CHECK(end->path() == "c/second");
  CHECK(ran == 0);
}

TEST_CASE("one deadline reaches stages inside chains, called chains and items") {
  errors_world here;
  const auto inner = make_chain<int>(here.rt, "inner", [&](auto in) { return in >> stage("slow", here.sleep(1s)); });
  const run_options soon{.deadline = here.world.now() + 5ms};
  const auto nested = here.run([&](auto in) { return in >> stage("nested", inner); }, soon);
  CHECK(nested->why().is(errc::deadline_exceeded));
  CHECK(nested->path().find("c/nested") == 0);
  CHECK(here.world.now() == soon.deadline);
  const run_options again{.deadline = here.world.now() + 5ms};
  const auto called = here.run(
      [&](auto in) {
        return in >> stage("agent", [inner](call c, int i) -> asio::awaitable<int> {
                 int answer = co_await inner(c, i);
                 co_return answer;
               });
      },
      again);
  CHECK(called->why().is(errc::deadline_exceeded));
  const run_options third{.deadline = here.world.now() + 5ms};
  const auto items = here.run(
      [&](auto in) {
        return in >> stage("make", [](int i) { return std::vector<int>(9, i); }) >> each(stage("slow", here.sleep(2ms)), 3) >>
               stage("sum", [](const std::vector<int>&) { return 0; });
      },
      third);
  CHECK(items->why().is(errc::deadline_exceeded));
  CHECK(here.world.now() == third.deadline);
}

TEST_CASE("work on another executor is not awaited when its run ends, and is counted as waste") {
  errors_world here;
  testing::manual_world other;
  bool ran = false;
  const auto end = here.run([&](auto in) {
    auto away = in >> stage("away", [&](int i) { return ran = true, i; }).on(other.get_executor());
    auto bad = in >> stage("bad", throws_runtime_error);
    return join(away, bad) >> stage("sum", [](int x, int y) { return x + y; });
  });
  CHECK(end->path() == "c/bad");
  CHECK(here.rt.wasted_count() == 0);
  other.run();
  CHECK(here.rt.wasted_count() == 1);
  CHECK(!ran);
}

TEST_CASE("a predicate or an accept that throws fails its stage") {
  errors_world here;
  auto bad_test = [](int) -> bool { throw std::runtime_error("cannot decide"); };
  auto same = [](int i) { return i; };
  const auto branched = here.run([&](auto in) { return in >> branch("way", bad_test, stage("yes", same), stage("no", same)); });
  CHECK(branched->path() == "c/way");
  CHECK(branched->why().message() == "cannot decide");
  const auto inline_cascade = here.run([&](auto in) { return in >> cascade("steps", stage("near", same), stage("far", same), bad_test); });
  CHECK(inline_cascade->path() == "c/steps");
  const auto late_branch = here.run([&](auto in) { return in >> branch("way", bad_test, stage("yes", here.sleep(1ms)), stage("no", same)); });
  CHECK(late_branch->path() == "c/way");
  const auto cascaded = here.run([&](auto in) {
    return in >> cascade("steps", stage("near", here.sleep(1ms)), stage("far", same), bad_test);
  });
  CHECK(cascaded->path() == "c/steps");
  CHECK(cascaded->why().message() == "cannot decide");
}

TEST_CASE("an exception of a handler comes out of the executor, and the runtime goes on") {
  errors_world here;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("nap", here.sleep(1ms)); });
  c.async_run(1, [](result<int>) { throw std::runtime_error("from a handler"); });
  test::outcome<int> other;
  c.async_run(2, other.take());
  int thrown = 0;
  for (bool more = true; more;) {
    try {
      more = here.world.step_in_time();
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  }
  CHECK(thrown == 1);
  CHECK(other.value() == 2);
  test::outcome<void> drained;
  here.rt.async_drain(no_deadline, drained.take());
  here.world.run();
  CHECK(drained.answered());
}

namespace {

/// A value whose every copy or move may be the one that throws.
struct errors_brittle {
  static inline int alive = 0;
  static inline int until_throw = -1;
  explicit errors_brittle(int i) : number(i) { ++alive; }
  errors_brittle(const errors_brittle& other) : number(other.number) {
    if (until_throw >= 0 && until_throw-- == 0) throw std::runtime_error("cannot be copied");
    ++alive;
  }
  ~errors_brittle() { --alive; }
  int number;
};

/// Runs the chain again and again, each time with a later copy that throws, until one run needs no more copies.
template <class Write>
void errors_at_every_copy(Write write) {
  for (int n = 0, needed = 1; needed != 0; ++n) {
    errors_world here;
    int ends = 0;
    {
      const auto c = make_chain<errors_brittle>(here.rt, "c", [&](auto in) { return write(here, in); });
      const auto begin = [&] {
        errors_brittle value(1);
        c.async_run(give(value), [&](const auto&) { ++ends; });
      };
      errors_brittle::until_throw = n;
      try {
        begin();
      } catch (const std::runtime_error&) {
        ++ends;  // nothing has begun
      }
      here.world.run();
      needed = errors_brittle::until_throw < 0;
      errors_brittle::until_throw = -1;
      CHECK(ends == 1);
      CHECK(here.rt.state()->live_run_count() == 0);
      begin();  // a stage that failed so has left its queue
      here.world.run();
      CHECK(ends == 2);
    }
    CHECK(errors_brittle::alive == 0);
  }
}

}  // namespace

TEST_CASE("a copy that throws, at any place, fails its run once and leaves nothing behind") {
  const auto on = [](const errors_brittle& b) { return errors_brittle(b.number + 1); };
  const auto by_value = [](errors_brittle b) { return b; };
  const auto suspends = [](const errors_world& here) {
    return [rt = here.rt](errors_brittle b) -> asio::awaitable<errors_brittle> {
      co_await rt.async_yield(asio::use_awaitable);
      co_return b;
    };
  };
  const auto three = [](const errors_brittle&) {
    std::vector<errors_brittle> items;
    items.reserve(3);
    for (int i = 0; i < 3; ++i) items.emplace_back(i);
    return items;
  };
  const auto first = [](const std::vector<errors_brittle>& all) { return errors_brittle(all.front().number); };
  errors_at_every_copy([&](auto&, auto in) { return in >> stage("a", by_value) >> stage("b", on); });
  errors_at_every_copy([&](auto& here, auto in) { return in >> stage("a", suspends(here)) >> stage("b", by_value); });
  errors_at_every_copy([&](auto& here, auto in) {
    const auto inner = make_chain<errors_brittle>(here.rt, "inner", [&](auto n) { return n >> stage("a", suspends(here)); });
    return in >> stage("inner", inner) >> stage("b", on);
  });
  errors_at_every_copy([&](auto& here, auto in) {
    return in >> stage("a", suspends(here)).queue({.capacity = 0}) >> stage("b", on).queue({.capacity = 0});
  });
  errors_at_every_copy([&](auto& here, auto in) {
    return in >> branch("side", [](const errors_brittle&) { return true; }, stage("a", suspends(here)), stage("b", on));
  });
  errors_at_every_copy([&](auto&, auto in) { return in >> first_of("race", stage("a", on), stage("b", on)); });
  errors_at_every_copy([&](auto& here, auto in) {
    return in >> stage("v", three) >> each(stage("a", suspends(here)), 2) >> stage("w", first);
  });
  errors_at_every_copy([&](auto&, auto in) { return in >> stage("v", three) >> each(stage("a", by_value)) >> stage("w", first); });
}
