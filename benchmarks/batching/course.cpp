// SPDX-License-Identifier: BSL-1.0
#include "course.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>

#include "policies.hpp"
#include "stopwatch.hpp"
#include "support/statistics.hpp"

namespace batching {
namespace {

constexpr std::size_t input_count = 32;
constexpr unsigned inputs_seed = 11;
/// Kernels for other batch sizes add up in another order.
constexpr float tolerance = 1e-3F;

bool alike(const answer& a, const answer& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= tolerance * (1 + std::abs(b[i])))) return false;
  return true;
}

catena::torch::script_instance load(const network& net) {
  catena::torch::script_options options = script_of(net);
  options.batch.max_size = max_batch;
  return std::move(catena::torch::script_instance::load(options).front());
}

}  // namespace

course& course::of(const network& net, const bench::options& opts) {
  static std::vector<std::unique_ptr<course>> made;
  for (const auto& one : made)
    if (one->net_.name == net.name) return *one;
  made.push_back(std::unique_ptr<course>(new course(net, opts)));
  return *made.back();
}

course::course(const network& net, const bench::options& opts) : net_(net), quick_(opts.quick), alone_(load(net)) {
  make_inputs();
  find_best_batch();
}

void course::make_inputs() {
  std::mt19937 random(inputs_seed);
  std::uniform_real_distribution<float> values(-1, 1);
  for (std::size_t i = 0; i < input_count; ++i) {
    std::vector<float>& one = inputs_.emplace_back(alone_.input(0, 0).size());
    std::generate(one.begin(), one.end(), [&] { return values(random); });
    alone_.input(0, 0).assign<float>(one);
    alone_.compute(1);
    std::ranges::copy(alone_.output(0, 0).values(), answers_.emplace_back().begin());
    if (i > 0 && alike(answers_[i], answers_[i - 1])) throw std::logic_error(net_.name + " answers the same to different inputs");
  }
  for (std::size_t i = 0; i < max_batch; ++i) alone_.input(0, i).assign<float>(*ask(i).values);
}

void course::check(const question& asked, const answer& given) const {
  if (!alike(given, answers_[asked.index])) throw std::runtime_error(net_.name + ": wrong answer");
}

course::pace course::run_alone(std::size_t n, double seconds) {
  alone_.compute(n);  // brings the weights into the caches
  double rows = 0;
  const stopwatch watch;
  do {
    alone_.compute(n);
    rows += static_cast<double>(n);
  } while (watch.seconds() < seconds);
  return {rows / watch.seconds(), watch.cpu_us() / rows};
}

void course::find_best_batch() {
  const std::vector<std::size_t> sizes = quick_ ? std::vector<std::size_t>{1, 8} : std::vector<std::size_t>{1, 2, 4, 8, 16, 32, 48, 64};
  const int rounds = quick_ ? 1 : 5;
  std::vector<std::vector<double>> rates(sizes.size());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < sizes.size(); ++i) rates[i].push_back(run_alone(sizes[i], quick_ ? 0.002 : 0.05).rows_per_s);
  std::printf("  %s alone on one thread, us per batch:", net_.name.c_str());
  double best = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const double rate = bench::median(rates[i]);
    std::printf(" %zu %.0f;", sizes[i], static_cast<double>(sizes[i]) * 1e6 / rate);
    if (rate <= best) continue;
    best = rate;
    best_batch_ = sizes[i];
  }
  std::printf(" the ideal is batches of %zu\n", best_batch_);
}

void course::begin_case(const std::string& case_name) {
  if (case_ == case_name) return;
  case_ = case_name;
  measure_ideal();
  std::printf("  the ideal: %.0f requests/s\n", ideal_.rows_per_s);
}

void course::measure_ideal() { ideal_ = run_alone(best_batch_, quick_ ? 0.002 : 0.5); }

}  // namespace batching
