// SPDX-License-Identifier: BSL-1.0
// How long requests wait when they come as they please, at a share of the ideal: Poisson arrivals, the same for all subjects.
//
// Every request has its instant before the run begins, and its latency counts from there, however late it was submitted: no
// coordinated omission. The submitter never sleeps, so that it is late only when it has other things to do: it submits what is due,
// takes the answers that are there, and looks at the clock again. cpu_us_per_request therefore holds all of a processor.
//
// A policy is overloaded when a fifth of the run's requests wait at once, for which the model's queue has no place. The run then
// submits no more; it is shown by `overloaded` 1, and by latencies that are infinite.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <limits>
#include <random>
#include <string>

#include "cases.hpp"
#include "course.hpp"
#include "served.hpp"
#include "stopwatch.hpp"

namespace batching {
namespace {

/// Instants from the beginning of a run.
std::vector<clock::duration> poisson(std::size_t count, double per_s, unsigned seed) {
  std::mt19937_64 random(seed);
  std::exponential_distribution<double> gap(per_s);
  std::vector<clock::duration> instants;
  double at = 0;
  while (instants.size() < count)
    instants.push_back(std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(at += gap(random))));
  return instants;
}

class open_loop {
 public:
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

std::vector<bench::reading> open(const course& on, const std::string& policy, std::size_t requests, double ideal, double share,
                                 unsigned seed) {
  const std::vector<clock::duration> schedule = poisson(requests, share * ideal, seed);
  served model(on, policy, std::max(requests / 5, 2 * max_batch));
  const stopwatch watch;
  open_loop loop(model, schedule);
  loop.run();
  const double seconds = watch.seconds(), cpu_us = watch.cpu_us();
  const auto answered = static_cast<double>(loop.answered());
  std::vector<bench::reading> readings{{"overloaded", loop.overloaded() ? 1.0 : 0.0},
                                       bench::quantile_reading("p50_us", 0.5, loop.latencies()),
                                       bench::quantile_reading("p99_us", 0.99, loop.latencies()),
                                       {"fraction_of_ideal", answered / seconds / ideal},
                                       {"mean_batch", model.mean_batch()},
                                       {"cpu_us_per_request", cpu_us / answered}};
  std::ranges::move(learning_readings(model.stats()), std::back_inserter(readings));
  return readings;
}

}  // namespace

void add_open(std::vector<bench::subject>& subjects, const network& net) {
  for (const int percent : {20, 50, 80, 95}) {
    const std::string name = net.name + "_open" + std::to_string(percent);
    for (const std::string& policy : policies())
      subjects.push_back({name, policy, [=](const bench::options& opts) -> bench::repetition {
        course& on = begin(net, name, policy, opts);
        const std::size_t requests = opts.size(net.requests, net.requests / 100);
        return [&on, policy, requests, ideal = on.ideal().rows_per_s, percent, seed = 0U]() mutable {
          return open(on, policy, requests, ideal, percent / 100.0, ++seed);
        };
      }});
  }
}

}  // namespace batching
