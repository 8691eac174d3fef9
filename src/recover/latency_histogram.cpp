// SPDX-License-Identifier: BSL-1.0
#include <catena/recover/latency_histogram.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>

namespace catena {
namespace {

constexpr unsigned mantissa_bits = 3;

}  // namespace

/// The octave is that of the duration in eighths of a microsecond, so that the first one has whole buckets.
std::size_t latency_histogram::bucket_of(duration took) noexcept {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(std::chrono::nanoseconds(took).count(), 1000));
  const std::uint64_t eighths = ns / 125;
  const auto octave = static_cast<unsigned>(std::bit_width(eighths)) - 1 - mantissa_bits;
  const std::uint64_t in_octave = (eighths >> octave) - per_octave;
  return std::min<std::size_t>(octave * per_octave + in_octave, octaves * per_octave - 1);
}

duration latency_histogram::end_of(std::size_t bucket) noexcept {
  const std::uint64_t eighths = (bucket % per_octave + per_octave + 1) << (bucket / per_octave);
  return std::chrono::nanoseconds(eighths * 125);
}

void latency_histogram::add(duration took, time_point now) noexcept {
  if (now >= half_end_) {
    const bool is_long_ago = half_end_ == time_point::min() || now - half_end_ >= half_;
    previous_ = is_long_ago ? half{} : current_;
    current_ = {};
    half_end_ = detail::later(now, half_);
  }
  ++current_.buckets[bucket_of(took)];
  ++current_.count;
}

std::optional<duration> latency_histogram::quantile(double share) const noexcept {
  if (count() == 0) return std::nullopt;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(count())));
  std::size_t seen = 0;
  for (std::size_t b = 0; b < octaves * per_octave; ++b) {
    seen += current_.buckets[b] + previous_.buckets[b];
    if (seen >= std::max<std::size_t>(rank, 1)) return end_of(b);
  }
  return end_of(octaves * per_octave - 1);
}

}  // namespace catena
