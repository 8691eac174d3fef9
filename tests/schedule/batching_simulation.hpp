// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One instance, one policy, Poisson arrivals, and a cost for every batch size: what requests wait, in virtual time.
#include <catena/schedule/batch_policy.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <random>
#include <utility>
#include <vector>

namespace catena::test {

/// Costs of a batch in microseconds at measured sizes, straight between them; measured with one thread and OpenBLAS.
class cost_curve {
 public:
  explicit cost_curve(std::vector<std::pair<double, double>> points) : points_(std::move(points)) {}
  [[nodiscard]] double us(std::size_t size) const {
    const auto n = static_cast<double>(size);
    for (std::size_t i = 1; i < points_.size(); ++i)
      if (n <= points_[i].first) {
        const auto [x0, y0] = points_[i - 1];
        const auto [x1, y1] = points_[i];
        return y0 + (y1 - y0) * (n - x0) / (x1 - x0);
      }
    return points_.back().second * n / points_.back().first;
  }
  /// The most rows a second that any size up to 64 reaches.
  [[nodiscard]] double ideal_per_us() const {
    double best = 0;
    for (std::size_t n = 1; n <= 64; ++n) best = std::max(best, static_cast<double>(n) / us(n));
    return best;
  }

 private:
  std::vector<std::pair<double, double>> points_;
};

inline const cost_curve mlp{{{1, 41}, {2, 44}, {3, 221}, {4, 191}, {8, 247}, {16, 340}, {32, 545}, {64, 941}}};
inline const cost_curve resnet{{{1, 9470}, {2, 11288}, {4, 16150}, {8, 28211}, {16, 52035}, {32, 100014}, {64, 225091}}};
inline const cost_curve bert{{{1, 6584}, {2, 11288}, {8, 39040}, {32, 160615}, {64, 321230}}};

struct traffic {
  double load = 0.5;             ///< share of the ideal capacity
  std::size_t requests = 100'000;
  double noise = 0;              ///< relative standard deviation of a batch's cost
  double burst_factor = 1;       ///< arrivals come so much faster during bursts of 100 ms, every 2 s
  bool doubles_half_way = false; ///< the model becomes twice as slow
  std::uint64_t seed = 1;
};

struct waits {
  double p50_us, p99_us, mean_batch;
  std::size_t largest_queue;
};

/// Serves the traffic by the policy; the first tenth, in which it may learn, does not count.
inline waits simulate(batch_policy policy, const cost_curve& curve, const traffic& t, batch_limits limits = {.max_size = 64}) {
  std::mt19937_64 random(t.seed);
  std::exponential_distribution<double> gap(t.load * curve.ideal_per_us());
  std::normal_distribution<double> wobble(1, t.noise > 0 ? t.noise : 1);
  const auto at = [](double us) { return time_point(std::chrono::hours(1)) + std::chrono::duration_cast<duration>(std::chrono::duration<double, std::micro>(us)); };
  const auto next_gap = [&](double now) {
    const bool burst = t.burst_factor > 1 && std::fmod(now, 2e6) < 1e5;
    return gap(random) / (burst ? t.burst_factor : 1);
  };
  std::deque<double> queue;
  std::vector<double> latencies;
  double now = 0, arrival = next_gap(0);
  std::size_t arrived = 0, batches = 0, largest = 0;
  const auto arrive_until = [&](double until) {
    for (; arrived < t.requests && arrival <= until; ++arrived, arrival += next_gap(arrival)) {
      queue.push_back(arrival);
      policy.arrived(at(arrival));
    }
    largest = std::max(largest, queue.size());
  };
  while (latencies.size() < t.requests) {
    arrive_until(now);
    const batch_decision d = policy.form({.count = queue.size(), .oldest = queue.empty() ? time_point{} : at(queue.front())}, limits, at(now));
    const std::size_t take = std::min({d.take, queue.size(), limits.max_size});
    if (take == 0) {
      const double look = d.look_again == no_deadline ? 1e300 : std::chrono::duration<double, std::micro>(d.look_again - at(0)).count();
      now = std::max(now + 1e-3, arrived < t.requests ? std::min(arrival, look) : look);  // a nanosecond of progress at least
      continue;
    }
    double cost = curve.us(take);
    if (t.noise > 0) cost *= std::max(0.5, wobble(random));
    if (t.doubles_half_way && latencies.size() > t.requests / 2) cost *= 2;
    now += cost;
    policy.computed(take, std::chrono::duration_cast<duration>(std::chrono::duration<double, std::micro>(cost)), at(now));
    for (std::size_t i = 0; i < take; ++i) {
      latencies.push_back(now - queue.front());
      queue.pop_front();
    }
    ++batches;
  }
  latencies.erase(latencies.begin(), latencies.begin() + static_cast<std::ptrdiff_t>(t.requests / 10));
  const auto quantile = [&](double q) {
    const auto nth = latencies.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(latencies.size() - 1));
    std::nth_element(latencies.begin(), nth, latencies.end());
    return *nth;
  };
  return {quantile(0.5), quantile(0.99), static_cast<double>(t.requests) / static_cast<double>(batches), largest};
}

}  // namespace catena::test
