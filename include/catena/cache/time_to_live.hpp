// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How long what is cached stays true.
#include <catena/cache/hasher.hpp>
#include <catena/time.hpp>

namespace catena {

/// A time to live, shortened at random so that what was stored together does not expire together.
/// The randomness comes from key and moment: the same ones give the same expiry.
struct time_to_live {
  duration ttl = {};    ///< zero: for ever
  double jitter = 0;    ///< 0 to 1, the greatest share of the time to live that is taken off

  [[nodiscard]] time_point expiry(time_point now, const cache_key& key) const noexcept;
};

}  // namespace catena
