// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the requests let in under one limit took: enough of them to judge that limit by.
#include <catena/schedule/limit_policy.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace catena::detail {

/// Collects the latencies of requests that began after the limit was last changed: what began before shows what an earlier
/// limit did, and would have a change made twice.
/// \cost  O(1); quantile() O(size)
class latency_window {
 public:
  static constexpr std::size_t most = 256;
  static constexpr std::size_t least = 16;  ///< so that the slowest tenth is more than one

  /// Takes a request in. True: it has seen as many as the limit lets in at once, and may be judged.
  [[nodiscard]] bool add(const ended_request& r, time_point now, std::size_t limit) noexcept {
    if (since_ == no_deadline) since_ = now;
    peak_ = std::max(peak_, r.in_flight);
    const duration took = std::max(r.latency, duration{});
    if (r.outcome == request_outcome::ignored || earlier(now, took) < since_) return false;
    latencies_[size_++] = r.outcome == request_outcome::overloaded ? duration::max() : took;
    return size_ >= std::clamp(limit, least, most);
  }

  /// The latency that a share of the requests did not exceed; duration::max() where those were overloaded.
  /// \param share  0 to 1
  [[nodiscard]] duration quantile(double share) noexcept {
    const auto nth = latencies_.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(size_ - 1));
    std::nth_element(latencies_.begin(), nth, latencies_.begin() + static_cast<std::ptrdiff_t>(size_));
    return *nth;
  }

  /// The mean latency, in which none counts for more than four times the median, and one that was overloaded for twice;
  /// duration::max() if most were.
  [[nodiscard]] duration mean() noexcept {
    const duration median = quantile(0.5);
    if (median > duration::max() / 4) return duration::max();
    double sum = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      const duration counts = latencies_[i] == duration::max() ? 2 * median : std::min(latencies_[i], 4 * median);
      sum += static_cast<double>(counts.count());
    }
    return duration(static_cast<duration::rep>(sum / static_cast<double>(size_)));
  }

  /// Whether nearly all that the limit allows was in flight at once. Otherwise nobody needs a higher one.
  [[nodiscard]] bool was_used(std::size_t limit) const noexcept { return peak_ * 10 >= limit * 9; }

  /// Begins anew under the same limit.
  void clear() noexcept {
    size_ = 0;
    peak_ = 0;
  }
  /// Begins anew under another limit: with requests that begin from `now` on.
  void restart(time_point now) noexcept {
    since_ = now;
    clear();
  }

 private:
  std::array<duration, most> latencies_{};
  std::size_t size_ = 0;
  std::size_t peak_ = 0;
  time_point since_ = no_deadline;  ///< until the first request ends: those that began with it found nobody before them
};

}  // namespace catena::detail
