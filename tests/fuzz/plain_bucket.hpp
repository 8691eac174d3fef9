// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A token bucket as one would write it down: a credit that grows with time, in long arithmetic.
#include <catena/schedule/token_bucket.hpp>

#include <algorithm>
#include <cstdint>

namespace catena::fuzz {

__extension__ using int128 = __int128;

/// Counts in eighths of a nanosecond; a token takes `interval` of them to come.
struct plain_bucket {
  plain_bucket(std::int64_t tokens, duration per, std::int64_t holds, time_point now)
      : interval((int128{per.count()} * 8 + tokens - 1) / tokens), capacity(holds), credit(capacity * interval), at(now) {}

  void advance(time_point now) {
    credit = std::min(capacity * interval, credit + 8 * int128{(now - at).count()});
    at = now;
  }
  bool try_take(std::int64_t cost) {
    if (credit < cost * interval) return false;
    credit -= cost * interval;
    return true;
  }
  void take(std::int64_t cost) { credit -= cost * interval; }
  void give_back(std::int64_t cost) { credit = std::min(capacity * interval, credit + cost * interval); }
  [[nodiscard]] time_point when(std::int64_t cost) const {
    const int128 missing = std::max(int128{0}, cost * interval - credit);
    return at + duration(static_cast<std::int64_t>((missing + 7) / 8));
  }
  [[nodiscard]] std::int64_t level() const {
    const int128 missing = capacity * interval - credit;
    return static_cast<std::int64_t>(capacity - (missing + interval - 1) / interval);
  }

  int128 interval, capacity, credit;
  time_point at;
};

}  // namespace catena::fuzz
