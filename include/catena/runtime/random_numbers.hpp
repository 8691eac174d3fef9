// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Random numbers in two nanoseconds, the same for the same seed.
#include <cstddef>
#include <cstdint>

namespace catena::detail {

/// \source  Vigna: SplitMix64
class random_numbers {
 public:
  explicit random_numbers(std::uint64_t seed) noexcept : state_(seed) {}

  [[nodiscard]] std::uint64_t next() noexcept {
    std::uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15;
    z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
    return z ^ z >> 31;
  }
  /// 0 to n - 1; n is 1 to 2^32.
  [[nodiscard]] std::size_t below(std::size_t n) noexcept { return static_cast<std::size_t>((next() >> 32) * n >> 32); }
  /// 0 to just under 1.
  [[nodiscard]] double share() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace catena::detail
