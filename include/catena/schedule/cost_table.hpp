// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a batch of each size costs, learnt from the batches that were computed.
#include <catena/time.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena {

/// The cost of batches by size. What was measured is a smoothed mean for its size; what was not lies on the straight line
/// between its measured neighbours, and beyond the largest of them costs as much a row as that one. A single line through all
/// sizes would be wrong: a batch of 3 may cost as much as one of 8, and five times one of 2.
/// \units    rows and nanoseconds
/// \cost     learn() and cost() O(size of the gap between measured neighbours), no allocation once a size has been seen
/// \threads  unsafe
class cost_table {
 public:
  /// \param smoothing  the weight of a new measurement once a size has been measured often, greater than 0 and at most 1
  explicit cost_table(double smoothing = 0.125) : smoothing_(smoothing) {}

  void learn(std::size_t size, duration took);

  /// The largest size that was measured; zero when nothing was.
  [[nodiscard]] std::size_t largest() const noexcept { return entries_.empty() ? 0 : entries_.size() - 1; }
  [[nodiscard]] bool measured(std::size_t size) const noexcept { return size < entries_.size() && entries_[size].count > 0; }
  /// So often must a size be measured to be trusted: the first runs of a size are slow in many frameworks.
  static constexpr std::uint64_t trusted_count = 3;
  [[nodiscard]] bool trusted(std::size_t size) const noexcept { return size < entries_.size() && entries_[size].count >= trusted_count; }
  /// How many batches have been learnt since a batch of this size was; no_age when there never was one.
  [[nodiscard]] std::uint64_t age(std::size_t size) const noexcept { return measured(size) ? learnt_ - entries_[size].learnt_at : no_age; }
  static constexpr std::uint64_t no_age = ~std::uint64_t{0};
  [[nodiscard]] std::uint64_t learnt() const noexcept { return learnt_; }

  /// The expected cost of a batch, in nanoseconds; zero when nothing was measured.
  [[nodiscard]] double cost(std::size_t size) const noexcept;
  /// How far that may be off: the standard error of the mean, relative to it. Zero for what was not measured.
  [[nodiscard]] double error(std::size_t size) const noexcept;

 private:
  struct entry {
    double mean = 0;
    double variance = 0;
    std::uint64_t count = 0;
    std::uint64_t learnt_at = 0;
  };

  double smoothing_;
  std::vector<entry> entries_;  ///< by size
  std::uint64_t learnt_ = 0;
};

}  // namespace catena
