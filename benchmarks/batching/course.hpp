// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What all subjects of one network have in common: the requests and the ideal.
#include <catena/torch/script_instance.hpp>

#include <cstddef>
#include <set>
#include <string>

#include "support/harness.hpp"
#include "support/networks/networks.hpp"
#include "support/networks/questions.hpp"

namespace batching {

/// A network, alone: batches in a loop on this thread. The tensors are written once, before: what a codec costs is not in it.
/// The best batch size so is the ideal, which no scheduler can beat for long.
class course {
 public:
  struct pace {
    double rows_per_s = 0;
    double cpu_us_per_row = 0;
  };

  course(const bench::network& net, const bench::options& opts);
  /// The course of this network, made when it is first asked for: it measures all batch sizes, and says what it found.
  [[nodiscard]] static course& of(const bench::network& net, const bench::options& opts);

  [[nodiscard]] const bench::network& net() const noexcept { return net_; }
  [[nodiscard]] const bench::questions& asked() const noexcept { return asked_; }
  [[nodiscard]] std::size_t best_batch() const noexcept { return best_batch_; }
  /// The ideal as it was measured last.
  [[nodiscard]] const pace& ideal() const noexcept { return ideal_; }
  /// Measures the ideal again, in a case that has not done so yet: the machine's speed changes within the hour.
  void begin_case(const std::string& case_name);
  /// Whether this name has not been asked for before.
  [[nodiscard]] bool is_new(const std::string& policy) { return known_.insert(policy).second; }
  /// Takes about half a second.
  void measure_ideal();

 private:
  void find_best_batch();
  /// Computes batches of n for so many seconds, or a little more.
  pace run_alone(std::size_t n, double seconds);

  bench::network net_;
  bool quick_;
  bench::questions asked_;
  catena::torch::script_instance alone_;
  std::size_t best_batch_ = 1;
  pace ideal_;
  std::string case_;
  std::set<std::string> known_;
};

/// Begins a case: the ideal is measured, and a policy that is new to this network answers some questions at once, so that a
/// wrong one ends the program before anything is measured.
course& begin(const bench::network& net, const std::string& case_name, const std::string& policy, const bench::options& opts);

}  // namespace batching
