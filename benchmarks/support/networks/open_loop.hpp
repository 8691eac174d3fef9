// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Requests that come as they please.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <random>
#include <vector>

#include "support/networks/served.hpp"

namespace bench {

/// Instants of Poisson arrivals, from the beginning of a run.
[[nodiscard]] inline std::vector<std::chrono::steady_clock::duration> poisson(std::size_t count, double per_s, unsigned seed) {
  using clock = std::chrono::steady_clock;
  std::mt19937_64 random(seed);
  std::exponential_distribution<double> gap(per_s);
  std::vector<clock::duration> instants;
  double at = 0;
  while (instants.size() < count)
    instants.push_back(std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(at += gap(random))));
  return instants;
}

/// Every request has its instant before the run begins, and its latency counts from there, however late it was submitted: no
/// coordinated omission. The submitter never sleeps, so that it is late only when it has other things to do: it submits what is
/// due, takes the answers that are there, and looks at the clock again.
///
/// A request that is refused ends the run: the model is overloaded, no more is submitted, and all latencies are infinite.
class open_loop {
 public:
  using clock = std::chrono::steady_clock;

  open_loop(served& model, const std::vector<clock::duration>& schedule)
      : model_(model), schedule_(schedule), latencies_(schedule.size(), std::numeric_limits<double>::infinity()) {}

  void run() {
    while (ended_ < submitted_ || (!overloaded_ && submitted_ < schedule_.size())) {
      submit_due(clock::now());
      model_.poll();
    }
    if (overloaded_) std::ranges::fill(latencies_, std::numeric_limits<double>::infinity());
  }

  [[nodiscard]] bool overloaded() const noexcept { return overloaded_; }
  [[nodiscard]] std::size_t answered() const noexcept { return answered_; }
  /// In microseconds, in the order of the schedule.
  [[nodiscard]] const std::vector<double>& latencies() const noexcept { return latencies_; }

 private:
  void submit_due(clock::time_point now) {
    while (!overloaded_ && submitted_ < schedule_.size() && began_ + schedule_[submitted_] <= now) {
      const std::size_t i = submitted_++;
      model_.submit(i, [this, i](ending how) { end(i, how); });
    }
  }
  void end(std::size_t i, ending how) {
    ++ended_;
    if (how == ending::refused) {
      overloaded_ = true;
      return;
    }
    ++answered_;
    latencies_[i] = std::chrono::duration<double, std::micro>(clock::now() - began_ - schedule_[i]).count();
  }

  served& model_;
  const std::vector<clock::duration>& schedule_;
  std::vector<double> latencies_;
  clock::time_point began_ = clock::now();
  std::size_t submitted_ = 0, ended_ = 0, answered_ = 0;
  bool overloaded_ = false;
};

}  // namespace bench
