// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What all subjects of one network have in common: the requests, their right answers, and the ideal.
#include <catena/torch/script_instance.hpp>

#include <set>
#include <string>
#include <vector>

#include "networks.hpp"
#include "support/harness.hpp"

namespace batching {

/// What a request asks: one of the course's inputs.
struct question {
  std::size_t index;
  const std::vector<float>* values;
};

/// A network, alone: batches in a loop on this thread. The tensors are written once, before: what a codec costs is not in it.
/// The best batch size so is the ideal, which no scheduler can beat for long.
class course {
 public:
  struct pace {
    double rows_per_s = 0;
    double cpu_us_per_row = 0;
  };

  /// The course of this network, made when it is first asked for: it measures all batch sizes, and says what it found.
  [[nodiscard]] static course& of(const network& net, const bench::options& opts);

  [[nodiscard]] const network& net() const noexcept { return net_; }
  [[nodiscard]] question ask(std::size_t i) const { return {i % inputs_.size(), &inputs_[i % inputs_.size()]}; }
  /// \errors std::runtime_error: it is not what the network answers when it is called with this row alone
  void check(const question& asked, const answer& given) const;

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
  course(const network& net, const bench::options& opts);
  void make_inputs();
  void find_best_batch();
  /// Computes batches of n for so many seconds, or a little more.
  pace run_alone(std::size_t n, double seconds);

  network net_;
  bool quick_;
  catena::torch::script_instance alone_;
  std::vector<std::vector<float>> inputs_;
  std::vector<answer> answers_;  ///< of each input
  std::size_t best_batch_ = 1;
  pace ideal_;
  std::string case_;
  std::set<std::string> known_;
};

}  // namespace batching
