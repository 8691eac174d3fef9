// SPDX-License-Identifier: BSL-1.0
/// \file
/// Admissions that are stopped at every step of their way: killed, cancelled, out of time, drained.
#include <catena/schedule/admission.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <vector>

#include "support/every_step.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;
using asker = test::caller;

/// Requests of several priorities in two lines that share a bucket. The first to be admitted settle or refund.
struct counter_scene : test::stoppable_scene<permit, 6> {
  counter_scene(asker how, std::uint64_t seed, time_point deadline = no_deadline) : stoppable_scene(seed) {
    const shared_bucket model(*rt, "model", {.refill = {.tokens = 100}, .capacity = 5});
    const shared_bucket tenant(*rt, "tenant", {.refill = {.tokens = 70}, .capacity = 8});
    gates.emplace_back(*rt, admission_options{.buckets = {model, tenant}});
    gates.emplace_back(*rt, admission_options{.buckets = {{model, charge::request}}});
    for (std::size_t i = 0; i < ends.size(); ++i)
      begin(i, how, {.deadline = deadline, .priority = static_cast<priority>(i % 3)});
  }

  void begin(std::size_t i, asker how, run_options options) {
    const admission& gate = gates[i % 2];
    const auto cost = static_cast<std::int64_t>(2 + i % 4);
    stoppable_scene::begin(
        i, how, [&](auto token) { gate.async_admit(cost, options, std::move(token)); },
        [gate, cost, options] { return ask(gate, cost, options); });
  }

  static asio::awaitable<result<permit>> ask(admission gate, std::int64_t cost, run_options options) {
    result<permit> answered = co_await gate.async_admit(cost, options, asio::use_awaitable);
    if (answered && cost == 3) answered->settle(1);
    if (answered && cost == 4) answered->refund();
    co_return answered;
  }

  void destroy_handles() {
    gates.clear();
    rt.reset();
  }

  std::vector<admission> gates;
};

/// Calls `then(scene)` at every step, for every kind of asker, in several orders.
template <class Then>
void at_every_step_of_admission(Then then, duration deadline_after = {}) {
  const time_point deadline = deadline_after == duration{} ? no_deadline : testing::manual_time::start + deadline_after;
  for (const asker how : test::callers) {
    INFO("asker " << static_cast<int>(how));
    test::at_every_step_of(
        10, [&](std::uint64_t seed) { return std::make_unique<counter_scene>(how, seed, deadline); },
        [&](counter_scene& s) { then(s, how); });
  }
}

}  // namespace

TEST_CASE("killing the executor first, at any step of an admission, leaks nothing and calls nothing") {
  at_every_step_of_admission([](counter_scene& s, asker) {
    const int before = s.completions();
    s.destroy_executor();
    CHECK(s.completions() == before);
    s.destroy_handles();
    CHECK(s.completions() == before);
  });
}

TEST_CASE("killing admissions and runtime first and the executor last, at any step, leaks nothing and calls nothing") {
  at_every_step_of_admission([](counter_scene& s, asker how) {
    if (how == asker::coroutine) return;  // a coroutine's gate goes with it
    const int before = s.completions();
    s.destroy_handles();
    s.destroy_executor();
    CHECK(s.completions() == before);
  });
}

TEST_CASE("requests are admitted as if nothing had happened when admissions and runtime go at any step") {
  at_every_step_of_admission([](counter_scene& s, asker) {
    s.destroy_handles();
    s.world.run();
    s.check_undisturbed();
  });
}

TEST_CASE("an admission that is cancelled at any step completes exactly once, and needs no time for it") {
  at_every_step_of_admission([](counter_scene& s, asker how) {
    if (how == asker::handler) return;
    s.check_cancelling();
  });
}

TEST_CASE("killing the executor a few steps after admissions were cancelled leaks nothing and calls nothing twice") {
  at_every_step_of_admission([](counter_scene& s, asker how) {
    if (how == asker::handler) return;
    s.check_killing_after_cancelling();
  });
}

TEST_CASE("an admission whose deadline passes at any step completes exactly once") {
  at_every_step_of_admission(
      [](counter_scene& s, asker) {
        s.world.elapse(1min);
        s.world.run_until_idle();
        s.check_completed_once();
        for (const auto& end : s.ends)
          if (!end.answered()) CHECK(end.why().is(errc::deadline_exceeded));
      },
      1min);
}

TEST_CASE("drain begun at any step of an admission ends when every request has ended") {
  at_every_step_of_admission([](counter_scene& s, asker how) {
    if (how == asker::coroutine) return;
    test::outcome<void> drained;
    s.rt->async_drain(no_deadline, drained.take());
    test::outcome<permit> refused;
    s.gates[0].async_admit(1, refused.take());
    s.world.run();
    s.check_undisturbed();
    CHECK(drained.answered());
    CHECK(refused.why().is(errc::shutting_down));
  });
}
