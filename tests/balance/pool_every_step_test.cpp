// SPDX-License-Identifier: BSL-1.0
/// \file
/// Requests of a pool that are stopped at every step of their way, while replicas fail, come and go.
#include <catena/balance/replica_pool.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "support/every_step.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// Five requests for three replicas: one answers late, one fails, one leaves while they run. What fails is tried elsewhere, in some orders.
struct replicas_scene : test::stoppable_scene<std::string, 5> {
  replicas_scene(test::caller how, std::uint64_t seed) : stoppable_scene(seed) {
    pool.emplace(*rt, replica_pool_options{.balancing = round_robin{}, .breaker = {.consecutive = 1}, .failovers = seed % 3});
    const auto late = [rt = *rt](call, std::string s) -> asio::awaitable<std::string> {
      co_await rt.async_wait_until(rt.now() + 2ms, asio::use_awaitable);
      co_return s;
    };
    const auto bad = [rt = *rt](call, std::string s) -> asio::awaitable<result<std::string>> {
      co_await rt.async_wait_until(rt.now() + 1ms, asio::use_awaitable);
      co_return failure(errc::stage_failed, s);
    };
    pool->add(stage("late", late));
    pool->add(stage("bad", bad));
    pool->add(stage("inline", [](const std::string& s) { return s; }));
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const std::string in = "a text that is longer than what fits into a string: " + std::to_string(i);
      begin(i, how, [&](auto token) { pool->async_run(in, std::move(token)); }, [p = *pool, in] { return p.try_run(in); });
    }
    rt->async_wait_until(rt->now() + 1ms, [this](boost::system::error_code) {
      if (pool) (void)pool->remove("late");
    });
  }

  void check_undisturbed() const { check_completed_once(); }
  void check_nothing_outstanding() const {
    for (const replica_stats& s : pool->stats()) CHECK(s.outstanding == 0);
  }
  void destroy_handles() {
    pool.reset();
    rt.reset();
  }

  std::optional<replica_pool<std::string, std::string>> pool;
};

template <class Then>
void at_every_step_of_a_pool(Then then) {
  for (const test::caller how : test::callers) {
    INFO("caller " << static_cast<int>(how));
    test::at_every_step_of(
        10, [&](std::uint64_t seed) { return std::make_unique<replicas_scene>(how, seed); },
        [&](replicas_scene& s) { then(s, how); });
  }
}

}  // namespace

TEST_CASE("killing the executor at any step of a pool's requests leaks nothing, calls nothing and leaves nothing outstanding") {
  at_every_step_of_a_pool([](replicas_scene& s, test::caller) {
    const int before = s.completions();
    s.destroy_executor();
    CHECK(s.completions() == before);
    s.check_nothing_outstanding();
  });
}

TEST_CASE("a pool's requests go on as if nothing had happened when pool and runtime go at any step") {
  at_every_step_of_a_pool([](replicas_scene& s, test::caller) {
    s.destroy_handles();
    s.world.run();
    s.check_completed_once();
  });
}

TEST_CASE("killing pool and runtime first and the executor last, at any step, leaks nothing and calls nothing") {
  at_every_step_of_a_pool([](replicas_scene& s, test::caller how) {
    if (how == test::caller::coroutine) return;  // a coroutine's pool goes with it
    const int before = s.completions();
    s.destroy_handles();
    s.destroy_executor();
    CHECK(s.completions() == before);
  });
}

TEST_CASE("a pool's requests that are cancelled at any step end exactly once and leave nothing outstanding") {
  at_every_step_of_a_pool([](replicas_scene& s, test::caller how) {
    if (!test::can_cancel(how)) return;
    s.cancel();
    s.world.run();
    s.check_completed_once();
    s.check_nothing_outstanding();
  });
}

TEST_CASE("a pool's requests of which one is cancelled at any step disturb no other") {
  at_every_step_of_a_pool([](replicas_scene& s, test::caller how) {
    if (!test::can_cancel(how)) return;
    s.cancel(2);
    s.world.run();
    s.check_completed_once();
    for (const std::size_t i : {0U, 1U, 3U, 4U}) CHECK((s.ends[i].answered() || s.ends[i].why().is(errc::stage_failed)));
    s.check_nothing_outstanding();
  });
}
