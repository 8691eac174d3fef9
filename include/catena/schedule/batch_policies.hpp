// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Batch policies that learn nothing about the model: greedy, preferred sizes, and the window rule.
#include <catena/schedule/batch_policy.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena {

/// Takes all that waits, at most max_size, once there are max_size or the oldest has waited max_delay. With a max_delay of
/// zero an idle instance never waits: batches form by themselves while all instances are busy.
struct greedy_batching {
  [[nodiscard]] batch_decision form(const waiting_requests& waiting, const batch_limits& limits, time_point now) const noexcept;
};

/// Waits for the smallest of its sizes, and takes the largest that is reached; all that waits once the oldest has waited
/// max_delay.
/// \source  Triton's dynamic batcher, preferred_batch_size
class preferred_batching {
 public:
  /// \errors std::invalid_argument: no size, or a size of zero
  explicit preferred_batching(std::vector<std::size_t> sizes);
  [[nodiscard]] batch_decision form(const waiting_requests& waiting, const batch_limits& limits, time_point now) const noexcept;

 private:
  std::vector<std::size_t> sizes_;  ///< ascending
};

/// Waits for as many requests as come within the window at the average rate, at least min_size and at most max_size:
/// `size = min(max_size, max(min_size, int(avg_qps * window)))`. None waits longer than the window, whatever max_delay says.
class window_batching {
 public:
  /// \errors std::invalid_argument: min_size is zero, or the window is not greater than zero
  explicit window_batching(std::size_t min_size = 8, duration window = std::chrono::milliseconds(100));
  [[nodiscard]] batch_decision form(const waiting_requests& waiting, const batch_limits& limits, time_point now) const noexcept;
  void arrived(time_point now) noexcept;

  /// How many it waits for now.
  [[nodiscard]] std::size_t target(const batch_limits& limits) const noexcept;

 private:
  std::size_t min_size_;
  duration window_;
  time_point counted_since_{};
  std::uint64_t counted_ = 0;
  double per_window_ = 0;  ///< requests, averaged over the windows so far, the last one counting half
};

}  // namespace catena
