// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The default batch policy: never keeps an idle instance waiting without need, and learns how many to take.
#include <catena/schedule/batch_policy.hpp>
#include <catena/schedule/cost_table.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena {

/// Takes the number of requests that the model computes fastest, row for row, among those that wait.
///
/// What batches cost is learnt while serving. Of q that wait it takes the size up to q with the most rows per second: 2 of 3
/// where a batch of 3 costs five times one of 2, all where larger is better, 32 of 60 where larger becomes worse again. What
/// is left is next. Of equally good sizes the smaller, whose answers come earlier. Where it knows nothing it takes all, as
/// greedy does, so sizes are tried when the load brings them; a size it avoids is tried again now and then, as models change.
///
/// With a max_delay it waits that long for max_size requests, but lets the tightest deadline go in time. Where the batch it
/// would take ends after the tightest deadline it takes a smaller one that does not, if that is nearly as good a use of the
/// instance.
///
/// Batches of a few microseconds are not all learnt, as learning costs about as much: one after every 20 us of computing.
/// \cost  form() and computed() a few ns; O(knots of the cost table) where a deadline is tight, and after every 500 us of
///        batches that were learnt
class adaptive_batching {
 public:
  [[nodiscard]] batch_decision form(const waiting_requests& waiting, const batch_limits& limits, time_point now) const;
  void computed(std::size_t size, duration took, time_point now);

  /// What it has learnt.
  [[nodiscard]] const cost_table& costs() const noexcept { return costs_; }
  /// Whether the load has brought, for a while, only sizes that it knows.
  [[nodiscard]] bool has_learnt() const noexcept { return familiar_count_ >= 16; }

 private:
  /// What handing a batch over costs, of which the model's cost has a part only where one batch follows another at once.
  static constexpr double handover_ns = 2'000;
  static constexpr duration learning_interval = std::chrono::microseconds(20);
  static constexpr duration choosing_interval = std::chrono::microseconds(500);
  static constexpr std::uint64_t probe_interval = 256;  ///< batches that are learnt between two tries of sizes that are avoided
  static constexpr std::uint64_t probe_age = 8'192;     ///< batches that are learnt before an avoided size is tried again
  static constexpr std::uint32_t all = ~std::uint32_t{0};

  [[nodiscard]] std::size_t best_of(std::size_t count) const noexcept {
    const std::size_t knot = cost_table::nearest_knot(count);
    return knot < most_.size() ? std::min<std::size_t>(count, most_[knot]) : count;
  }
  [[nodiscard]] batch_decision form_in_time(const waiting_requests& waiting, const batch_limits& limits, time_point now) const;
  [[nodiscard]] std::size_t in_time(std::size_t take, duration left) const noexcept;
  [[nodiscard]] double rows_per_ns(std::size_t size) const noexcept;
  void learn(std::size_t size, duration took);
  void choose();

  cost_table costs_;
  std::vector<std::uint32_t> most_;  ///< by the knot nearest to how many wait: how many to take at most
  /// Computing time that is not learnt. Written for every batch, while others read what is above: on a cache line of its own.
  alignas(64) duration until_learning_{};
  duration unused_{};                ///< computing time that was learnt, and not yet chosen by
  std::uint32_t familiar_count_ = 0; ///< batches learnt since the last one of a size that was not known
  bool probing_ = false;             ///< what has long been avoided may be tried, until the next batch is learnt
};

inline batch_decision adaptive_batching::form(const waiting_requests& waiting, const batch_limits& limits, time_point now) const {
  if (waiting.count == 0) return {};
  if (limits.max_delay > duration{} || waiting.tightest_deadline != no_deadline) return form_in_time(waiting, limits, now);
  return {.take = best_of(std::min(waiting.count, limits.max_size))};
}

inline void adaptive_batching::computed(std::size_t size, duration took, time_point) {
  // Which batch is learnt must not depend on how long it takes itself, so it is the one after the time has passed.
  if (until_learning_ > duration{}) until_learning_ -= took;
  else learn(size, took);
}

}  // namespace catena
