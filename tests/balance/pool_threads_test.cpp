// SPDX-License-Identifier: BSL-1.0
/// \file
/// A replica pool on real threads: requests while replicas fail, come, go and are looked at.
#include <catena/balance/replica_pool.hpp>

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

}  // namespace

TEST_CASE("hundreds of requests end once each while replicas of their pool come, go and fail on other threads", "[concurrency]") {
  asio::thread_pool threads(2);
  const runtime rt(threads.get_executor());
  const replica_pool<int, int> pool(rt, {.breaker = {.first_wait = 1ms, .longest_wait = 2ms, .ramp = 1ms}});
  const auto hop = [rt](call, int i) -> asio::awaitable<int> {
    co_await rt.async_yield(asio::use_awaitable);
    co_return i;
  };
  const auto nap = [rt](call, int i) -> asio::awaitable<int> {
    co_await rt.async_wait_until(rt.now() + 20us, asio::use_awaitable);
    co_return i;
  };
  std::atomic<bool> is_well{true};
  pool.add(stage("hop", hop));
  pool.add(stage("inline", [](int i) { return i; }), {.weight = 0.1});
  pool.add(stage("moody", [&](int i) -> result<int> { return is_well ? result<int>(i) : failure(errc::stage_failed); }));
  std::atomic<bool> done{false};
  std::thread other([&] {
    for (int i = 0; !done; ++i) {
      pool.add(stage("guest", nap), {.weight = 2});
      is_well = i % 3 != 0;
      std::this_thread::sleep_for(200us);
      (void)pool.stats();
      (void)pool.remove("guest");
    }
  });
  int answered = 0, failed = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::future<result<int>>> answers;
    for (int i = 0; i < 50; ++i) answers.push_back(pool.async_run(i, asio::use_future));
    for (int i = 0; i < 50; ++i) {
      const result<int> got = answers[static_cast<std::size_t>(i)].get();
      if (got) {
        ++answered;
        CHECK(*got == i);
      } else {
        ++failed;
        CHECK(got.error().is(errc::stage_failed));
      }
    }
  }
  done = true;
  other.join();
  threads.join();
  CHECK(answered + failed == 1000);
  for (const replica_stats& s : pool.stats()) CHECK(s.outstanding == 0);
}
