// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Operations that a test stops at every step of their way: who begins them, and what may be done to all of them at once.
#include <catena/observe/metrics.hpp>
#include <catena/observe/tracer.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace catena::test {

/// How an operation is begun.
enum class caller : int { handler, cancellable, on_a_strand, coroutine };
inline constexpr std::array callers{caller::handler, caller::cancellable, caller::on_a_strand, caller::coroutine};

[[nodiscard]] inline bool can_cancel(caller how) noexcept { return how != caller::handler; }

/// Some operations that answer a T, in a manual world of their own.
template <class T, std::size_t Count>
struct stoppable_scene {
  explicit stoppable_scene(std::uint64_t seed)
      : world(seed), strand(boost::asio::make_strand(boost::asio::any_io_executor(world.get_executor()))) {
    rt.emplace(world.runtime(seed % 2 == 0 ? recorded() : runtime_options{}));
  }

  /// As a service has it that is watched.
  static runtime_options recorded() {
    runtime_options options;
    options.metrics = std::make_shared<metrics>();
    options.tracer = tracer::create({.sample_share = 1});
    return options;
  }

  /// Begins the i-th one: `start(token)` for a completion token, `await()` gives the awaitable of its result.
  template <class Start, class Await>
  void begin(std::size_t i, caller how, Start start, Await await) {
    namespace asio = boost::asio;
    // co_spawn throws into the executor when it is cancelled before its coroutine has begun (Asio 1.26).
    began[i] = how != caller::coroutine;
    auto slot = signals[i].slot();
    switch (how) {
      case caller::handler: start(ends[i].take()); return;
      case caller::cancellable: start(asio::bind_cancellation_slot(slot, ends[i].take())); return;
      case caller::on_a_strand:
        start(asio::bind_cancellation_slot(slot, asio::bind_executor(*strand, ends[i].take())));
        return;
      case caller::coroutine:
        asio::co_spawn(world.get_executor(), await_in_a_coroutine(await, ends[i], began[i]),
                       asio::bind_cancellation_slot(slot, asio::detached));
        return;
    }
  }

  /// A strand must not outlive its context: that is Asio's rule, not ours.
  void destroy_executor() {
    strand.reset();
    world.destroy_executor();
  }
  void cancel() {
    for (std::size_t i = 0; i < Count; ++i) cancel(i);
  }
  void cancel(std::size_t i) {
    if (began[i]) signals[i].emit(boost::asio::cancellation_type::terminal);
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

  void check_undisturbed() const {
    check_completed_once();
    for (const auto& end : ends) CHECK(end.answered());
  }
  /// Cancels all: whoever had begun completes without time passing, and in the end each has completed once.
  void check_cancelling() {
    const auto told = began;
    cancel();
    world.run_until_idle();
    for (std::size_t i = 0; i < Count; ++i)
      if (told[i]) REQUIRE(ends[i].count() == 1);
    for (const auto& end : ends)
      if (end.count() && !end.answered()) CHECK(end.why().is(errc::cancelled));
    world.run();
    check_completed_once();
  }

  /// Cancels all, goes on for up to three steps and kills the executor: from then on nobody completes.
  void check_killing_after_cancelling() {
    const std::size_t more = world.steps() % 4;
    cancel();
    go(more);
    const int before = completions();
    destroy_executor();
    CHECK(completions() == before);
  }

  std::array<outcome<T>, Count> ends;
  std::array<boost::asio::cancellation_signal, Count> signals;
  std::array<bool, Count> began{};
  testing::manual_world world;
  std::optional<boost::asio::strand<boost::asio::any_io_executor>> strand;
  std::optional<runtime> rt;

 private:
  template <class Await>
  static boost::asio::awaitable<void> await_in_a_coroutine(Await await, outcome<T>& end, bool& has_begun) {
    has_begun = true;
    auto awaited = await();
    result<T> answered = co_await std::move(awaited);
    auto handler = end.take();
    handler(std::move(answered));
  }
};

/// Calls `then(scene)` at every step of the scenes that `make(seed)` gives, in several orders; a scene that nobody stops
/// must end as its check_undisturbed() says.
template <class Make, class Then>
void at_every_step_of(std::uint64_t orders, Make make, Then then) {
  for (std::uint64_t seed = 1; seed <= orders; ++seed) {
    std::size_t count = 0;
    {
      const auto whole = make(seed);
      whole->world.run();
      whole->check_undisturbed();
      count = whole->world.steps();
    }
    for (std::size_t k = 0; k <= count; ++k) {
      INFO("seed " << seed << ", step " << k << " of " << count);
      const auto scene = make(seed);
      scene->go(k);
      then(*scene);
    }
  }
}

}  // namespace catena::test
