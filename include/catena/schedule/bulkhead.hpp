// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// So many runs at once, and no more: `.bulkhead(n)`.
#include <catena/observe/stage_measure.hpp>
#include <catena/runtime/tunable.hpp>
#include <catena/schedule/gate.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace catena {

struct bulkhead_options {
  std::size_t places = 1;  ///< at least 1
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const bulkhead_options& options);

/// A target that is given at most so many runs at once, whichever stages they come from; the rest fails at once. So one that hangs
/// takes with it what it was given, and leaves all else afloat. A cheap shared handle.
///
///     const bulkhead search_service(8);
///     in >> stage("find", find).bulkhead(search_service) >> stage("read", read).bulkhead(search_service)
///
/// Nobody waits, nothing is learnt and no clock is read: it knows no retry_after. Those who may wait want a `.queue`, and those who
/// want the number to follow how the target does a concurrency_limit.
/// \threads  safe
/// \errors   errc::queue_full
/// \cost     a compare-and-swap when one begins, a decrement when it ends
/// \source   Nygard: Release It! (2007)
class bulkhead {
 public:
  /// \errors std::invalid_argument: less than one place
  explicit bulkhead(std::size_t places);

  [[nodiscard]] std::size_t places() const noexcept { return shared_->places.load(std::memory_order_relaxed); }
  /// From now on it has so many; those who are in it stay.
  /// \errors std::invalid_argument: less than one place
  void set_places(std::size_t places) const;
  [[nodiscard]] std::size_t in_flight_approx() const noexcept { return shared_->taken.load(std::memory_order_relaxed); }

  // A bulkhead is a gate, see schedule/gate.hpp.
  class passage;
  class measure;
  [[nodiscard]] bool is_of(const runtime_state&) const noexcept { return true; }
  /// What of it can be changed by a policy document.
  [[nodiscard]] std::vector<tunable_place> tunables() const;

 private:
  struct shared {
    explicit shared(std::size_t count) noexcept : original{count}, places(count) {}
    [[nodiscard]] bool try_take() noexcept {
      std::size_t n = taken.load(std::memory_order_relaxed);
      do {
        if (n >= places.load(std::memory_order_relaxed)) return false;
      } while (!taken.compare_exchange_weak(n, n + 1, std::memory_order_acquire, std::memory_order_relaxed));
      return true;
    }
    const bulkhead_options original;
    std::atomic<std::size_t> places;
    std::atomic<std::size_t> taken{0};
  };
  std::shared_ptr<shared> shared_;
};

/// A run's turn.
class bulkhead::passage {
 public:
  static constexpr bool never_waits = true;
  passage(const bulkhead& through, const gate_request&) noexcept : shared_(through.shared_.get()) {}

  [[nodiscard]] bool try_pass() noexcept { return passed_ = shared_->try_take(); }
  [[nodiscard]] bool passed() const noexcept { return passed_; }
  [[nodiscard]] failure why() const;
  void ended(work_end) noexcept { shared_->taken.fetch_sub(1, std::memory_order_release); }

 private:
  shared* shared_;
  bool passed_ = false;
};
static_assert(gate<bulkhead>);

/// What a stage tells of the bulkhead in front of it: how many were refused there, and how full it is of runs of all its stages.
class bulkhead::measure final : public stage_measure {
 public:
  explicit measure(const bulkhead& of) noexcept : shared_(of.shared_) {}
  void count_refusal() const noexcept { refused_.fetch_add(1, std::memory_order_relaxed); }
  void collect(metric_set& to, std::string_view chain, std::string_view stage) const override;

 private:
  const std::shared_ptr<const shared> shared_;
  mutable std::atomic<std::uint64_t> refused_{0};
};

}  // namespace catena
