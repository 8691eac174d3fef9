// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How many extra calls a target may be given beside the ordinary ones.
#include <catena/runtime/brief_mutex.hpp>
#include <catena/runtime/tunable.hpp>
#include <catena/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace catena {

struct retry_budget_options {
  double share = 0.1;      ///< extra calls for each ordinary one of the last second, 0 to 10
  double per_second = 10;  ///< and so many in each second beside, 0 to 1000000: a target that is seldom called can be retried, too
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const retry_budget_options& options);

/// Counts the calls of the last second, and says whether one more may be an extra one: a retry, or a hedge.
///
/// A second is a window that slides, not one that begins with the clock's: as long as ordinary calls come evenly, no second
/// has more extra calls than `share` of its ordinary ones and `per_second`. Calls are counted by twentieths of a second; one whose
/// twentieth lies half in the window is in it if it was an extra one, and not if it was an ordinary one.
/// \cost     O(1), no allocation
/// \threads  unsafe; a value whose time is an argument
/// \source   the retry budget of Finagle (RetryBudget), which keeps a balance instead: a balance that was saved can be spent
///           at once
class retry_allowance {
 public:
  /// \errors std::invalid_argument: an option is out of range
  explicit retry_allowance(const retry_budget_options& options = {});

  /// An ordinary call begins.
  void began(time_point now) noexcept;
  /// Whether an extra one could begin now.
  [[nodiscard]] bool has_room(time_point now) noexcept;
  /// An extra one would begin; true: it may, and is counted.
  [[nodiscard]] bool try_extra(time_point now) noexcept;

  /// From now on other options hold; what was counted stays counted.
  /// \errors std::invalid_argument: an option is out of range
  void set_options(const retry_budget_options& options);

 private:
  static constexpr std::size_t slot_count = 21;  ///< a second, and the slot that it begins in
  static constexpr duration slot_length = std::chrono::milliseconds(50);
  struct slot {
    std::uint32_t ordinary = 0;
    std::uint32_t extra = 0;
  };

  [[nodiscard]] slot& slot_of(time_point now) noexcept;

  retry_budget_options options_;
  std::array<slot, slot_count> slots_{};
  slot sum_;                  ///< of all of them
  std::int64_t current_ = 0;  ///< number of the slot that is counted in
};

/// One that several stages share. A cheap shared handle.
///
///     const retry_budget for_search({.share = 0.05});
///     in >> stage("find", find).retry({.budget = for_search}) >> stage("rank", rank).retry({.budget = for_search});
///
/// \threads  safe
class retry_budget {
 public:
  /// \errors std::invalid_argument: an option is out of range
  explicit retry_budget(const retry_budget_options& options = {}) : shared_(std::make_shared<shared>(options)) {}

  void began(time_point now) const noexcept {
    const std::lock_guard lock(shared_->mutex);
    shared_->allowance.began(now);
  }
  [[nodiscard]] bool has_room(time_point now) const noexcept {
    const std::lock_guard lock(shared_->mutex);
    return shared_->allowance.has_room(now);
  }
  [[nodiscard]] bool try_extra(time_point now) const noexcept {
    const std::lock_guard lock(shared_->mutex);
    return shared_->allowance.try_extra(now);
  }

  /// From now on other options hold; what was counted stays counted.
  /// \errors std::invalid_argument: an option is out of range
  void set_options(const retry_budget_options& options) const {
    const std::lock_guard lock(shared_->mutex);
    shared_->allowance.set_options(options);
  }
  /// Its options, for a policy document.
  [[nodiscard]] std::shared_ptr<const tunable> tuning() const;

 private:
  struct shared {
    explicit shared(const retry_budget_options& options) : original(options), allowance(options) {}
    const retry_budget_options original;
    brief_mutex mutex;
    retry_allowance allowance;
  };
  std::shared_ptr<shared> shared_;
};

}  // namespace catena
