// SPDX-License-Identifier: BSL-1.0
/// \file
/// Parked runs on threads: decisions, limits and failures that come at once.
#include <catena/chain.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
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

/// Two stages that both fail and are parked, beside each other.
chain<int, int> two_parked(const runtime& rt, const notifier& us, const park_options& park) {
  const auto fails = [](const int& i) -> result<int> { return failure(errc::expired, std::to_string(i)); };
  const auto hop = [rt](call, const int& i) -> asio::awaitable<int> {
    co_await rt.async_yield(asio::use_awaitable);
    co_return i;
  };
  return make_chain<int>(rt, "c", [&](auto in) {
    auto a = in >> stage("hop a", hop) >> stage("a", fails).notify(us, {.park = park});
    auto b = in >> stage("hop b", hop) >> stage("b", fails).notify(us, {.park = park});
    return join(a, b) >> stage("sum", [](int x, int y) { return x + y; });
  });
}

/// What the ticket of a run promises, once it is there.
result<int> answer_of(const chain<int, int>& c, int in, const run_options& options) {
  const result<int> first = c.async_run(in, options, asio::use_future).get();
  const auto claim = ticket::of(first);
  if (!claim) return first;
  return claim->async_answer<int>(asio::use_future).get();
}

}  // namespace

TEST_CASE("of decisions and limits that come at once each parked stage takes one, and every run ends once", "[concurrency]") {
  for (const duration limit : {duration(20us), duration(1h)}) {
    asio::thread_pool pool(3);
    const runtime rt(pool.get_executor(), {.most_parked = 10000});
    std::atomic<int> decided{0};
    std::atomic<int> late{0};
    const notifier us({.sinks = {[&](const incident& what) {
      for (int i = 0; i < 2; ++i)
        asio::post(pool, [&, token = what.parked->token] { ++(rt.decide(token, decision::use(1)) ? decided : late); });
    }}, .capacity = 100000});
    const auto c = two_parked(rt, us, {.limit = limit, .on_limit = decision::use(1)});
    std::vector<std::future<result<int>>> all;
    for (int i = 0; i < 2; ++i)
      all.push_back(std::async(std::launch::async, [&] {
        result<int> last = 0;
        for (int k = 0; k < 50; ++k) {
          last = answer_of(c, k, {.deadline = rt.now() + 1h});
          if (!last || *last != 2) return last;
        }
        return last;
      }));
    for (auto& one : all) {
      const auto last = one.get();
      REQUIRE(last);
      CHECK(*last == 2);
    }
    CHECK(rt.parked().empty());
    rt.async_drain(no_deadline, asio::use_future).get().value();
    pool.join();
    if (limit == 1h) CHECK(decided == 200);
    if (limit == 1h) CHECK(late == 200);
  }
}

TEST_CASE("a run that is parked again while its limit before is on its way lets go of all it had", "[concurrency]") {
  std::atomic<int> ended{0};
  std::weak_ptr<int> lives;
  {
    asio::thread_pool pool(3);
    const runtime rt(pool.get_executor(), {.most_parked = 10000});
    const notifier us({.sinks = {[&](const incident& what) {
      asio::post(pool, [&, token = what.parked->token] { static_cast<void>(rt.decide(token, decision::retry())); });
    }}, .capacity = 100000});
    const auto c = [&] {
      const auto held = std::make_shared<int>(1);
      lives = held;
      return make_chain<int>(rt, "c", [&](auto in) {
        return in >> stage("a", [held](const int&) -> result<int> { return failure(errc::expired); })
                         .notify(us, {.park = park_options{.limit = 20us, .on_limit = decision::use(1)}});
      });
    }();
    const auto lane = [&]() -> asio::awaitable<void> {
      for (int i = 0; i < 400; ++i) {
        const result<int> first = co_await c.async_run(i, asio::use_awaitable);
        const auto claim = ticket::of(first);
        const result<int> answer = claim ? co_await claim->async_answer<int>(asio::use_awaitable) : first;
        ended += answer.has_value();
      }
    };
    for (int i = 0; i < 8; ++i) asio::co_spawn(pool, lane(), asio::detached);
    std::atomic<bool> over{false};
    std::thread looks([&] { while (!over.load()) static_cast<void>(rt.parked()); });  // holds up whoever is late
    pool.join();
    over = true;
    looks.join();
  }
  CHECK(ended == 3200);
  CHECK(lives.expired());
}
