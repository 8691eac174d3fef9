// SPDX-License-Identifier: BSL-1.0
/// \file
/// Every construct on real threads: run at once, cancelled from outside, out of time, drained.
#include <catena/chain.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;
using words = std::vector<std::string>;

/// A chain that uses everything at once.
chain<std::string, std::string> everything(const runtime& rt, const asio::any_io_executor& other) {
  auto hop = [rt](const std::string& s) -> asio::awaitable<std::string> {
    co_await rt.async_yield(asio::use_awaitable);
    co_return s + "h";
  };
  auto nap = [rt](call, const std::string& s) -> asio::awaitable<std::string> {
    co_await rt.async_wait_until(rt.now() + 50us, asio::use_awaitable);
    co_return s + "n";
  };
  auto look = [](const std::string& s) { return s + "l"; };
  auto pause = [rt](const std::string&, auto token) { return rt.async_wait_until(rt.now() + 20us, std::move(token)); };
  auto long_one = [](const std::string& s) { return s.size() > 3; };
  const auto inner = make_chain<std::string>(rt, "inner", [&](auto in) {
    auto a = in >> stage("hop", hop);
    auto b = in >> stage("nap", nap);
    return join(a, b) >> stage("both", [](std::string x, const std::string& y) { return std::move(x) + y; });
  });
  return make_chain<std::string>(rt, "everything", [&](auto in) {
    auto split = in >> stage("split", [](const std::string& s) { return words(6, s); });
    auto items = split >> each("items", stage("inner", inner), 3) >> stage("count", [](const words& w) { return std::to_string(w.size()); });
    auto guarded = in >> stage("guarded", nap).timeout(1h).fallback(look).queue({.capacity = 100'000, .consumers = 2});
    auto away = in >> stage("away", look).on(other) >> stage("co away", nap).on(other);
    auto branched = in >> branch("branch", long_one, stage("yes", hop), stage("no", inner));
    auto raced = in >> first_of("race", stage("slow", nap), stage("quick", hop), stage("away", look).on(other)) >>
                 stage("one", [](const std::string&) { return std::string("r"); });
    auto cascaded = in >> cascade("cascade", stage("near", hop), stage("far", inner), long_one);
    auto paused = in >> stage("pause", pause);
    return join(items, guarded, away, branched, raced, cascaded, paused) >>
           stage("all", [](std::string a, std::string b, std::string c, std::string d, std::string e, std::string f, unit) {
             return a + "," + b + "," + c + "," + d + "," + e + "," + f;
           });
  });
}

const std::string everything_answer = "6,textn,textln,texth,r,texth";

}  // namespace

TEST_CASE("what waits for an operation goes on while what was resumed beside it still computes", "[concurrency]") {
  asio::thread_pool pool(2);
  const runtime rt(pool.get_executor());
  auto wait = [rt](const int&, auto token) { return rt.async_wait_until(rt.now() + 1ms, std::move(token)); };
  std::promise<void> went_on;
  auto went = went_on.get_future().share();
  // The first two are resumed one after the other by the same thread; the second holds it until what is behind the first has run.
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    auto first = in >> stage("first", wait) >> stage("i", [](unit) { return 1; });
    auto waits = first >> stage("waits", wait) >> stage("behind", [&](unit) {
                   went_on.set_value();
                   return 1;
                 });
    auto computes = first >> stage("computes", [&](const int&) { return went.wait_for(10s) == std::future_status::ready ? 1 : 0; });
    return join(waits, computes) >> stage("both", [](int a, int b) { return 10 * a + b; });
  });
  CHECK(c.async_run(1, asio::use_future).get().value() == 11);
  pool.join();
}

TEST_CASE("hundreds of runs of everything at once on two threads all answer right", "[concurrency]") {
  asio::thread_pool pool(2);
  asio::thread_pool other(1);
  const runtime rt(pool.get_executor());
  const auto c = everything(rt, other.get_executor());
  std::vector<std::future<result<std::string>>> answers;
  for (int i = 0; i < 300; ++i) {
    const run_options options{.deadline = i % 2 == 0 ? no_deadline : rt.now() + 1h};
    answers.push_back(c.async_run(std::string("text"), options, asio::use_future));
  }
  for (auto& answer : answers) {
    const auto answered = answer.get();
    REQUIRE(answered);
    CHECK(*answered == everything_answer);
  }
  rt.async_drain(no_deadline, asio::use_future).get().value();
  other.join();
  pool.join();
}

TEST_CASE("runs of everything that are cancelled at any moment from their strand end once", "[concurrency]") {
  asio::thread_pool pool(2);
  asio::thread_pool other(1);
  const runtime rt(pool.get_executor());
  const auto c = everything(rt, other.get_executor());
  std::atomic<int> ended{0};
  std::atomic<int> wrong{0};
  constexpr int count = 300;
  std::vector<std::unique_ptr<asio::cancellation_signal>> signals;
  for (int i = 0; i < count; ++i) {
    signals.push_back(std::make_unique<asio::cancellation_signal>());
    auto* signal = signals.back().get();
    auto strand = asio::make_strand(pool.get_executor());
    asio::post(strand, [&, i, strand, signal] {
      c.async_run(std::string("text"), asio::bind_cancellation_slot(signal->slot(), asio::bind_executor(strand, [&](result<std::string> r) {
                                                                       if (r ? *r != everything_answer : !r.error().is(errc::cancelled)) ++wrong;
                                                                       ++ended;
                                                                     })));
      rt.async_wait_until(rt.now() + std::chrono::microseconds(i * 2), asio::bind_executor(strand, [signal](boost::system::error_code) {
                            signal->emit(asio::cancellation_type::terminal);
                          }));
    });
  }
  pool.join();
  other.join();
  CHECK(ended == count);
  CHECK(wrong == 0);
}

TEST_CASE("runs of everything whose deadline passes at any moment end once", "[concurrency]") {
  asio::thread_pool pool(2);
  asio::thread_pool other(1);
  const runtime rt(pool.get_executor());
  const auto c = everything(rt, other.get_executor());
  std::vector<std::future<result<std::string>>> answers;
  for (int i = 0; i < 300; ++i)
    answers.push_back(c.async_run(std::string("text"), run_options{.deadline = rt.now() + std::chrono::microseconds(i * 5)}, asio::use_future));
  for (auto& answer : answers) {
    const auto answered = answer.get();
    if (answered) CHECK(*answered == everything_answer);
    else CHECK(answered.error().is(errc::deadline_exceeded));
  }
  pool.join();
  other.join();
}

TEST_CASE("a thread pool that is stopped with runs in flight frees them all", "[concurrency]") {
  for (int round = 0; round < 20; ++round) {
    asio::thread_pool other(1);
    std::atomic<int> called{0};
    {
      asio::thread_pool pool(2);
      const runtime rt(pool.get_executor());
      const auto c = everything(rt, pool.get_executor());
      for (int i = 0; i < 30; ++i) c.async_run(std::string("text"), [&](result<std::string>) { ++called; });
      while (called == 0) std::this_thread::yield();
      pool.stop();
      pool.join();
    }
    CHECK(called <= 30);
  }
}

TEST_CASE("chains are called from many threads at once", "[concurrency]") {
  asio::thread_pool pool(2);
  const runtime rt(pool.get_executor());
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    auto a = in >> stage("a", [](int i) { return i + 1; });
    auto b = in >> stage("b", [rt](int i) -> asio::awaitable<int> {
               co_await rt.async_yield(asio::use_awaitable);
               co_return i + 2;
             });
    return join(a, b) >> stage("sum", [](int x, int y) { return x + y; });
  });
  std::atomic<int> right{0};
  auto ask = [&] {
    for (int i = 0; i < 300; ++i) {
      const auto copy = c;
      if (*copy.async_run(i, asio::use_future).get() == 2 * i + 3) ++right;
    }
  };
  std::thread first(ask);
  std::thread second(ask);
  first.join();
  second.join();
  pool.join();
  CHECK(right == 600);
}
