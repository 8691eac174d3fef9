// SPDX-License-Identifier: BSL-1.0
#include "questions.hpp"

#include <catena/torch/script_instance.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>
#include <utility>

namespace bench {
namespace {

constexpr std::size_t input_count = 32;
constexpr unsigned inputs_seed = 11;

/// The distance of two answers, as a share of the second one's length.
double distance(const answer& a, const answer& b) {
  double apart = 0, length = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    apart += (a[i] - b[i]) * (a[i] - b[i]);
    length += b[i] * b[i];
  }
  return std::sqrt(apart / length);
}

catena::torch::script_instance load(const network& net) {
  catena::torch::script_options options = script_of(net);
  options.batch.max_size = 1;
  return std::move(catena::torch::script_instance::load(options).front());
}

}  // namespace

questions::questions(const network& net, double tolerance) : network_(net.name), tolerance_(tolerance) {
  catena::torch::script_instance alone = load(net);
  std::mt19937 random(inputs_seed);
  std::uniform_real_distribution<float> values(-1, 1);
  for (std::size_t i = 0; i < input_count; ++i) {
    std::vector<float>& one = inputs_.emplace_back(alone.input(0, 0).size());
    std::generate(one.begin(), one.end(), [&] { return values(random); });
    alone.input(0, 0).assign<float>(one);
    alone.compute(1);
    std::ranges::copy(alone.output(0, 0).values(), answers_.emplace_back().begin());
    if (i > 0 && distance(answers_[i], answers_[i - 1]) <= 2 * tolerance)
      throw std::logic_error(net.name + " answers the same to different inputs");
  }
}

void questions::check(const question& asked, const answer& given) const {
  const bool is_right = distance(given, answers_[asked.index]) <= tolerance_;  // false for what is not a number
  if (!is_right) throw std::runtime_error(network_ + ": wrong answer");
}

}  // namespace bench
