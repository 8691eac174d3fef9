// SPDX-License-Identifier: BSL-1.0
#include <catena/cache/time_to_live.hpp>

#include <algorithm>
#include <cstdint>

namespace catena {
namespace {

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
std::uint64_t mixed(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// Uniform in [0, 1).
double fraction(std::uint64_t random) noexcept { return static_cast<double>(random >> 11) * 0x1p-53; }

}  // namespace

time_point time_to_live::expiry(time_point now, const cache_key& key) const noexcept {
  if (ttl <= duration{}) return no_deadline;
  const auto moment = static_cast<std::uint64_t>(now.time_since_epoch().count());
  const double off = jitter * fraction(mixed(key.low + moment));
  const duration shortened = ttl - duration(static_cast<duration::rep>(static_cast<double>(ttl.count()) * off));
  const duration life = std::max(shortened, duration(1));
  return life < no_deadline - now ? now + life : no_deadline;
}

}  // namespace catena
