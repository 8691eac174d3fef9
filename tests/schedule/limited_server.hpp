// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A server of known capacity behind a limit policy, asked by more requests than it can answer, in virtual time.
#include <catena/schedule/limit_policy.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

namespace catena::test {

/// Places that each serve one request at a time, or one place that takes a whole batch.
struct server {
  std::size_t places = 32;
  std::function<double(std::size_t)> batch_ms = {};  ///< if there: one place, what a batch of n costs
  std::size_t most_in_batch = 32;
  double service_ms = 100;
  double noise = 0;  ///< relative standard deviation of a service time
};

/// What happened in one part of the time.
struct served {
  double per_second = 0;
  double mean_limit = 0;
  double p99_ms = 0;
};

/// There is always somebody who wants to be let in.
class limited_server {
 public:
  limited_server(limit_policy policy, server what, std::uint64_t seed = 1) : policy_(std::move(policy)), server_(std::move(what)), random_(seed) {}

  [[nodiscard]] server& changed() noexcept { return server_; }
  [[nodiscard]] std::size_t limit() const { return policy_.limit(); }
  /// The next request takes so many times as long.
  void slow_down_once(double factor) noexcept { slower_once_ = factor; }

  served run_for(double seconds) {
    std::vector<double> latencies;
    double limits = 0;
    const double from = now_ms_;
    while (now_ms_ < from + seconds * 1000) {
      let_in();
      serve();
      const work done = busy_.top();
      busy_.pop();
      now_ms_ = done.ends_ms;
      latencies.push_back(now_ms_ - done.began_ms);
      policy_.ended({.latency = in_time(latencies.back()), .in_flight = in_flight_}, moment());
      --in_flight_;
      limits += static_cast<double>(policy_.limit());
    }
    served result{.per_second = static_cast<double>(latencies.size()) / (now_ms_ - from) * 1000,
                  .mean_limit = limits / static_cast<double>(latencies.size())};
    const auto nth = latencies.begin() + static_cast<std::ptrdiff_t>(0.99 * static_cast<double>(latencies.size() - 1));
    std::nth_element(latencies.begin(), nth, latencies.end());
    result.p99_ms = *nth;
    return result;
  }

 private:
  struct work {
    double ends_ms, began_ms;
    friend bool operator<(const work& a, const work& b) { return a.ends_ms > b.ends_ms; }
  };

  static duration in_time(double ms) { return std::chrono::duration_cast<duration>(std::chrono::duration<double, std::milli>(ms)); }
  [[nodiscard]] time_point moment() const { return time_point(std::chrono::hours(1)) + in_time(now_ms_); }

  void let_in() {
    for (; in_flight_ < policy_.limit(); ++in_flight_) waiting_.push_back(now_ms_);
  }
  void serve() {
    if (server_.batch_ms) {
      if (!busy_.empty()) return;
      const std::size_t size = std::min(waiting_.size(), server_.most_in_batch);
      const double ends = now_ms_ + server_.batch_ms(size) * wobble();
      for (std::size_t i = 0; i < size; ++i) begin(ends);
      return;
    }
    while (!waiting_.empty() && busy_.size() < server_.places) begin(now_ms_ + server_.service_ms * wobble() * std::exchange(slower_once_, 1));
  }
  void begin(double ends_ms) {
    busy_.push({ends_ms, waiting_.front()});
    waiting_.pop_front();
  }
  double wobble() { return server_.noise > 0 ? std::max(0.1, std::normal_distribution<double>(1, server_.noise)(random_)) : 1; }

  limit_policy policy_;
  server server_;
  std::mt19937_64 random_;
  double now_ms_ = 0;
  double slower_once_ = 1;
  std::size_t in_flight_ = 0;
  std::deque<double> waiting_;
  std::priority_queue<work> busy_;
};

}  // namespace catena::test
