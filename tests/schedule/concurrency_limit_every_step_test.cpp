// SPDX-License-Identifier: BSL-1.0
/// \file
/// Requests at a concurrency limit that are stopped at every step of their way: killed, cancelled, out of time.
#include <catena/schedule/concurrency_limit.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "support/every_step.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// Six want one of two places; who has one gives it back at the next of seven moments.
struct places_scene : test::stoppable_scene<concurrency_slot, 6> {
  places_scene(test::caller how, std::uint64_t seed, time_point deadline) : stoppable_scene(seed) {
    gate.emplace(*rt, concurrency_limit_options{.policy = fixed_limit{2}, .line_capacity = 8});
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const run_options options{.deadline = deadline, .priority = static_cast<priority>(i % 3)};
      begin(
          i, how, [&](auto token) { gate->async_enter(options, std::move(token)); },
          [at = *gate, options] { return ask(at, options); });
    }
    for (int k = 1; k <= 7; ++k)
      rt->async_wait_until(rt->now() + k * 10ms, [this](boost::system::error_code) { leave_all(); });
  }

  static asio::awaitable<result<concurrency_slot>> ask(concurrency_limit at, run_options options) {
    result<concurrency_slot> answered = co_await at.async_enter(options, asio::use_awaitable);
    co_return answered;
  }

  void leave_all() {
    for (auto& end : ends)
      if (end.answered()) end.value().leave(request_outcome::answered);
  }
  void destroy_handles() {
    gate.reset();
    rt.reset();
  }

  std::optional<concurrency_limit> gate;
};

template <class Then>
void at_every_step_of_entering(Then then, duration deadline_after = 1s) {
  for (const test::caller how : test::callers) {
    INFO("caller " << static_cast<int>(how));
    test::at_every_step_of(
        10, [&](std::uint64_t seed) { return std::make_unique<places_scene>(how, seed, testing::manual_time::start + deadline_after); },
        [&](places_scene& s) { then(s, how); });
  }
}

}  // namespace

TEST_CASE("killing the executor at any step of entering leaks nothing, calls nothing and gives all places back") {
  at_every_step_of_entering([](places_scene& s, test::caller) {
    const int before = s.completions();
    s.destroy_executor();
    CHECK(s.completions() == before);
    for (auto& end : s.ends) end.forget();
    CHECK(s.gate->in_flight_approx() == 0);
    CHECK(s.gate->waiting_count() == 0);
  });
}

TEST_CASE("killing limit and runtime first and the executor last, at any step, leaks nothing and calls nothing") {
  at_every_step_of_entering([](places_scene& s, test::caller how) {
    if (how == test::caller::coroutine) return;  // a coroutine's gate goes with it
    const int before = s.completions();
    s.destroy_handles();
    s.destroy_executor();
    CHECK(s.completions() == before);
  });
}

TEST_CASE("requests are let in as if nothing had happened when limit and runtime go at any step") {
  at_every_step_of_entering([](places_scene& s, test::caller) {
    s.destroy_handles();
    s.world.run();
    s.check_undisturbed();
  });
}

TEST_CASE("entering that is cancelled at any step completes exactly once, and takes no place along") {
  at_every_step_of_entering([](places_scene& s, test::caller how) {
    if (!test::can_cancel(how)) return;
    s.check_cancelling();
    for (auto& end : s.ends) end.forget();
    CHECK(s.gate->in_flight_approx() == 0);
    CHECK(s.gate->waiting_count() == 0);
  });
}

TEST_CASE("killing the executor right after entering was cancelled leaks nothing and calls nothing twice") {
  at_every_step_of_entering([](places_scene& s, test::caller how) {
    if (!test::can_cancel(how)) return;
    s.cancel();
    s.go(2);
    s.destroy_executor();
    for (auto& end : s.ends) {
      REQUIRE(end.count() <= 1);
      end.forget();
    }
    CHECK(s.gate->in_flight_approx() == 0);
  });
}

TEST_CASE("requests that run out of time in line end once, and their places go to others") {
  for (const test::caller how : test::callers) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      places_scene s(how, seed, testing::manual_time::start + 25ms);
      s.world.run();
      s.check_completed_once();
      std::size_t answered = 0;
      for (auto& end : s.ends) {
        answered += end.answered();
        end.forget();
      }
      CHECK(answered >= 2);
      CHECK(answered < 6);
      CHECK(s.gate->in_flight_approx() == 0);
    }
  }
}
