// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How long a replica's answers take: on average, and at worst lately.
#include <catena/time.hpp>

namespace catena {

/// A mean and a peak of latencies, both weighted by how long ago they were.
///
/// The peak rises at once to an answer that took longer and falls slowly to those that take less; with nothing new it fades,
/// so that who was slow is tried again some time.
/// \threads  unsafe; a value whose time is an argument
/// \source   Finagle's peak-EWMA (p2c load balancing); a plain EWMA for the mean
class latency_estimate {
 public:
  /// \param memory  what is so long ago counts for 1/e; more than 0
  explicit latency_estimate(duration memory = std::chrono::seconds(10)) noexcept : memory_(static_cast<double>(memory.count())) {}

  void answered(duration took, time_point now) noexcept;
  /// An attempt was given up after so long: an answer would have taken longer.
  void given_up(duration after, time_point now) noexcept;

  /// Whether there is anything to go by.
  [[nodiscard]] bool is_known() const noexcept { return stamp_ != time_point::min(); }
  /// Zero before it is known.
  [[nodiscard]] duration mean() const noexcept { return duration(static_cast<duration::rep>(mean_)); }
  /// As it was when the last news came.
  [[nodiscard]] duration peak() const noexcept { return duration(static_cast<duration::rep>(peak_)); }
  /// As it is by now.
  [[nodiscard]] duration peak(time_point now) const noexcept {
    return duration(static_cast<duration::rep>(peak_ * kept(now)));
  }

 private:
  /// How much of the past still counts.
  [[nodiscard]] double kept(time_point now) const noexcept;

  double memory_;
  double mean_ = 0;
  double peak_ = 0;
  time_point stamp_ = time_point::min();
};

}  // namespace catena
