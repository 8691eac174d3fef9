// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How long answers take: the quantiles of the last while.
#include <catena/recover/latency_buckets.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace catena {

/// Counts latencies of the last one to two halves of a window, by buckets that are an eighth of their octave wide: a quantile is
/// told as the upper end of its bucket, at most 12.5 % too much. From 1 us to an hour; what is shorter or longer counts as that.
/// \cost     add() O(1), quantile() O(buckets), 2 KB, no allocation
/// \threads  unsafe; a value whose time is an argument
class latency_histogram {
 public:
  /// \param window  greater than zero
  explicit latency_histogram(duration window = std::chrono::seconds(10)) noexcept : half_(window / 2) {}

  void add(duration took, time_point now) noexcept;
  /// How many are counted.
  [[nodiscard]] std::size_t count() const noexcept { return current_.count + previous_.count; }
  /// What a share of the latencies did not exceed; nothing where there are none.
  /// \param share  from 0 to 1
  [[nodiscard]] std::optional<duration> quantile(double share) const noexcept;

 private:
  struct half {
    std::array<std::uint32_t, detail::latency_buckets::count> buckets{};
    std::size_t count = 0;
  };

  duration half_;
  time_point half_end_ = time_point::min();
  half current_, previous_;
};

}  // namespace catena
