// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How many tokens there are now, and when there will be enough: one rate, one capacity, one atomic.
#include <catena/time.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

namespace catena {

/// So many tokens in so much time.
struct rate {
  double tokens = 1;                      ///< more than 0, perhaps a fraction
  duration per = std::chrono::seconds(1); ///< more than 0
};

struct token_bucket_options {
  rate refill = {};          ///< how fast it fills: at most 1e9 tokens a second, and from empty to full within 4 years
  std::int64_t capacity = 1; ///< tokens in a full bucket, the largest burst; 1 to 1e12
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const token_bucket_options& options);

/// A token bucket, full when it is made. A cost is a whole number of tokens: requests, rows, bytes, cents.
///
/// Its state is the moment at which it would be full again if nobody took anything: taking moves that moment by the time
/// that the tokens take to come, and is allowed while it stays within the time that a whole capacity takes.
/// \units    the time between two tokens is rounded up to an eighth of a nanosecond, once, so that never more is granted
///           than rate * time + capacity and a burst of exactly the capacity always is; it counts 9 years of time
/// \threads  safe, lock-free; what only reads is wait-free. set_rate(): one caller at a time
/// \cost     a multiplication or two and one compare-and-swap; nothing is written where a cost is refused
/// \source   the generic cell rate algorithm of ITU-T I.371, virtual scheduling; here one of its bits says which of two
///           rates holds, so that a change of rate is as atomic as a request
class token_bucket {
 public:
  static constexpr std::int64_t most_tokens = 1'000'000'000'000;

  /// \errors as check()
  token_bucket(const token_bucket_options& options, time_point now);

  [[nodiscard]] std::int64_t capacity() const noexcept { return capacity_; }

  /// Takes the tokens if they are there: then it returns `now`, otherwise the later moment at which they would be.
  /// \param cost  0 to capacity: more would be there never
  [[nodiscard]] time_point try_take(std::int64_t cost, time_point now) noexcept {
    const std::int64_t at = ticks_at(now);
    std::int64_t state = state_.load();
    for (;;) {
      const std::int64_t interval = interval_of(state);
      const std::int64_t full_at = std::max(full_at_of(state), at) + ticks_for(cost, interval);
      const std::int64_t missing = full_at - at - capacity_ * interval;
      if (missing > 0) return after(now, missing);
      if (state_.compare_exchange_weak(state, joined(full_at, which_of(state)))) return now;
    }
  }

  /// When so many tokens will have come, those that are there now included: `now` or later. A cost above the capacity is
  /// that of several who take theirs one after the other.
  [[nodiscard]] time_point when(std::int64_t cost, time_point now) const noexcept {
    const std::int64_t at = ticks_at(now);
    const std::int64_t state = state_.load();
    const std::int64_t interval = interval_of(state);
    const std::int64_t missing = std::max(full_at_of(state), at) - at + ticks_for(cost, interval) - capacity_ * interval;
    return missing > 0 ? after(now, missing) : now;
  }

  /// Whole tokens that are there; negative in debt.
  [[nodiscard]] std::int64_t level(time_point now) const noexcept;

  /// Takes tokens whether they are there or not: the bucket may be in debt afterwards.
  void take(std::int64_t cost, time_point now) noexcept;

  /// Puts tokens back that were taken; what time has brought back already is not added again.
  void give_back(std::int64_t cost) noexcept;

  /// From now on it fills at another rate. What is there, or is owed, stays as many tokens as it is.
  /// \errors std::invalid_argument
  void set_rate(rate refill, time_point now);

 private:
  // Moments are ticks since origin_. The bounds keep every sum below 2^63: time to 2^61, costs and capacity to 2^60.
  static constexpr std::int64_t ticks_per_nanosecond = 8;
  static constexpr std::int64_t most_time = std::int64_t{1} << 61;
  static constexpr std::int64_t most_cost = std::int64_t{1} << 60;
  static constexpr std::int64_t latest = (std::int64_t{1} << 62) - 1;
  friend void check(const token_bucket_options& options);
  [[nodiscard]] static std::int64_t interval_for(const token_bucket_options& options);

  [[nodiscard]] std::int64_t ticks_at(time_point now) const noexcept {
    constexpr std::int64_t most = most_time / ticks_per_nanosecond;
    std::int64_t elapsed = 0;
    if (__builtin_sub_overflow(now.time_since_epoch().count(), origin_.time_since_epoch().count(), &elapsed)) [[unlikely]]
      elapsed = now < origin_ ? -most : most;
    return std::clamp(elapsed, -most, most) * ticks_per_nanosecond;
  }
  [[nodiscard]] static std::int64_t ticks_for(std::int64_t cost, std::int64_t interval) noexcept {
    std::int64_t ticks = 0;
    if (__builtin_mul_overflow(cost, interval, &ticks)) [[unlikely]]
      return most_cost;
    return std::min(ticks, most_cost);
  }
  [[nodiscard]] static time_point after(time_point now, std::int64_t ticks) noexcept {
    const std::int64_t wait = (ticks + ticks_per_nanosecond - 1) / ticks_per_nanosecond;
    std::int64_t moment = 0;
    if (__builtin_add_overflow(now.time_since_epoch().count(), wait, &moment)) [[unlikely]]
      return no_deadline;
    return time_point(duration(moment));
  }

  [[nodiscard]] static constexpr std::int64_t full_at_of(std::int64_t state) noexcept { return state >> 1; }
  [[nodiscard]] static constexpr std::size_t which_of(std::int64_t state) noexcept { return static_cast<std::size_t>(state & 1); }
  [[nodiscard]] static constexpr std::int64_t joined(std::int64_t full_at, std::size_t which) noexcept {
    return std::min(full_at, latest) * 2 + static_cast<std::int64_t>(which);
  }
  [[nodiscard]] std::int64_t interval_of(std::int64_t state) const noexcept {
    return intervals_[which_of(state)].load(std::memory_order_relaxed);
  }

  const time_point origin_;
  const std::int64_t capacity_;
  std::array<std::atomic<std::int64_t>, 2> intervals_;  ///< ticks between two tokens; the state says which of them holds
  /// When it is full, and which interval holds: twice the moment plus 0 or 1. On a cache line that only takers write.
  alignas(64) std::atomic<std::int64_t> state_;
};

}  // namespace catena
