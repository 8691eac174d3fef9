// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What networks are asked.
#include <cstddef>
#include <string>
#include <vector>

#include "support/networks/networks.hpp"

namespace bench {

/// What a request asks: one of the inputs.
struct question {
  std::size_t index;
  const std::vector<float>* values;
};

/// Random inputs for one network, and their right answers: those that it gives on the CPU to each of them alone.
class questions {
 public:
  /// \param tolerance  how far from the right answer a right one may be, as a share of its length: kernels for other batch sizes
  ///                   add up in another order, and devices round otherwise
  questions(const network& net, double tolerance);

  [[nodiscard]] question ask(std::size_t i) const { return {i % inputs_.size(), &inputs_[i % inputs_.size()]}; }
  /// \errors std::runtime_error: it is wrong
  void check(const question& asked, const answer& given) const;

 private:
  std::string network_;
  double tolerance_;
  std::vector<std::vector<float>> inputs_;
  std::vector<answer> answers_;  ///< of each input
};

}  // namespace bench
