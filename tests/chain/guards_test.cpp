// SPDX-License-Identifier: BSL-1.0
/// \file
/// .timeout, .fallback, .queue and .on.
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "model/held_model.hpp"
#include "support/outcome.hpp"

#include "support/posting_executor.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

struct guards_world {
  testing::manual_world world;
  runtime rt = world.runtime();
  std::deque<test::outcome<int>> ends;

  [[nodiscard]] auto sleep(duration d) const {
    return [rt = rt, d](call, int i) -> asio::awaitable<int> {
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      co_return i;
    };
  }
  /// Sleeps as many milliseconds as its input says.
  [[nodiscard]] auto sleep_ms() const {
    return [rt = rt](call, int i) -> asio::awaitable<int> {
      co_await rt.async_wait_until(rt.now() + i * 1ms, asio::use_awaitable);
      co_return i;
    };
  }
  template <class Stage>
  [[nodiscard]] chain<int, int> one(Stage s) const {
    return make_chain<int>(rt, "c", [&](auto in) { return in >> std::move(s); });
  }
  test::outcome<int>& begin(const chain<int, int>& c, int in, run_options options = {}) {
    auto& end = ends.emplace_back();
    c.async_run(in, options, end.take());
    return end;
  }
  [[nodiscard]] duration elapsed() const { return world.now() - testing::manual_time::start; }
};

int guards_fallback(int i) { return -i; }
int guards_throw(int) { throw std::runtime_error("boom"); }

}  // namespace

TEST_CASE("a stage that takes longer than its timeout fails with timed_out, at that moment") {
  guards_world here;
  auto& end = here.begin(here.one(stage("slow", here.sleep(9ms)).timeout(5ms)), 1);
  here.world.run();
  CHECK(end.why().is(errc::timed_out));
  CHECK(end.path() == "c/slow");
  CHECK(end.why().code() == condition::retry_later);
  CHECK(here.elapsed() == 5ms);
}

TEST_CASE("a stage within its timeout answers") {
  guards_world here;
  auto& end = here.begin(here.one(stage("quick", here.sleep(4ms)).timeout(5ms)), 1);
  here.world.run();
  CHECK(end.value() == 1);
}

TEST_CASE("a function that was too slow on another executor is not waited for, and its answer is not used") {
  guards_world here;
  auto slow = [&](int i) {
    here.world.elapse(9ms);
    return i;
  };
  auto& failed = here.begin(here.one(stage("slow", slow).on(here.world.get_executor()).timeout(5ms)), 1);
  auto& fallen = here.begin(here.one(stage("slow", slow).on(here.world.get_executor()).timeout(5ms).fallback(guards_fallback)), 1);
  here.world.run();
  CHECK(failed.why().is(errc::timed_out));
  CHECK(fallen.value() == -1);
}

TEST_CASE("the run's deadline comes before a longer timeout and is told as what it is") {
  guards_world here;
  auto& end = here.begin(here.one(stage("slow", here.sleep(9ms)).timeout(5ms)), 1, {.deadline = here.world.now() + 2ms});
  here.world.run();
  CHECK(end.why().is(errc::deadline_exceeded));
  CHECK(end.path() == "c/slow");
  CHECK(here.elapsed() == 2ms);
}

TEST_CASE("a fallback answers when its stage throws, fails or times out, and not when it answers") {
  guards_world here;
  const auto refuse = [](int) -> result<int> { return failure(errc::invalid_input); };
  auto& threw = here.begin(here.one(stage("s", guards_throw).fallback(guards_fallback)), 1);
  auto& failed = here.begin(here.one(stage("s", refuse).fallback(guards_fallback)), 2);
  auto& late = here.begin(here.one(stage("s", here.sleep(9ms)).timeout(1ms).fallback(guards_fallback)), 3);
  auto& fine = here.begin(here.one(stage("s", here.sleep(1ms)).fallback(guards_fallback)), 4);
  here.world.run();
  CHECK(threw.value() == -1);
  CHECK(failed.value() == -2);
  CHECK(late.value() == -3);
  CHECK(fine.value() == 4);
}

TEST_CASE("no fallback runs after cancellation or the run's deadline") {
  guards_world here;
  bool fell = false;
  const auto note = [&](int i) { return fell = true, i; };
  auto& end = here.begin(here.one(stage("s", here.sleep(9ms)).fallback(note)), 1, {.deadline = here.world.now() + 2ms});
  here.world.run();
  CHECK(end.why().is(errc::deadline_exceeded));
  CHECK(!fell);
}

TEST_CASE("no fallback runs for a stage that says it was cancelled") {
  guards_world here;
  const auto cancelled = [](int) -> result<int> { return failure(errc::cancelled); };
  auto& end = here.begin(here.one(stage("s", cancelled).fallback(guards_fallback)), 1);
  here.world.run();
  CHECK(end.why().is(errc::cancelled));
}

TEST_CASE("a deadline that has passed is told as what it is by a stage with a longer timeout") {
  guards_world here;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("first", [&](int i) {
             here.world.elapse(5ms);
             return i;
           })
              >> stage("timed", here.sleep(1ms)).timeout(1h) >> stage("last", here.sleep(1ms));
  });
  auto& end = here.begin(c, 1, {.deadline = here.world.now() + 2ms});
  here.world.run();
  CHECK(end.why().is(errc::deadline_exceeded));
  CHECK(end.path() == "c/timed");
}

TEST_CASE("a fallback may be a coroutine or fail itself, and then its failure is told") {
  guards_world here;
  auto& slow = here.begin(here.one(stage("s", guards_throw).fallback(here.sleep(2ms))), 1);
  auto& bad = here.begin(here.one(stage("s", guards_throw).fallback([](int) -> result<int> { return failure(errc::expired, "that too"); })), 2);
  here.world.run();
  CHECK(slow.value() == 1);
  CHECK(bad.why().is(errc::expired));
  CHECK(bad.path() == "c/s/fallback");
}

TEST_CASE("a fallback's reserve makes its stage give up that much before the run's deadline") {
  guards_world here;
  auto& end = here.begin(here.one(stage("s", here.sleep(20ms)).fallback(here.sleep(2ms), 3ms)), 7, {.deadline = here.world.now() + 10ms});
  here.world.run();
  CHECK(end.value() == 7);
  CHECK(here.elapsed() == 9ms);
}

TEST_CASE("a timeout that comes before what is reserved for the fallback is kept") {
  guards_world here;
  auto& end = here.begin(here.one(stage("s", here.sleep(20ms)).timeout(2ms).fallback(guards_fallback, 3ms)), 7,
                         {.deadline = here.world.now() + 10ms});
  here.world.run();
  CHECK(end.value() == -7);
  CHECK(here.elapsed() == 2ms);
}

TEST_CASE("what is reserved for the fallback is kept also while its stage waits in its queue") {
  guards_world here;
  const auto c = here.one(stage("s", here.sleep(9ms)).queue({}).fallback(guards_fallback, 8ms));
  auto& holder = here.begin(c, 1);
  here.world.run_until_idle();
  auto& waiter = here.begin(c, 2, {.deadline = here.world.now() + 10ms});
  here.world.advance(2ms);
  CHECK(waiter.count() == 1);
  CHECK(waiter.value() == -2);
  here.world.run();
  CHECK(holder.value() == 1);
}

TEST_CASE("without a deadline there is nothing to reserve") {
  guards_world here;
  auto& end = here.begin(here.one(stage("s", here.sleep(20ms)).fallback(guards_fallback, 3ms)), 7);
  here.world.run();
  CHECK(end.value() == 7);
}

TEST_CASE("a queue lets in as many as it has consumers, first come, first served") {
  guards_world here;
  int inside = 0;
  int most = 0;
  std::vector<int> order;
  const auto c = here.one(stage("s", [&, rt = here.rt](int i) -> asio::awaitable<int> {
                            most = std::max(most, ++inside);
                            order.push_back(i);
                            co_await rt.async_wait_until(rt.now() + 1ms, asio::use_awaitable);
                            --inside;
                            co_return i;
                          }).queue({.capacity = 100, .consumers = 2}));
  for (int i = 0; i < 10; ++i) {
    here.begin(c, i);
    here.world.run_until_idle();
  }
  here.world.run();
  CHECK(most == 2);
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  for (auto& end : here.ends) CHECK(end.answered());
  CHECK(here.elapsed() == 5ms);
}

TEST_CASE("one more than a queue's capacity fails with queue_full at once") {
  guards_world here;
  const auto c = here.one(stage("s", here.sleep(1ms)).queue({.capacity = 2}));
  for (int i = 0; i < 4; ++i) {
    here.begin(c, i);
    here.world.run_until_idle();
  }
  CHECK(here.ends[3].why().is(errc::queue_full));
  CHECK(here.ends[3].path() == "c/s");
  here.world.run();
  for (int i = 0; i < 3; ++i) CHECK(here.ends[static_cast<std::size_t>(i)].answered());
}

TEST_CASE("a queue of no capacity admits only who can enter at once") {
  guards_world here;
  const auto c = here.one(stage("s", here.sleep(1ms)).queue({.capacity = 0}));
  auto& first = here.begin(c, 1);
  here.world.run_until_idle();
  auto& second = here.begin(c, 2);
  here.world.run();
  CHECK(first.answered());
  CHECK(second.why().is(errc::queue_full));
}

TEST_CASE("one that waits longer than the queue's time to live fails with expired, at that moment") {
  guards_world here;
  const auto c = here.one(stage("s", here.sleep(9ms)).queue({.ttl = 3ms}));
  here.begin(c, 1);
  here.world.run_until_idle();
  auto& second = here.begin(c, 2);
  here.world.advance(3ms);
  CHECK(second.why().is(errc::expired));
  CHECK(second.path() == "c/s");
  here.world.run();
  CHECK(here.ends[0].answered());
}

TEST_CASE("the timeout of a queued stage covers the wait as well") {
  guards_world here;
  const auto c = here.one(stage("s", here.sleep(4ms)).queue({}).timeout(6ms));
  here.begin(c, 1);
  here.world.run_until_idle();
  auto& second = here.begin(c, 2);
  here.begin(c, 3);
  here.world.advance(6ms);
  CHECK(here.ends[0].answered());
  CHECK(second.why().is(errc::timed_out));
  CHECK(here.ends[2].why().is(errc::timed_out));
}

TEST_CASE("who leaves a queue by deadline or failure makes place for the next") {
  guards_world here;
  const auto c = here.one(stage("s", here.sleep(9ms)).queue({.capacity = 1}));
  auto& holder = here.begin(c, 1, {.deadline = here.world.now() + 2ms});
  here.world.run_until_idle();
  auto& waiter = here.begin(c, 2, {.deadline = here.world.now() + 1ms});
  here.world.advance(1ms);
  CHECK(waiter.why().is(errc::deadline_exceeded));
  auto& next = here.begin(c, 3);
  here.world.run_until_idle();
  CHECK(next.count() == 0);
  here.world.run();
  CHECK(holder.why().is(errc::deadline_exceeded));
  CHECK(next.answered());
  CHECK(here.elapsed() == 11ms);
}

TEST_CASE("a run that dies with its executor gives its place in a queue to one on another executor") {
  guards_world here;
  testing::manual_world other;
  const auto first_waits = [rt = here.rt](int i) -> asio::awaitable<int> {
    if (i == 1) co_await rt.async_wait_until(rt.now() + 1h, asio::use_awaitable);
    co_return i;
  };
  const auto c = here.one(stage("s", first_waits).queue({}));
  here.begin(c, 1);
  here.world.run_until_idle();
  test::outcome<int> waiter;
  c.async_run(2, asio::bind_executor(other.get_executor(), waiter.take()));
  other.run_until_idle();
  CHECK(waiter.count() == 0);
  here.world.destroy_executor();
  other.run_until_idle();
  CHECK(waiter.count() == 1);
}

TEST_CASE("who enters a stage at once does not keep its executor busy for the queue's sake") {
  guards_world plain, queued;
  plain.begin(plain.one(stage("s", plain.sleep(9ms))), 1);
  queued.begin(queued.one(stage("s", queued.sleep(9ms)).queue({})), 1);
  plain.world.run_until_idle();
  queued.world.run_until_idle();
  CHECK(queued.world.context().outstanding_work_count() == plain.world.context().outstanding_work_count());
}

TEST_CASE("who waits in a queue keeps its executor busy until it has its answer") {
  guards_world here;
  testing::manual_world other;
  test::held_batches<int, int> held;
  const auto m = make_model<int, int>(here.rt, {.name = "m"}, held.instance());
  const auto c = here.one(stage("s", m).queue({}));
  test::outcome<int> holder;
  c.async_run(1, asio::bind_executor(other.get_executor(), holder.take()));
  other.run_until_idle();
  here.world.run_until_idle();
  const auto busy = [&] { return here.world.context().outstanding_work_count(); };
  CHECK(busy() == 0);
  auto& waiter = here.begin(c, 2);
  here.world.run_until_idle();
  CHECK(busy() == 1);
  held.take().answer(0, 10);
  here.world.run_until_idle();
  other.run_until_idle();
  here.world.run_until_idle();
  CHECK(holder.value() == 10);
  CHECK(busy() == 1);  // by its request for the model
  held.take().answer(0, 20);
  here.world.run_until_idle();
  CHECK(waiter.value() == 20);
  CHECK(busy() == 0);
}

TEST_CASE("a stage may have timeout, fallback, queue and another executor at once, in any order") {
  guards_world here;
  testing::manual_world other;
  const auto a = here.one(stage("s", here.sleep(9ms)).queue({.capacity = 4}).fallback(guards_fallback).timeout(5ms));
  const auto b = here.one(stage("s", guards_throw).on(here.world.get_executor()).fallback(guards_fallback).queue({}).timeout(1s));
  auto& first = here.begin(a, 1);
  auto& second = here.begin(b, 2);
  here.world.run();
  CHECK(first.value() == -1);
  CHECK(second.value() == -2);
}

TEST_CASE("a stage on another executor runs there, and the run goes on on its own") {
  guards_world here;
  testing::manual_world other;
  std::vector<bool> there;
  auto look = [&](int i) {
    there.push_back(other.context().running_in_this_thread());
    return i;
  };
  auto look_later = [&](int i) -> asio::awaitable<int> {
    there.push_back(other.context().running_in_this_thread());
    co_await asio::post(asio::use_awaitable);
    there.push_back(other.context().running_in_this_thread());
    co_return i;
  };
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("away", look).on(other.get_executor()) >> stage("home", look)
              >> stage("coroutine away", look_later).on(other.get_executor()) >> stage("home again", look);
  });
  auto& end = here.begin(c, 5);
  for (int i = 0; i < 20; ++i) {
    here.world.run_until_idle();
    other.run_until_idle();
  }
  CHECK(end.value() == 5);
  CHECK(there == std::vector<bool>{true, false, true, true, false});
}

TEST_CASE("a function or a coroutine on another executor keeps its run's executor busy meanwhile") {
  guards_world here;
  testing::manual_world other;
  const auto function = here.one(stage("s", guards_fallback).on(other.get_executor()));
  const auto coroutine = here.one(stage("s", [](int i) -> asio::awaitable<int> { co_return i; }).on(other.get_executor()));
  for (const auto* c : {&function, &coroutine}) {
    auto& end = here.begin(*c, 1);
    here.world.run_until_idle();
    CHECK(here.world.context().outstanding_work_count() == 1);
    other.run_until_idle();
    here.world.run_until_idle();
    CHECK(end.answered());
    CHECK(here.world.context().outstanding_work_count() == 0);
  }
}

TEST_CASE("a run that is out of time does not wait for its function on another executor") {
  guards_world here;
  testing::manual_world other;
  auto& end = here.begin(here.one(stage("away", guards_fallback).on(other.get_executor())), 5, {.deadline = here.world.now() + 1ms});
  here.world.run();
  CHECK(end.why().is(errc::deadline_exceeded));
  CHECK(end.path() == "c/away");
  other.run();
  CHECK(here.rt.wasted_count() == 1);
}

TEST_CASE("when another executor dies its stages fail, and the run ends") {
  guards_world here;
  testing::manual_world other;
  auto& function = here.begin(here.one(stage("away", guards_fallback).on(other.get_executor())), 5);
  here.world.run_until_idle();
  other.destroy_executor();
  here.world.run();
  CHECK(function.why().is(errc::cancelled));
  CHECK(function.path() == "c/away");
}

TEST_CASE("a function away outlives its run's executor without harm", "[concurrency]") {
  asio::thread_pool pool(1);
  std::promise<void> go;
  std::shared_future<void> gate = go.get_future().share();
  {
    asio::io_context home;
    runtime rt(home.get_executor());
    const auto c = make_chain<std::string>(rt, "c", [&](auto in) {
      return in >> stage("away", [gate](const std::string& s) {
               gate.wait();
               return s + s;
             }).on(pool.get_executor());
    });
    c.async_run(std::string(100, 'x'), [](result<std::string>) { FAIL("called"); });
    home.poll();
  }
  go.set_value();
  pool.join();
}

TEST_CASE("many runs through one queue on two threads all end, and never too many are inside", "[concurrency]") {
  asio::thread_pool pool(2);
  const runtime rt(pool.get_executor());
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    return in >> stage("s", [&, rt](int i) -> asio::awaitable<int> {
             const int now = ++inside;
             int seen = most;
             while (now > seen && !most.compare_exchange_weak(seen, now)) {
             }
             co_await rt.async_yield(asio::use_awaitable);
             --inside;
             co_return i;
           }).queue({.capacity = 10'000, .ttl = 10s, .consumers = 3});
  });
  std::vector<std::future<result<int>>> answers;
  for (int i = 0; i < 2000; ++i) {
    const run_options options{.deadline = i % 3 == 0 ? rt.now() + std::chrono::microseconds(i) : no_deadline};
    answers.push_back(c.async_run(i, options, asio::use_future));
  }
  for (int i = 0; i < 2000; ++i) {
    const auto answered = answers[static_cast<std::size_t>(i)].get();
    if (answered) CHECK(*answered == i);
    else CHECK(answered.error().is(errc::deadline_exceeded));
  }
  pool.join();
  CHECK(most <= 3);
}

TEST_CASE("when another executor dies under a coroutine its stage fails, and the run ends") {
  for (const bool begun : {false, true}) {
    guards_world here;
    testing::manual_world other;
    const runtime there = other.runtime();
    auto& end = here.begin(here.one(stage("away", [there](int i) -> asio::awaitable<int> {
                                      co_await there.async_wait_until(there.now() + 1h, asio::use_awaitable);
                                      co_return i;
                                    }).on(other.get_executor())),
                           5);
    here.world.run_until_idle();
    if (begun) other.run_until_idle();
    other.destroy_executor();
    here.world.run();
    REQUIRE(end.count() == 1);
    CHECK(end.why().is(errc::cancelled));
    CHECK(end.path() == "c/away");
  }
}

TEST_CASE("another executor may die before the run has heard of its coroutine's answer") {
  guards_world here;
  testing::manual_world other;
  auto& end = here.begin(here.one(stage("away", [](int i) -> asio::awaitable<int> { co_return -i; }).on(other.get_executor())), 5);
  here.world.run_until_idle();
  other.run_until_idle();
  other.destroy_executor();
  here.world.run();
  CHECK(end.value() == -5);
}

TEST_CASE("another executor that takes no work fails its stage, once, and not the executor's siblings") {
  guards_world here;
  test::posting_context other;
  other.full = true;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto away = in >> stage("away", guards_fallback).on(test::posting_executor{&other});
    auto slow = in >> stage("slow", here.sleep(1ms));
    return join(away, slow) >> stage("add", std::plus<>());
  });
  auto& end = here.begin(c, 5);
  here.world.run();
  CHECK(end.count() == 1);
  CHECK(end.path() == "c/away");
  CHECK(here.rt.state()->live_run_count() == 0);
}

TEST_CASE("the longest of durations is a timeout, a time to live and a reserve like any other") {
  guards_world here;
  here.begin(here.one(stage("a", here.sleep(1ms)).timeout(duration::max())), 1);
  here.begin(here.one(stage("b", here.sleep(1ms)).queue({.ttl = duration::max()})), 1);
  here.begin(here.one(stage("c", here.sleep(1ms)).queue({.ttl = duration::max()}).timeout(duration::max())), 1);
  here.begin(here.one(stage("d", here.sleep(1ms)).fallback(guards_fallback, duration::max())), 1, {.deadline = here.world.now() + 1s});
  here.begin(here.one(stage("e", guards_fallback)), 1, {.deadline = time_point::min()});
  here.world.run();
  CHECK(here.ends[0].value() == 1);
  CHECK(here.ends[1].value() == 1);
  CHECK(here.ends[2].value() == 1);
  CHECK(here.ends[3].value() == -1);
  CHECK(here.ends[4].why().is(errc::deadline_exceeded));
}

TEST_CASE("a chain of functions that is too slow for its stage's timeout has timed out") {
  guards_world here;
  const auto inner = make_chain<int>(here.rt, "inner", [&](auto in) {
    return in >> stage("slow", [&](int i) {
             here.world.elapse(10ms);
             return i;
           }) >> stage("next", guards_fallback);
  });
  auto& end = here.begin(here.one(stage("chain", inner).timeout(5ms)), 1);
  here.world.run();
  CHECK(end.why().is(errc::timed_out));
  CHECK(end.path() == "c/chain");
}

TEST_CASE("runs that are cancelled just when their coroutine on another executor ends, end once", "[concurrency]") {
  asio::io_context home;
  asio::thread_pool pool(2);
  const runtime rt(home.get_executor());
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    return in >> stage("away", [](int i) -> asio::awaitable<int> {
             asio::steady_timer timer(co_await asio::this_coro::executor, 50us);
             co_await timer.async_wait(asio::use_awaitable);
             co_return i;
           }).on(pool.get_executor());
  });
  int ended = 0;
  for (int n = 0; n < 500; ++n) {
    asio::cancellation_signal signal;
    asio::steady_timer timer(home, (60 + n % 60) * 1us);
    c.async_run(1, asio::bind_cancellation_slot(signal.slot(), [&](result<int>) { ++ended; }));
    timer.async_wait([&](boost::system::error_code) { signal.emit(asio::cancellation_type::terminal); });
    home.run();
    home.restart();
  }
  pool.join();
  CHECK(ended == 500);
}

TEST_CASE("a coroutine away that its run has left behind keeps the run's executor until it is home") {
  guards_world here;
  testing::manual_world other;
  auto own = std::make_unique<asio::io_context>();
  const auto deaf = [&](int i) -> asio::awaitable<int> {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await here.rt.async_wait_until(here.rt.now() + 1s, asio::use_awaitable);
    co_return i;
  };
  const auto c = here.one(stage("away", deaf).on(other.get_executor()));
  test::outcome<int> end;
  c.async_run(1, {.deadline = here.world.now() + 1ms}, asio::bind_executor(own->get_executor(), end.take()));
  const auto run_all = [&](duration by) {
    for (int i = 0; i < 40; ++i) {
      if (own) own->restart();
      if (own) own->poll();
      other.run_until_idle();
      here.world.advance(std::exchange(by, {}));
    }
  };
  run_all({});
  run_all(1ms);
  CHECK(end.why().is(errc::deadline_exceeded));
  CHECK(here.rt.left_behind_count() == 1);
  CHECK_FALSE(own->stopped());
  if (own->stopped()) own.reset();  // for want of work, and so do others
  run_all(1s);
  CHECK((own && own->stopped()));
  CHECK(here.rt.left_behind_count() == 0);
}
