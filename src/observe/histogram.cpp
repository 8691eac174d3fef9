// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/histogram.hpp>

#include <algorithm>
#include <cmath>

namespace catena {

void duration_histogram::merge(const duration_histogram& other) {
  for (std::size_t i = 0; i < other.counts_.size(); ++i) add(i, other.counts_[i]);
  sum_ += other.sum_;
}

duration duration_histogram::quantile(double share) const noexcept {
  if (count_ == 0) return {};
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i)
    if ((seen += counts_[i]) >= rank) return duration_buckets::middle_of(i);
  return {};
}

std::uint64_t duration_histogram::count_up_to(duration bound) const noexcept {
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size() && duration_buckets::middle_of(i) <= bound; ++i) seen += counts_[i];
  return seen;
}

}  // namespace catena
