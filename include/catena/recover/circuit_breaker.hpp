// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A breaker that several stages share.
#include <catena/recover/breaker.hpp>
#include <catena/runtime/brief_mutex.hpp>
#include <catena/runtime/tunable.hpp>

#include <memory>
#include <mutex>
#include <optional>

namespace catena {

/// A breaker for a target that several stages or chains call. A cheap shared handle.
///
///     const circuit_breaker search_service({.bad_share = 0.5, .slow = 200ms});
///     in >> stage("find", find).breaker(search_service)
///
/// \threads  safe
class circuit_breaker {
 public:
  /// \errors std::invalid_argument: an option is out of range
  explicit circuit_breaker(const breaker_options& options = {}) : shared_(std::make_shared<shared>(options)) {}

  [[nodiscard]] breaker_state state() const noexcept {
    const std::lock_guard lock(shared_->mutex);
    return shared_->guard.state();
  }

  /// From now on other options hold; one that is open stays open.
  /// \errors std::invalid_argument: an option is out of range
  void set_options(const breaker_options& options) const {
    const std::lock_guard lock(shared_->mutex);
    shared_->guard.set_options(options);
  }
  /// Its options, for a policy document.
  [[nodiscard]] std::shared_ptr<const tunable> tuning() const;

  // ---- for those who call the target ----

  /// Nothing: it is to be left alone until next_probe().
  [[nodiscard]] std::optional<breaker::pass> try_enter(time_point now) const noexcept {
    const std::lock_guard lock(shared_->mutex);
    return shared_->guard.try_enter(now);
  }
  void ended(breaker::pass p, attempt_end how, duration took, time_point now) const noexcept {
    const std::lock_guard lock(shared_->mutex);
    shared_->guard.ended(p, how, took, now);
  }
  [[nodiscard]] time_point next_probe() const noexcept {
    const std::lock_guard lock(shared_->mutex);
    return shared_->guard.next_probe();
  }

 private:
  struct shared {
    explicit shared(const breaker_options& options) : original(options), guard(options) {}
    const breaker_options original;
    brief_mutex mutex;
    breaker guard;
  };
  std::shared_ptr<shared> shared_;
};

}  // namespace catena
