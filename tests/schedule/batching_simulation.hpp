// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One instance, one policy, Poisson arrivals, and a cost for every batch size: what requests wait, in virtual time.
#include <catena/schedule/batch_policy.hpp>
#include <catena/schedule/request_queue.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <queue>
#include <random>
#include <span>
#include <stdexcept>
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
  double burst_factor = 1;       ///< arrivals come so much faster in the first 100 ms of every 2 s
  bool doubles_half_way = false; ///< the model is twice as slow from when half of the requests have come
  double due_share = 0;          ///< of the requests are due, 2 to 20 times what a batch of 8 costs after they came
  bool mixed_priorities = false; ///< 30 % low, 50 % normal, 20 % high; else all normal
  queue_order order = queue_order::fifo;
  std::uint64_t seed = 1;
};

/// What the requests waited that were answered, but for the first tenth of those that came, in which a policy may learn.
struct waits {
  double p50_us = 0;
  double p99_us = 0;
  double second_half_p99_us = 0;  ///< of those that came in the second half
  double missed = 0;              ///< share of those that were due and were not answered in time
  double mean_batch = 0;
  std::size_t largest_queue = 0;
};

/// One run: the same seed brings the same requests to every policy, and the same noise to its nth batch.
class batching_simulation {
 public:
  batching_simulation(batch_policy policy, const cost_curve& curve, const traffic& t, batch_limits limits)
      : policy_(std::move(policy)),
        curve_(curve),
        traffic_(t),
        limits_(limits),
        coming_(t.seed),
        noise_(t.seed + 1'000'003),
        gap_(t.load * curve.ideal_per_us()),
        queue_({.capacity = t.requests, .order = t.order}),
        requests_(t.requests),
        latencies_us_(t.requests, -1) {
    next_arrival_us_ = gap_us(0);
  }

  waits run() {
    std::vector<queued_request*> batch(limits_.max_size);
    int idle_turns = 0;
    while (ended_ < traffic_.requests) {
      come();
      expire();
      const batch_decision d = policy_.form(
          {.count = queue_.size(), .oldest = queue_.oldest(), .tightest_deadline = queue_.tightest_deadline()}, limits_, at(now_us_));
      const std::size_t take = std::min({d.take, queue_.size(), limits_.max_size});
      if (take != 0) serve(std::span(batch).first(take));
      else wait_until(d.look_again);
      idle_turns = take != 0 ? 0 : idle_turns + 1;
      if (idle_turns > 10'000) throw std::logic_error("the policy lets requests wait and nothing happens");
    }
    return result();
  }

 private:
  static constexpr double start_us = 3.6e9;
  static time_point at(double us) {
    return time_point(std::chrono::duration_cast<duration>(std::chrono::duration<double, std::micro>(start_us + us)));
  }
  static double us_at(time_point when) { return std::chrono::duration<double, std::micro>(when.time_since_epoch()).count() - start_us; }

  double gap_us(double now_us) {
    const bool burst = traffic_.burst_factor > 1 && std::fmod(now_us, 2e6) < 1e5;
    return gap_(coming_) / (burst ? traffic_.burst_factor : 1);
  }

  void come() {
    for (; come_ < traffic_.requests && next_arrival_us_ <= now_us_; ++come_) {
      queued_request& r = requests_[come_];
      r.arrival = at(next_arrival_us_);
      if (traffic_.due_share > 0 && share_(coming_) < traffic_.due_share) {
        r.deadline = at(next_arrival_us_ + (2 + 18 * share_(coming_)) * curve_.us(8));
        due_.push(&r);
      }
      if (traffic_.mixed_priorities) {
        const double which = share_(coming_);
        r.priority = which < 0.3 ? priority::low : which < 0.8 ? priority::normal : priority::high;
      }
      if (queue_.try_push(r).entry != request_queue::entry::accepted) throw std::logic_error("the queue has no room");
      policy_.arrived(r.arrival);
      next_arrival_us_ += gap_us(next_arrival_us_);
    }
    largest_queue_ = std::max(largest_queue_, queue_.size());
  }

  /// Those whose deadline has passed leave the queue, as by a timer.
  void expire() {
    for (; !due_.empty() && due_.top()->deadline <= at(now_us_); due_.pop()) ended_ += queue_.remove(*due_.top());
  }

  void wait_until(time_point look_again) {
    double next = look_again == no_deadline ? 1e300 : us_at(look_again);
    if (come_ < traffic_.requests) next = std::min(next, next_arrival_us_);
    if (!due_.empty()) next = std::min(next, us_at(due_.top()->deadline));
    now_us_ = std::max(now_us_ + 1e-3, next);  // a nanosecond of progress at least
  }

  void serve(std::span<queued_request*> batch) {
    double cost = curve_.us(batch.size());
    if (traffic_.noise > 0) cost *= std::max(0.5, 1 + traffic_.noise * wobble_(noise_));
    if (traffic_.doubles_half_way && come_ > traffic_.requests / 2) cost *= 2;
    (void)queue_.take(batch);
    now_us_ += cost;
    policy_.computed(batch.size(), std::chrono::duration_cast<duration>(std::chrono::duration<double, std::micro>(cost)), at(now_us_));
    for (const queued_request* r : batch) latencies_us_[static_cast<std::size_t>(r - requests_.data())] = now_us_ - us_at(r->arrival);
    ended_ += batch.size();
    ++batches_;
  }

  [[nodiscard]] double quantile_us(std::size_t from, double q) const {
    std::vector<double> answered;
    for (std::size_t i = from; i < latencies_us_.size(); ++i)
      if (latencies_us_[i] >= 0) answered.push_back(latencies_us_[i]);
    const auto nth = answered.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(answered.size() - 1));
    std::nth_element(answered.begin(), nth, answered.end());
    return *nth;
  }

  [[nodiscard]] double missed(std::size_t from) const {
    std::size_t due = 0, missed = 0;
    for (std::size_t i = from; i < requests_.size(); ++i) {
      if (requests_[i].deadline == no_deadline) continue;
      ++due;
      missed += latencies_us_[i] < 0 || requests_[i].arrival + std::chrono::duration<double, std::micro>(latencies_us_[i]) > requests_[i].deadline;
    }
    return due == 0 ? 0 : static_cast<double>(missed) / static_cast<double>(due);
  }

  [[nodiscard]] waits result() const {
    const std::size_t from = traffic_.requests / 10;
    return {.p50_us = quantile_us(from, 0.5),
            .p99_us = quantile_us(from, 0.99),
            .second_half_p99_us = quantile_us(traffic_.requests / 2, 0.99),
            .missed = missed(from),
            .mean_batch = static_cast<double>(traffic_.requests) / static_cast<double>(batches_),
            .largest_queue = largest_queue_};
  }

  struct due_later {
    bool operator()(const queued_request* a, const queued_request* b) const { return a->deadline > b->deadline; }
  };

  batch_policy policy_;
  const cost_curve& curve_;
  const traffic traffic_;
  const batch_limits limits_;
  std::mt19937_64 coming_, noise_;
  std::exponential_distribution<double> gap_;
  std::uniform_real_distribution<double> share_{0, 1};
  std::normal_distribution<double> wobble_{0, 1};
  request_queue queue_;
  std::vector<queued_request> requests_;
  std::vector<double> latencies_us_;  ///< by request; negative: not answered
  std::priority_queue<queued_request*, std::vector<queued_request*>, due_later> due_;
  double now_us_ = 0;
  double next_arrival_us_ = 0;
  std::size_t come_ = 0, ended_ = 0, batches_ = 0, largest_queue_ = 0;
};

inline waits simulate(batch_policy policy, const cost_curve& curve, const traffic& t, batch_limits limits = {.max_size = 64}) {
  return batching_simulation(std::move(policy), curve, t, limits).run();
}

}  // namespace catena::test
