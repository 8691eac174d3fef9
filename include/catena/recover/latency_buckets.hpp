// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Buckets for latencies, an eighth of their octave wide.
#include <catena/time.hpp>

#include <cstddef>

namespace catena::detail {

/// From 1 us to an hour; what is shorter or longer counts as that.
struct latency_buckets {
  static constexpr std::size_t octaves = 32, per_octave = 8;
  static constexpr std::size_t count = octaves * per_octave;

  [[nodiscard]] static std::size_t of(duration took) noexcept;
  [[nodiscard]] static duration end_of(std::size_t bucket) noexcept;
  [[nodiscard]] static duration begin_of(std::size_t bucket) noexcept { return bucket == 0 ? duration{} : end_of(bucket - 1); }
};

}  // namespace catena::detail
