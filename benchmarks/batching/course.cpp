// SPDX-License-Identifier: BSL-1.0
#include "course.hpp"

#include <cstdio>
#include <utility>
#include <vector>

#include "policies.hpp"
#include "stopwatch.hpp"
#include "support/networks/batch_rates.hpp"
#include "support/networks/served.hpp"

namespace batching {
namespace {

constexpr double tolerance = 1e-3;

catena::torch::script_instance load(const bench::network& net) {
  catena::torch::script_options options = bench::script_of(net);
  options.batch.max_size = max_batch;
  return std::move(catena::torch::script_instance::load(options).front());
}

}  // namespace

course& course::of(const bench::network& net, const bench::options& opts) {
  return bench::one_for_each<course>(net, opts);
}

course::course(const bench::network& net, const bench::options& opts)
    : net_(net), quick_(opts.quick), asked_(net, tolerance), alone_(load(net)) {
  for (std::size_t i = 0; i < max_batch; ++i) alone_.input(0, i).assign<float>(*asked_.ask(i).values);
  find_best_batch();
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
  const std::vector<std::size_t> sizes = quick_ ? std::vector<std::size_t>{1, 2} : std::vector<std::size_t>{1, 2, 4, 8, 16, 32, 48, 64};
  const auto rates = bench::measure_batches(sizes, quick_ ? 1 : 5, [this](std::size_t n) {
    return run_alone(n, quick_ ? 0.002 : 0.05).rows_per_s;
  });
  bench::print(net_.name + " alone on one thread", rates);
  best_batch_ = bench::best_of(rates, max_batch).size;
  std::printf("  the ideal is batches of %zu\n", best_batch_);
}

void course::begin_case(const std::string& case_name) {
  if (case_ == case_name) return;
  case_ = case_name;
  measure_ideal();
  std::printf("  the ideal: %.0f requests/s\n", ideal_.rows_per_s);
}

void course::measure_ideal() { ideal_ = run_alone(best_batch_, quick_ ? 0.002 : 0.5); }

course& begin(const bench::network& net, const std::string& case_name, const std::string& policy, const bench::options& opts) {
  course& on = course::of(net, opts);
  on.begin_case(case_name);
  if (!on.is_new(policy)) return on;
  const auto questions = opts.size<std::size_t>(2 * max_batch, 2);
  bench::served model(on.asked(), script_with(net, policy, questions));
  for (std::size_t i = 0; i < questions; ++i) model.submit(i, [](bench::ending) {});
  model.run();
  return on;
}

}  // namespace batching
