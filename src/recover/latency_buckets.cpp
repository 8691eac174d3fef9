// SPDX-License-Identifier: BSL-1.0
#include <catena/recover/latency_buckets.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>

namespace catena::detail {
namespace {

constexpr unsigned mantissa_bits = 3;

}  // namespace

/// The octave is that of the duration in eighths of a microsecond, so that the first one has whole buckets.
std::size_t latency_buckets::of(duration took) noexcept {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(std::chrono::nanoseconds(took).count(), 1000));
  const std::uint64_t eighths = ns / 125;
  const auto octave = static_cast<unsigned>(std::bit_width(eighths)) - 1 - mantissa_bits;
  const std::uint64_t in_octave = (eighths >> octave) - per_octave;
  return std::min<std::size_t>(octave * per_octave + in_octave, count - 1);
}

duration latency_buckets::end_of(std::size_t bucket) noexcept {
  const std::uint64_t eighths = (bucket % per_octave + per_octave + 1) << (bucket / per_octave);
  return std::chrono::nanoseconds(eighths * 125);
}

}  // namespace catena::detail
