// SPDX-License-Identifier: BSL-1.0
#include <catena/balance/balancing_policies.hpp>

#include <algorithm>

namespace catena {
namespace {

using replicas = std::span<replica_load* const>;

/// Everybody earns its weight, and whoever has most pays for all.
template <class Weight>
std::size_t deal(replicas from, Weight weight_of) noexcept {
  double total = 0;
  std::size_t richest = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const double weight = weight_of(*from[i]);
    from[i]->credit += weight;
    total += weight;
    if (from[i]->credit > from[richest]->credit) richest = i;
  }
  from[richest]->credit -= total;
  return richest;
}

/// What one request more would have to wait for.
double load_of(const replica_load& r, time_point now) noexcept {
  constexpr double nobody_knows = 1e18;
  const double queue = r.outstanding;
  if (!r.latency.is_known()) return r.outstanding == 0 ? 0 : (nobody_knows + queue) / r.weight;
  const duration peak = r.outstanding == 0 ? r.latency.peak(now) : r.latency.peak();
  return static_cast<double>(peak.count()) * (queue + 1) / r.weight;
}

}  // namespace

std::size_t round_robin::choose(replicas from, time_point) noexcept {
  const auto longest_ago = std::ranges::min_element(from, {}, &replica_load::credit);
  (*longest_ago)->credit = ++turn_;
  return static_cast<std::size_t>(longest_ago - from.begin());
}

std::size_t weighted_round_robin::choose(replicas from, time_point) const noexcept {
  return deal(from, [](const replica_load& r) { return r.weight; });
}

std::size_t response_time_weighting::choose(replicas from, time_point) const noexcept {
  const double base = static_cast<double>(std::max(base_time, duration(1)).count());
  return deal(from, [base](const replica_load& r) {
    return r.weight / (1 + static_cast<double>(r.latency.mean().count()) / base);
  });
}

std::size_t least_outstanding::choose(replicas from, time_point) noexcept {
  const auto has_less = [&](std::size_t a, std::size_t b) {
    return (from[a]->outstanding + 1) * from[b]->weight < (from[b]->outstanding + 1) * from[a]->weight;
  };
  std::size_t best = turn_++ % from.size();
  for (std::size_t k = 1, i = best; k < from.size(); ++k) {
    i = i + 1 == from.size() ? 0 : i + 1;
    if (has_less(i, best)) best = i;
  }
  return best;
}

std::size_t power_of_two_choices::choose(replicas from, time_point now) noexcept {
  if (from.size() == 1) return 0;
  const std::size_t first = random_.below(from.size());
  std::size_t second = random_.below(from.size() - 1);
  if (second >= first) ++second;
  return load_of(*from[second], now) < load_of(*from[first], now) ? second : first;
}

}  // namespace catena
