// SPDX-License-Identifier: BSL-1.0
#include <catena/recover/latency_histogram.hpp>

#include <algorithm>
#include <cmath>

namespace catena {

void latency_histogram::add(duration took, time_point now) noexcept {
  if (now >= half_end_) {
    const bool is_long_ago = half_end_ == time_point::min() || now - half_end_ >= half_;
    previous_ = is_long_ago ? half{} : current_;
    current_ = {};
    half_end_ = detail::later(now, half_);
  }
  ++current_.buckets[detail::latency_buckets::of(took)];
  ++current_.count;
}

std::optional<duration> latency_histogram::quantile(double share) const noexcept {
  if (count() == 0) return std::nullopt;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(count())));
  std::size_t seen = 0;
  for (std::size_t b = 0; b < detail::latency_buckets::count; ++b) {
    seen += current_.buckets[b] + previous_.buckets[b];
    if (seen >= std::max<std::size_t>(rank, 1)) return detail::latency_buckets::end_of(b);
  }
  return detail::latency_buckets::end_of(detail::latency_buckets::count - 1);
}

}  // namespace catena
