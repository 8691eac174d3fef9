// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What all subjects of one network have in common: the requests, the device and the ideal.
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "bare_loop.hpp"
#include "support/harness.hpp"
#include "support/networks/batch_rates.hpp"
#include "support/networks/networks.hpp"
#include "support/networks/questions.hpp"
#include "support/networks/served.hpp"
#include "ways.hpp"

namespace cuda {

/// The ideal is the bare loop with batches of the best size, which no scheduler can beat for long.
class course {
 public:
  using clock = std::chrono::steady_clock;

  /// Of the batches that are tried, and of those of an open case.
  static constexpr std::size_t most_rows = 256;

  course(const bench::network& net, const bench::options& opts);
  /// The course of this network, made when it is first asked for: it measures all batch sizes, and says what it found.
  [[nodiscard]] static course& of(const bench::network& net, const bench::options& opts);

  /// Measures the ideal again, with batches of at most so many rows, in a case that has not done so yet.
  void begin_case(const std::string& case_name, std::size_t max_batch);
  /// The ideal's rows per second as they were measured last.
  [[nodiscard]] double ideal() const noexcept { return ideal_; }
  [[nodiscard]] std::size_t best_batch() const noexcept { return best_batch_; }
  double measure_ideal();
  double measure_with_copies();
  /// How long a run takes.
  [[nodiscard]] clock::duration run_time() const noexcept { return run_time_; }

  /// A model that serves this network; it is warm. Null: the device cannot serve it in this way, which has been said.
  [[nodiscard]] std::shared_ptr<bench::served> serve(const way& how, std::size_t max_batch, std::size_t queue_capacity) const;
  /// Rows per second, and what the device says about itself, of a run that ends now.
  [[nodiscard]] std::vector<bench::reading> readings(double rows_per_s) const;

 private:
  bench::network net_;
  std::string device_;
  clock::duration run_time_;
  bench::questions asked_;
  bare_loop alone_;
  std::vector<bench::batch_rate> rates_;
  std::size_t best_batch_ = 1;
  double ideal_ = 0;
  std::string case_;
};

}  // namespace cuda
