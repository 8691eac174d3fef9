// SPDX-License-Identifier: BSL-1.0
/// \file
/// Runs of every construct, stopped at every step of their way: killed, cancelled, out of time, drained.
#include "support/constructs.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>

#include <array>
#include <functional>
#include <optional>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// How the runs of a scene are begun.
enum class caller : int { handler, cancellable, on_a_strand, coroutine };
constexpr std::array callers{caller::handler, caller::cancellable, caller::on_a_strand, caller::coroutine};

/// Two runs of one construct, begun at once, in a world of their own.
struct scene {
  scene(const test::construct& what, caller how, std::uint64_t seed, time_point deadline = no_deadline)
      : about(what), world(seed), strand(asio::make_strand(asio::any_io_executor(world.get_executor()))) {
    rt.emplace(world.runtime());
    subject.emplace(what.make(world, *rt));
    for (std::size_t i = 0; i < ends.size(); ++i) begin(i, how, {.deadline = deadline});
  }

  void begin(std::size_t i, caller how, run_options options) {
    const std::string in = test::long_text(static_cast<int>(i));
    // co_spawn throws into the executor when it is cancelled before its coroutine has begun (Asio 1.26).
    began[i] = how != caller::coroutine;
    switch (how) {
      case caller::handler: subject->async_run(in, options, ends[i].take()); return;
      case caller::cancellable:
        subject->async_run(in, options, asio::bind_cancellation_slot(signals[i].slot(), ends[i].take()));
        return;
      case caller::on_a_strand:
        subject->async_run(in, options,
                           asio::bind_cancellation_slot(signals[i].slot(), asio::bind_executor(*strand, ends[i].take())));
        return;
      case caller::coroutine:
        asio::co_spawn(world.get_executor(), await(*subject, in, options, ends[i], began[i]),
                       asio::bind_cancellation_slot(signals[i].slot(), asio::detached));
        return;
    }
  }

  static asio::awaitable<void> await(test::text_chain chain, std::string in, run_options options, test::outcome<std::string>& end,
                                     bool& began) {
    began = true;
    result<std::string> answered = co_await chain.try_run(in, options);
    auto handler = end.take();
    handler(std::move(answered));
  }

  /// A strand must not outlive its context: that is Asio's rule, not ours.
  void destroy_executor() {
    strand.reset();
    world.destroy_executor();
  }
  void cancel() {
    for (std::size_t i = 0; i < signals.size(); ++i)
      if (began[i]) signals[i].emit(asio::cancellation_type::terminal);
  }
  void go(std::size_t steps) {
    while (steps-- > 0) world.step_in_time();
  }
  [[nodiscard]] int completions() const {
    int count = 0;
    for (const auto& end : ends) count += end.count();
    return count;
  }
  void check_completed_once() const {
    for (const auto& end : ends) REQUIRE(end.count() == 1);
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
  std::array<test::outcome<std::string>, 2> ends;
  std::array<asio::cancellation_signal, 2> signals;
  std::array<bool, 2> began{};
  testing::manual_world world;
  std::optional<asio::strand<asio::any_io_executor>> strand;
  std::optional<runtime> rt;
  std::optional<test::text_chain> subject;
};

std::size_t steps_of(const test::construct& what, caller how, std::uint64_t seed) {
  scene s(what, how, seed);
  s.world.run();
  s.check_undisturbed();
  return s.world.steps();
}

/// Calls `then(scene)` at every step of every construct, begun by every kind of caller, in several orders.
template <class Then>
void at_every_step(Then then) {
  for (const auto& what : test::constructs()) {
    for (const caller how : callers) {
      for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const std::size_t count = steps_of(what, how, seed);
        for (std::size_t k = 0; k <= count; ++k) {
          INFO(what.name << ", caller " << static_cast<int>(how) << ", seed " << seed << ", step " << k << " of " << count);
          scene s(what, how, seed);
          s.go(k);
          then(s, how);
        }
      }
    }
  }
}

bool can_cancel(caller how) { return how != caller::handler; }

}  // namespace

TEST_CASE("killing the executor first, at any step, leaks nothing and calls nothing") {
  at_every_step([](scene& s, caller) {
    const int before = s.completions();
    s.destroy_executor();
    CHECK(s.completions() == before);
    s.subject.reset();
    s.rt.reset();
    CHECK(s.completions() == before);
  });
}

TEST_CASE("killing chain and runtime first and the executor last, at any step, leaks nothing and calls nothing") {
  at_every_step([](scene& s, caller) {
    const int before = s.completions();
    s.subject.reset();
    s.rt.reset();
    s.destroy_executor();
    CHECK(s.completions() == before);
  });
}

TEST_CASE("runs complete as if nothing had happened when chain and runtime handles go at any step") {
  at_every_step([](scene& s, caller) {
    s.subject.reset();
    s.rt.reset();
    s.world.run();
    s.check_undisturbed();
  });
}

TEST_CASE("a run that is cancelled at any step completes exactly once") {
  at_every_step([](scene& s, caller how) {
    if (!can_cancel(how)) return;
    s.cancel();
    s.world.run();
    s.check_completed_once();
    for (const auto& end : s.ends)
      if (!end.answered()) CHECK((s.about.failing_path || end.why().is(errc::cancelled)));
  });
}

TEST_CASE("a cancelled run needs no time to end") {
  at_every_step([](scene& s, caller how) {
    if (!can_cancel(how) || !s.began[0] || !s.began[1]) return;
    s.cancel();
    s.world.run_until_idle();
    s.check_completed_once();
  });
}

TEST_CASE("killing the executor a few steps after a cancellation leaks nothing and calls nothing twice") {
  at_every_step([](scene& s, caller how) {
    if (!can_cancel(how)) return;
    const std::size_t more = s.world.steps() % 4;
    s.cancel();
    s.go(more);
    const int before = s.completions();
    s.destroy_executor();
    CHECK(s.completions() == before);
  });
}

TEST_CASE("a run whose deadline passes at any step completes exactly once") {
  for (const auto& what : test::constructs()) {
    for (const caller how : callers) {
      const std::size_t count = steps_of(what, how, 5);
      for (std::size_t k = 0; k <= count; ++k) {
        INFO(what.name << ", caller " << static_cast<int>(how) << ", step " << k << " of " << count);
        scene s(what, how, 5, testing::manual_time::start + 1min);
        s.go(k);
        s.world.elapse(1min);
        s.world.run_until_idle();
        s.check_completed_once();
        for (const auto& end : s.ends)
          if (!end.answered() && !what.failing_path)  // a stage's own time may have passed as well
            CHECK((end.why().is(errc::deadline_exceeded) || end.why().is(errc::timed_out)));
      }
    }
  }
}

TEST_CASE("drain begun at any step ends when every run has ended and no new run begins") {
  at_every_step([](scene& s, caller how) {
    if (how == caller::coroutine) return;  // the callers themselves are not runs
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
