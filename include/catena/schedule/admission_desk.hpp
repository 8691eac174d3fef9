// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Performs what the admission line decides: one lock, one timer, and the requests' completions.
#include <catena/runtime/state.hpp>
#include <catena/schedule/admission_line.hpp>

#include <memory>
#include <mutex>
#include <shared_mutex>

namespace catena::detail {

/// The driver of a runtime's admission line. Its lock is taken by those who wait and by those who change what others wait
/// for; a request whose tokens are there never comes here.
/// \threads  safe
/// \lifetime pinned by buckets, by admissions, and by its timer
class admission_desk : public executor_user, public std::enable_shared_from_this<admission_desk> {
 public:
  explicit admission_desk(std::shared_ptr<runtime_state> runtime);

  /// The one desk of a runtime.
  [[nodiscard]] static std::shared_ptr<admission_desk> of(const std::shared_ptr<runtime_state>& runtime);

  [[nodiscard]] time_point now() const noexcept { return runtime_->time->now(); }
  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept { return runtime_; }

  /// The request is decided, now or later, or abandoned: false if its executor is gone, then it is the caller's again.
  [[nodiscard]] bool enter(admission_request& r);
  /// Takes a request out of its line; false if it does not wait there, or not any more.
  [[nodiscard]] bool withdraw(admission_request& r);
  /// Tokens of this group were put back or taken on top: whoever waits for them looks again.
  void tokens_changed(const admission_group& group);
  void set_rate(admission_bucket& bucket, rate refill);

  [[nodiscard]] duration expected_wait(const admission_group& group, std::int64_t cost, priority p) const;
  [[nodiscard]] std::size_t waiting_count(const admission_group& group) const;

  void add(admission_bucket& bucket);
  void add(admission_group& group);
  void remove(admission_group& group) noexcept;

  void executor_gone() noexcept override;

 private:
  struct line_timer : timer_node {
    admission_desk* owner = nullptr;
    std::shared_ptr<admission_desk> pin;  ///< set while the timer waits or fires
  };

  /// Sets the timer, unlocks, and tells those who were decided.
  void finish(std::unique_lock<std::mutex> lock);
  void set_timer_locked(time_point when);
  static void time_has_come(timer_node& node, wake how);

  const std::shared_ptr<runtime_state> runtime_;
  mutable std::mutex mutex_;
  std::shared_mutex telling_;  ///< shared while requests are told: the executor is not destroyed meanwhile
  admission_line line_;
  line_timer timer_;
  bool closed_ = false;
};

}  // namespace catena::detail
