// SPDX-License-Identifier: BSL-1.0
/// \file
/// Runs with versions, a canary and a shadow that are stopped at every step of their way: killed, cancelled, out of time, drained.
#include <catena/chain.hpp>
#include <catena/version/versions.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "support/every_step.hpp"
#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// Three runs that ask twice, of a stable version, a canary and a shadow, all of which wait now and then.
struct version_scene : test::stoppable_scene<std::string, 3> {
  version_scene(test::caller how, std::uint64_t seed, time_point deadline) : stoppable_scene(seed) {
    risk.emplace(*rt, versions_options{.name = "risk"});
    for (int number = 1; number <= 3; ++number) {
      auto held = std::make_shared<int>(number);
      alive[static_cast<std::size_t>(number) - 1] = held;
      risk->add(std::to_string(number), [held, rt = *rt](call, std::string s) -> asio::awaitable<std::string> {
        co_await rt.async_wait_until(rt.now() + *held * 1ms, asio::use_awaitable);
        s += std::to_string(*held);
        co_return s;
      });
    }
    risk->begin_canary("2", {.share = 0.5, .rule = {.min_runs = 1, .max_runs = 1}});
    risk->mirror("3", {.timeout = 2ms});
    subject.emplace(make_chain<std::string>(*rt, "c", [&](auto in) {
      return in >> stage("first", *risk) >> stage("agent", [v = *risk](call c, std::string s) -> asio::awaitable<std::string> {
               std::string more = co_await v(c, s);
               co_return more;
             });
    }));
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const run_options options{.deadline = deadline, .id = i + 1};
      const std::string in = "a text that is longer than what fits into a string ";
      begin(
          i, how, [&](auto token) { subject->async_run(in, options, std::move(token)); },
          [c = *subject, in, options] { return c.try_run(in, options); });
    }
  }

  void destroy_handles() {
    subject.reset();
    risk.reset();
    rt.reset();
  }
  [[nodiscard]] bool all_gone() const {
    return alive[0].expired() && alive[1].expired() && alive[2].expired();
  }

  std::array<std::weak_ptr<int>, 3> alive;
  std::optional<versions<std::string, std::string>> risk;
  std::optional<chain<std::string, std::string>> subject;
};

template <class Then>
void at_every_step_of_versions(Then then, time_point deadline = no_deadline) {
  for (const test::caller how : test::callers) {
    INFO("caller " << static_cast<int>(how));
    test::at_every_step_of(
        test::times<std::uint64_t>(5, 2), [&](std::uint64_t seed) { return std::make_unique<version_scene>(how, seed, deadline); },
        [&](version_scene& s) { then(s, how); });
  }
}

}  // namespace

TEST_CASE("killing the executor at any step of runs with versions leaks nothing and calls nothing") {
  at_every_step_of_versions([](version_scene& s, test::caller how) {
    const int before = s.completions();
    s.destroy_executor();
    CHECK(s.completions() == before);
    s.destroy_handles();
    if (how == test::caller::handler) CHECK(s.all_gone());  // a cancellation slot keeps what it could cancel
  });
}

TEST_CASE("killing versions, chain and runtime first and the executor last, at any step, leaks nothing and calls nothing") {
  at_every_step_of_versions([](version_scene& s, test::caller how) {
    const int before = s.completions();
    s.destroy_handles();
    s.destroy_executor();
    CHECK(s.completions() == before);
    if (how == test::caller::handler) CHECK(s.all_gone());
  });
}

TEST_CASE("runs with versions complete as if nothing had happened when all handles go at any step") {
  at_every_step_of_versions([](version_scene& s, test::caller) {
    s.destroy_handles();
    s.world.run();
    s.check_undisturbed();
    CHECK(s.all_gone());
  });
}

TEST_CASE("a run with versions that is cancelled at any step completes exactly once, and needs no time for it") {
  at_every_step_of_versions([](version_scene& s, test::caller how) {
    if (!test::can_cancel(how)) return;
    s.check_cancelling();
    s.destroy_handles();
    CHECK(s.all_gone());
  });
}

TEST_CASE("killing the executor right after runs with versions were cancelled leaks nothing and calls nothing twice") {
  at_every_step_of_versions([](version_scene& s, test::caller how) {
    if (!test::can_cancel(how)) return;
    s.check_killing_after_cancelling();
  });
}

TEST_CASE("a run with versions whose deadline passes at any step completes exactly once") {
  at_every_step_of_versions(
      [](version_scene& s, test::caller) {
        s.world.elapse(1min);
        s.world.run_until_idle();
        s.check_completed_once();
      },
      testing::manual_time::start + 1min);
}

TEST_CASE("all versions but one may be removed at any step, and runs complete as if nothing had happened") {
  at_every_step_of_versions([](version_scene& s, test::caller) {
    s.risk->add("4", [](std::string t) { return std::move(t) + "4"; });
    s.risk->promote("4");
    for (const char* old : {"1", "2", "3"}) s.risk->remove(old);
    s.world.run();
    s.check_undisturbed();
    CHECK(s.all_gone());
    // Nobody has seen two of them.
    for (auto& end : s.ends) {
      const std::string& text = end.value();
      CHECK(text[text.size() - 1] == text[text.size() - 2]);
    }
  });
}

TEST_CASE("drain begun at any step of runs with versions ends when they and their shadows have ended") {
  at_every_step_of_versions([](version_scene& s, test::caller how) {
    if (how == test::caller::coroutine) return;  // the callers themselves are not runs
    test::outcome<void> drained;
    s.rt->async_drain(no_deadline, drained.take());
    s.world.run();
    s.check_undisturbed();
    CHECK(drained.answered());
    CHECK(s.rt->state()->live_run_count() == 0);
  });
}
