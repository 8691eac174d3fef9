// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A world in which nothing happens until the test says so: one thread, virtual time, ready work in a seeded order.
#include <catena/runtime.hpp>
#include <catena/testing/manual_executor.hpp>
#include <catena/testing/manual_time.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>

namespace catena::testing {

/// An executor and a time source for the runtimes of one test. The same seed gives the same course of events.
///
///     manual_world world{seed};
///     auto rt = world.runtime();
///     chain.async_run(3, [&](result<int> r) { ... });
///     world.advance(5ms);
///
/// Asio's own timers keep real time: a stage that must wait in virtual time awaits `rt.async_wait_until(...)`.
/// \threads  one; compute threads and other executors may bring work from outside, see run_until()
class manual_world {
 public:
  explicit manual_world(std::uint64_t seed = 1)
      : time_(std::make_shared<manual_time>()), context_(std::make_unique<manual_context>(seed)) {}

  [[nodiscard]] manual_executor get_executor() const { return context().get_executor(); }
  [[nodiscard]] manual_context& context() const {
    if (!context_) throw std::logic_error("manual_world: the executor has been destroyed");
    return *context_;
  }
  [[nodiscard]] const std::shared_ptr<manual_time>& time() const noexcept { return time_; }
  [[nodiscard]] time_point now() const noexcept { return time_->now(); }

  /// A runtime on this world's executor and time.
  [[nodiscard]] catena::runtime runtime(runtime_options options = {}) const {
    options.time = time_;
    return catena::runtime(get_executor(), std::move(options));
  }

  /// Runs one piece of ready work; false if none is ready now.
  bool step() { return context_ && context_->step(); }
  /// Runs one piece of work, moving time to the next alarm if none is ready; false if nothing will ever happen.
  bool step_in_time();
  /// Runs what is ready now, and what that makes ready, without moving time; returns how many steps that took.
  std::size_t run_until_idle();
  /// Runs until idle, moving time from alarm to alarm until `by` has gone.
  std::size_t advance(duration by);
  /// Moves time and makes what is due ready, but runs nothing.
  void elapse(duration by) { time_->move_to(now() + by); }
  /// Runs everything that ever becomes ready, moving time as far as it takes.
  std::size_t run();
  /// Runs until `done()` holds, moving time as needed. When nothing is ready and no alarm is set it waits for work from
  /// another thread, so that models with compute threads can take part.
  template <class Done>
  void run_until(Done done) {
    while (!done())
      if (!step_in_time()) context().wait_for_work();
  }

  /// How many pieces of work have been run.
  [[nodiscard]] std::size_t steps() const noexcept { return context_ ? context_->steps() : 0; }
  /// Destroys the executor with everything that waits on it, as when a service's io_context dies first.
  void destroy_executor() { context_.reset(); }

 private:
  std::shared_ptr<manual_time> time_;
  std::unique_ptr<manual_context> context_;
};

}  // namespace catena::testing
