// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How long things took: a histogram that can be merged.
#include <catena/time.hpp>

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena {

/// Buckets that are 32 ns wide up to a microsecond and a 32nd of their octave from there on, up to 73 minutes; what took longer
/// counts as that. A duration that is told as the middle of its bucket is at most 1.6 % or 16 ns away from what it was.
/// \source  HdrHistogram's log-linear buckets
struct duration_buckets {
  static constexpr unsigned bits = 5;
  static constexpr std::uint64_t per_octave = 1U << bits;
  static constexpr unsigned smallest_bits = 5;  ///< 32 ns
  static constexpr std::size_t count = (42 - smallest_bits - bits + 1) * per_octave;

  [[nodiscard]] static constexpr std::size_t of(duration took) noexcept {
    const auto ns = static_cast<std::uint64_t>(took.count() > 0 ? took.count() : 0) >> smallest_bits;
    if (ns < per_octave) return ns;
    const unsigned octave = static_cast<unsigned>(std::bit_width(ns)) - bits;
    const std::size_t bucket = (octave << bits) + (ns >> (octave - 1)) - per_octave;
    return bucket < count ? bucket : count - 1;
  }
  [[nodiscard]] static constexpr duration begin_of(std::size_t bucket) noexcept {
    const std::size_t octave = bucket >> bits;
    const std::uint64_t in_octave = bucket & (per_octave - 1);
    const std::uint64_t units = octave == 0 ? in_octave : (per_octave + in_octave) << (octave - 1);
    return duration(static_cast<duration::rep>(units << smallest_bits));
  }
  [[nodiscard]] static constexpr duration middle_of(std::size_t bucket) noexcept {
    return (begin_of(bucket) + begin_of(bucket + 1)) / 2;
  }
};

/// How many durations fell into which bucket; a snapshot.
class duration_histogram {
 public:
  /// What many do at once adds up to more centuries than a `duration` has.
  using total = std::chrono::duration<double, duration::period>;

  /// From now on add() allocates nothing.
  void make_room() { counts_.resize(duration_buckets::count); }
  void add(duration took) {
    add(duration_buckets::of(took), 1);
    sum_ += took;
  }
  void add(std::size_t bucket, std::uint64_t how_many) {
    if (how_many == 0) return;
    if (counts_.empty()) counts_.resize(duration_buckets::count);
    counts_[bucket] += how_many;
    count_ += how_many;
  }
  void add_sum(total t) noexcept { sum_ += t; }
  void merge(const duration_histogram& other);

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] total sum() const noexcept { return sum_; }
  /// What a share of them did not exceed, as exactly as duration_buckets tells it; zero where there are none.
  /// \param share  from 0 to 1
  [[nodiscard]] duration quantile(double share) const noexcept;
  /// How many took no longer than this, to the nearest end of a bucket.
  [[nodiscard]] std::uint64_t count_up_to(duration bound) const noexcept;

 private:
  std::vector<std::uint64_t> counts_;  ///< empty: all zero
  std::uint64_t count_ = 0;
  total sum_{};
};

}  // namespace catena
