// SPDX-License-Identifier: BSL-1.0
/// \file
/// Balancing policies keep their shares and avoid whom they must, whatever the replicas do.
#include <catena/balance/balancing_policies.hpp>

#include <algorithm>
#include <vector>

#include "fuzz/fuzz.hpp"

namespace catena::fuzz::balancing_policies_target {

struct replicas {
  explicit replicas(input& in) : loads(1 + in.below(12)) {
    for (replica_load& r : loads) {
      r.weight = static_cast<double>(1 + in.below(1000)) / 10;
      from.push_back(&r);
    }
  }
  replicas(const replicas&) = delete;
  replicas& operator=(const replicas&) = delete;
  /// Something happens to one of them.
  void change(input& in, time_point now) {
    replica_load& r = loads[in.below(loads.size())];
    switch (in.below(4)) {
      case 0: r.outstanding = static_cast<std::uint32_t>(in.below(1000)); break;
      case 1: r.latency.answered(in.span(), now); break;
      case 2: r.latency.given_up(in.span(), now); break;
      default: break;
    }
    require(r.latency.mean() >= duration{} && r.latency.peak(now) <= r.latency.peak());
  }
  std::vector<replica_load> loads;
  std::vector<replica_load*> from;
};

void everybody_in_turn(input& in, replicas& all) {
  round_robin policy;
  std::vector<int> chosen(all.loads.size());
  for (std::size_t count = in.below(1000); count > 0; --count) {
    ++chosen[policy.choose(all.from, start)];
    const auto [least, most] = std::minmax_element(chosen.begin(), chosen.end());
    require(*most - *least <= 1);
  }
}

/// Nobody is more than one request ahead of its share, nor are all others together behind by more.
void shares_by_weight(input& in, replicas& all) {
  double total = 0;
  for (const replica_load& r : all.loads) total += r.weight;
  std::vector<double> chosen(all.loads.size());
  const std::size_t count = in.below(1000);
  for (std::size_t n = 1; n <= count; ++n) {
    ++chosen[weighted_round_robin{}.choose(all.from, start)];
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const double ahead = chosen[i] - static_cast<double>(n) * all.loads[i].weight / total;
      require(ahead < 1 + 1e-6 && ahead > -static_cast<double>(chosen.size()));
    }
  }
}

double load_of(const replica_load& r, time_point now) {
  const duration peak = r.outstanding == 0 ? r.latency.peak(now) : r.latency.peak();
  return static_cast<double>(peak.count()) * (r.outstanding + 1.0) / r.weight;
}

void avoids_the_worst(input& in, replicas& all) {
  power_of_two_choices policy(in.number(4));
  least_outstanding least;
  response_time_weighting weighting{.base_time = in.span()};
  time_point now = start;
  while (!in.empty()) {
    now += in.span();
    all.change(in, now);
    const std::size_t i = policy.choose(all.from, now);
    require(i < all.from.size());
    const bool all_known = std::ranges::all_of(all.loads, [](const auto& r) { return r.latency.is_known(); });
    std::size_t worse = 0;
    for (const replica_load& r : all.loads) worse += load_of(r, now) >= load_of(all.loads[i], now);
    require(!all_known || all.from.size() == 1 || worse >= 2);  // itself and another one
    const replica_load& idlest = all.loads[least.choose(all.from, now)];
    for (const replica_load& r : all.loads) require((idlest.outstanding + 1) * r.weight <= (r.outstanding + 1) * idlest.weight * (1 + 1e-9));
    require(weighting.choose(all.from, now) < all.from.size());
  }
}

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, std::min<std::size_t>(size, 1000));
  replicas all(in);
  switch (in.below(3)) {
    case 0: everybody_in_turn(in, all); break;
    case 1: shares_by_weight(in, all); break;
    default: avoids_the_worst(in, all); break;
  }
}

const target registered("balancing_policies", on_input);

}  // namespace catena::fuzz::balancing_policies_target
