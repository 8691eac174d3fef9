// SPDX-License-Identifier: BSL-1.0
/// \file
/// Runs of every construct, stopped at every step of their way: killed, cancelled, out of time, drained.
#include "support/constructs.hpp"

#include <memory>
#include <optional>

#include "support/every_step.hpp"
#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;
using test::caller;

/// Two runs of one construct, begun at once, in a world of their own.
struct scene : test::stoppable_scene<std::string, 2> {
  scene(const test::construct& what, caller how, std::uint64_t seed, time_point deadline = no_deadline)
      : stoppable_scene(seed), about(what) {
    subject.emplace(what.make(world, *rt));
    for (std::size_t i = 0; i < ends.size(); ++i) begin(i, how, {.deadline = deadline});
  }

  void begin(std::size_t i, caller how, run_options options) {
    const std::string in = test::long_text(static_cast<int>(i));
    stoppable_scene::begin(
        i, how, [&](auto token) { subject->async_run(in, options, std::move(token)); },
        [chain = *subject, in, options] { return chain.try_run(in, options); });
  }

  /// Every run has ended as it must when nothing disturbed it.
  void check_undisturbed() const {
    check_completed_once();
    for (const auto& end : ends) {
      CHECK(end.answered() == (about.failing_path == nullptr));
      if (about.failing_path) CHECK(end.path() == about.failing_path);
    }
  }

  const test::construct& about;
  std::optional<test::text_chain> subject;
};

/// Calls `then(scene)` at every step of every construct for which `about(construct, caller)` holds, in several orders.
template <class Then>
void at_every_step(bool (*about)(const test::construct&, caller), Then then, std::uint64_t orders = test::times<std::uint64_t>(3, 2),
                   time_point deadline = no_deadline) {
  for (const auto& what : test::constructs()) {
    for (const caller how : test::callers) {
      if (!about(what, how)) continue;
      INFO(what.name << ", caller " << static_cast<int>(how));
      test::at_every_step_of(
          orders, [&](std::uint64_t seed) { return std::make_unique<scene>(what, how, seed, deadline); }, then);
    }
  }
}

bool everything(const test::construct&, caller) { return true; }
bool what_can_be_cancelled(const test::construct&, caller how) { return test::can_cancel(how); }

}  // namespace

TEST_CASE("killing the executor first, at any step, leaks nothing and calls nothing") {
  at_every_step(everything, [](scene& s) {
    const int before = s.completions();
    s.destroy_executor();
    CHECK(s.completions() == before);
    s.subject.reset();
    s.rt.reset();
    CHECK(s.completions() == before);
  });
}

TEST_CASE("killing chain and runtime first and the executor last, at any step, leaks nothing and calls nothing") {
  at_every_step(everything, [](scene& s) {
    const int before = s.completions();
    s.subject.reset();
    s.rt.reset();
    s.destroy_executor();
    CHECK(s.completions() == before);
  });
}

TEST_CASE("runs complete as if nothing had happened when chain and runtime handles go at any step") {
  at_every_step(everything, [](scene& s) {
    s.subject.reset();
    s.rt.reset();
    s.world.run();
    s.check_undisturbed();
  });
}

TEST_CASE("a run that is cancelled at any step completes exactly once") {
  at_every_step(what_can_be_cancelled, [](scene& s) {
    s.cancel();
    s.world.run();
    s.check_completed_once();
    for (const auto& end : s.ends)
      if (!end.answered()) CHECK((s.about.failing_path || end.why().is(errc::cancelled)));
  });
}

TEST_CASE("a cancelled run needs no time to end") {
  at_every_step([](const test::construct& what, caller how) { return what.hears && test::can_cancel(how); }, [](scene& s) {
    if (!s.began[0] || !s.began[1]) return;
    s.cancel();
    s.world.run_until_idle();
    s.check_completed_once();
  });
}

TEST_CASE("killing the executor a few steps after a cancellation leaks nothing and calls nothing twice") {
  at_every_step(what_can_be_cancelled, [](scene& s) { s.check_killing_after_cancelling(); });
}

TEST_CASE("a run whose deadline passes at any step completes exactly once") {
  at_every_step(
      everything,
      [](scene& s) {
        s.world.elapse(1min);
        s.world.run_until_idle();
        s.check_completed_once();
        for (const auto& end : s.ends)
          if (!end.answered() && !s.about.failing_path && !s.about.tries_again)  // a stage's own time may have passed as well
            CHECK((end.why().is(errc::deadline_exceeded) || end.why().is(errc::timed_out)));
      },
      1, testing::manual_time::start + 1min);
}

TEST_CASE("drain begun at any step ends when every run has ended and no new run begins") {
  // The coroutines that call are not runs themselves.
  at_every_step([](const test::construct&, caller how) { return how != caller::coroutine; }, [](scene& s) {
    test::outcome<void> drained;
    s.rt->async_drain(no_deadline, drained.take());
    test::outcome<std::string> refused;
    s.subject->async_run(std::string("late"), refused.take());
    s.world.run();
    s.check_undisturbed();
    CHECK(drained.count() == 1);
    CHECK(drained.answered());
    CHECK(refused.count() == 1);
    CHECK(refused.why().is(errc::shutting_down));
  });
}
