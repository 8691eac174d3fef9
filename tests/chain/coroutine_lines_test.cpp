// SPDX-License-Identifier: BSL-1.0
/// \file
/// Coroutine stages in a row that one coroutine awaits, in runs that may be stopped, whatever the executor is.
#include <catena/chain.hpp>
#include <catena/runtime/home_executor.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using catena::call;

/// A stage that waits, and says that it does.
struct waits_an_hour {
  asio::awaitable<int> operator()(call, const int& i) const {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
    *waiting = true;
    co_await timer.async_wait(asio::use_awaitable);
    co_return i + 1;
  }
  bool* waiting;
};

asio::awaitable<int> yields(call, const int& i) {
  asio::steady_timer timer(co_await asio::this_coro::executor, 0s);
  co_await timer.async_wait(asio::use_awaitable);
  co_return i + 1;
}

asio::awaitable<int> stops_listening(call c, const int& i) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await yields(c, i);
}

/// It is told to stop, and answers all the same.
asio::awaitable<int> answers_all_the_same(call, const int& i) {
  asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
  boost::system::error_code ignored;
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  co_return i + 1;
}

asio::awaitable<int> fails_at_once(call, const int&) {
  throw catena::error(catena::failure(catena::errc::stage_failed));
  co_return 0;
}

/// Runs on each kind of executor: one thread, many threads, and a strand.
template <class Check>
void on_each_executor(const Check& check) {
  for (const std::string kind : {"one thread", "many threads", "a strand"}) {
    INFO(kind);
    asio::io_context io(kind == "one thread" ? 1 : 2);
    const asio::any_io_executor executor = kind == "a strand" ? asio::any_io_executor(asio::make_strand(io)) : asio::any_io_executor(io.get_executor());
    check(io, catena::runtime(executor));
  }
}

template <class Last>
catena::chain<int, int> line_of(const catena::runtime& rt, int before, Last last) {
  return catena::make_chain<int>(rt, "c", [&](auto in) {
    auto x = in >> catena::stage("s0", stops_listening).retry();
    for (int i = 1; i < before; ++i) x = x >> catena::stage("s" + std::to_string(i), yields).retry();
    return x >> catena::stage("last", last).attempt_timeout(2h);
  });
}

}  // namespace

TEST_CASE("a caller who cancels reaches the stage where a line of coroutines is, whatever earlier ones said of cancellation") {
  on_each_executor([](asio::io_context& io, const catena::runtime& rt) {
    for (int before = 1; before <= 4; ++before) {
      bool waiting = false;
      const auto line = line_of(rt, before, waits_an_hour{&waiting});
      asio::cancellation_signal signal;
      catena::test::outcome<int> end;
      line.async_run(1, asio::bind_cancellation_slot(signal.slot(), end.take()));
      while (!waiting) io.run_one();
      REQUIRE(end.count() == 0);
      asio::post(rt.get_executor(), [&] { signal.emit(asio::cancellation_type::terminal); });
      io.run();
      CHECK(end.count() == 1);
      CHECK(end.why().is(catena::errc::cancelled));
      io.restart();
    }
  });
}

TEST_CASE("a run after many others can be stopped as the first could, whatever those have said of cancellation") {
  on_each_executor([](asio::io_context& io, const catena::runtime& rt) {
    const auto deaf = line_of(rt, 1, stops_listening);
    for (int i = 0; i < 3; ++i) {
      catena::test::outcome<int> end;
      deaf.async_run(1, end.take());
      io.run();
      io.restart();
      CHECK(end.value() == 3);
    }
    bool waiting = false;
    const auto line = line_of(rt, 1, waits_an_hour{&waiting});
    asio::cancellation_signal signal;
    catena::test::outcome<int> end;
    line.async_run(1, asio::bind_cancellation_slot(signal.slot(), end.take()));
    while (!waiting) io.run_one();
    asio::post(rt.get_executor(), [&] { signal.emit(asio::cancellation_type::terminal); });
    io.run();
    io.restart();
    CHECK(end.why().is(catena::errc::cancelled));
  });
}

TEST_CASE("a stage that answers although it was told to stop does not stop those behind it") {
  on_each_executor([](asio::io_context& io, const catena::runtime& rt) {
    const auto late = catena::make_chain<int>(rt, "c", [](auto in) {
      auto told = in >> catena::stage("told", answers_all_the_same).attempt_timeout(1ms).fallback([](const int& i) { return i + 10; });
      return told >> catena::stage("next", yields).retry() >> catena::stage("last", yields).attempt_timeout(1h);
    });
    catena::test::outcome<int> end;
    late.async_run(1, end.take());
    io.run();
    CHECK(end.value() == 13);
    io.restart();
  });
}

TEST_CASE("a line of coroutines answers what its stages answer one by one") {
  on_each_executor([](asio::io_context& io, const catena::runtime& rt) {
    const auto line = line_of(rt, 6, yields);
    catena::test::outcome<int> end;
    line.async_run(1, end.take());
    io.run();
    CHECK(end.value() == 8);
    io.restart();
  });
}

TEST_CASE("executors that do one thing after the other are known") {
  asio::io_context one(1), any, two(2);
  asio::thread_pool pool(1);
  const auto serial = [](const auto& executor) { return catena::home_executor(executor).is_serial(); };
  CHECK(serial(one.get_executor()));
  CHECK(!serial(any.get_executor()));
  CHECK(!serial(two.get_executor()));
  CHECK(!serial(pool.get_executor()));
  CHECK(serial(asio::make_strand(two)));
  CHECK(serial(asio::make_strand(pool)));
  CHECK(serial(asio::make_strand(asio::any_io_executor(pool.get_executor()))));
}

TEST_CASE("a coroutine that fails before it waits is told nothing when it has ended, in a run that may be stopped") {
  on_each_executor([](asio::io_context& io, const catena::runtime& rt) {
    const auto c = catena::make_chain<int>(
        rt, "c", [](auto in) { return in >> catena::stage("s", fails_at_once).retry({.retries = 2, .first_wait = {}, .longest_wait = {}}); });
    catena::test::outcome<int> end;
    c.async_run(1, end.take());
    io.run();
    CHECK(end.why().is(catena::errc::stage_failed));
    CHECK(end.why().attempt() == 3);
  });
}
