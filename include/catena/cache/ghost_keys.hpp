// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The keys that were evicted not long ago, without their values.
#include <catena/cache/hasher.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena {

/// Remembers when a key was added, counted in additions. Approximate: two keys with the same 32 bits are one, and four of
/// one bucket are remembered at most.
/// \threads  unsafe
/// \cost     O(1), one line of memory; no allocation after construction
/// \source   the ghost queue of S3-FIFO as its paper keeps it: fingerprints in buckets, with the time of their coming
class ghost_keys {
 public:
  explicit ghost_keys(std::size_t capacity) : buckets_(std::bit_ceil(capacity / 2 + 1)) {}

  void add(const cache_key& key) noexcept {
    bucket& b = bucket_of(key);
    *std::max_element(b.begin(), b.end(), [this](ghost x, ghost y) { return age(x) < age(y); }) = {++now_, fingerprint(key)};
  }

  /// Whether the key was among the last `recent` that were added; it is then forgotten.
  [[nodiscard]] bool take(const cache_key& key, std::size_t recent) noexcept {
    for (ghost& g : bucket_of(key)) {
      if (g.fingerprint != fingerprint(key)) continue;
      const bool is_recent = age(g) < recent;
      g = {};
      return is_recent;
    }
    return false;
  }

 private:
  struct ghost {
    std::uint32_t when = 0;
    std::uint32_t fingerprint = 0;
  };
  using bucket = std::array<ghost, 4>;

  [[nodiscard]] std::uint32_t age(ghost g) const noexcept { return now_ - g.when; }
  static std::uint32_t fingerprint(const cache_key& key) noexcept { return static_cast<std::uint32_t>(key.low >> 32); }
  bucket& bucket_of(const cache_key& key) noexcept { return buckets_[key.low & (buckets_.size() - 1)]; }

  std::vector<bucket> buckets_;
  std::uint32_t now_ = 1U << 31;  ///< so that what was never added is old
};

}  // namespace catena
