// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Performs what a line decides: one lock, one timer, and the completions of those who waited in it.
#include <catena/runtime/pinned_timer.hpp>
#include <catena/runtime/state.hpp>

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>

namespace catena::detail {

/// The driver of a line, which is a policy. Its lock is taken by those who wait and by those who change what others wait for.
///
/// A Line has a `request` that knows what to do when it is `decided`, and how to `abandon` it, and
///
///     void enter(request&, time_point now);   bool leave(request&, time_point now);   void advance(time_point now);
///     time_point next_moment();               request* take_decided();                request* take_all();
///
/// \threads  safe
/// \lifetime pinned by handles, and by its timer
template <class Line>
class line_desk : public executor_user, public std::enable_shared_from_this<line_desk<Line>> {
 public:
  using request = typename Line::request;

  template <class... Arguments>
  explicit line_desk(std::shared_ptr<runtime_state> runtime, Arguments&&... of_line)
      : runtime_(std::move(runtime)), line_(std::forward<Arguments>(of_line)...) {
    timer_.owner = this;
    timer_.fire = &time_has_come;
  }

  [[nodiscard]] time_point now() const noexcept { return runtime_->time->now(); }
  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept { return runtime_; }

  /// The request is decided, now or later, or abandoned: false if its executor is gone, then it is the caller's again.
  [[nodiscard]] bool enter(request& r) {
    std::unique_lock lock(mutex_);
    if (closed_) return false;
    line_.enter(r, now());
    finish(std::move(lock));
    return true;
  }
  /// Takes a request out of the line; false if it does not wait there, or not any more.
  [[nodiscard]] bool withdraw(request& r) {
    std::unique_lock lock(mutex_);
    if (!line_.leave(r, now())) return false;
    finish(std::move(lock));
    return true;
  }
  /// Calls f(line, now); whoever is decided by it is told.
  template <class F>
  void change(F f) {
    std::unique_lock lock(mutex_);
    f(line_, now());
    finish(std::move(lock));
  }
  /// What f(line, now) returns.
  template <class F>
  [[nodiscard]] auto look(F f) const {
    const std::lock_guard lock(mutex_);
    return f(line_, now());
  }

  /// What waits is abandoned, and what is being told is waited for.
  void executor_gone() noexcept override {
    const auto pinned = this->shared_from_this();
    request* waiting = nullptr;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      waiting = line_.take_all();
      set_timer_locked(no_deadline);
    }
    { const std::unique_lock nobody_is_told(telling_); }
    while (waiting) {
      request& r = *std::exchange(waiting, waiting->next_decided);
      r.abandon(r);
    }
  }

 protected:
  /// For what others may touch at any time.
  [[nodiscard]] Line& line() noexcept { return line_; }
  [[nodiscard]] const Line& line() const noexcept { return line_; }

 private:
  /// Sets the timer, unlocks, and tells those who were decided.
  void finish(std::unique_lock<std::mutex> lock) {
    set_timer_locked(line_.next_moment());
    request* decided = line_.take_decided();
    if (!decided) return;
    const auto pinned = this->shared_from_this();  // a request that is told may be the last to hold the desk
    std::shared_lock telling(telling_);
    lock.unlock();
    while (decided) {
      request& r = *std::exchange(decided, decided->next_decided);
      r.decided(r);
    }
  }

  void set_timer_locked(time_point when) { timer_.set_locked(*runtime_->timers, closed_ ? no_deadline : when); }

  static void time_has_come(timer_node& node, wake how) {
    line_desk& self = *static_cast<pinned_timer<line_desk>&>(node).owner;
    std::shared_ptr<line_desk> pinned;  // before the lock: it may be the last
    if (how == wake::abandoned) {
      // From inside set_timer_locked(), at a desk that was made when the executor was gone already.
      pinned = std::move(self.timer_.pin);
      return;
    }
    std::unique_lock lock(self.mutex_);
    pinned = std::move(self.timer_.pin);
    self.line_.advance(self.now());
    self.finish(std::move(lock));
  }

  const std::shared_ptr<runtime_state> runtime_;
  mutable std::mutex mutex_;
  std::shared_mutex telling_;  ///< shared while requests are told: the executor is not destroyed meanwhile
  Line line_;
  pinned_timer<line_desk> timer_;
  bool closed_ = false;
};

}  // namespace catena::detail
