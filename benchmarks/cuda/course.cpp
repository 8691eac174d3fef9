// SPDX-License-Identifier: BSL-1.0
#include "course.hpp"

#include <catena/error.hpp>

#include <cstdio>
#include <optional>

#include "gpu.hpp"

namespace cuda {
namespace {

using namespace std::chrono_literals;

/// GPUs convolve in TensorFloat-32, with 10 bits where float32 has 23. With the 7 of bfloat16 a CPU is off by 0.011 at worst; the
/// answers to any two inputs are 0.068 apart at least.
constexpr double tolerance = 1e-2;

std::vector<std::size_t> sizes(const bench::options& opts) {
  if (opts.quick) return {1, 2};
  return {1, 2, 4, 8, 16, 32, 64, 128, course::most_rows};
}

}  // namespace

course& course::of(const bench::network& net, const bench::options& opts) {
  return bench::one_for_each<course>(net, opts);
}

course::course(const bench::network& net, const bench::options& opts)
    : net_(net),
      device_(opts.device),
      run_time_(opts.size<clock::duration>(2s, 20ms)),
      asked_(net, tolerance),
      alone_(net, asked_, opts.device, sizes(opts).back()) {
  // TorchScript compiles during its first calls with a shape: the medians do not see the first round.
  rates_ = bench::measure_batches(sizes(opts), opts.size(5, 1), [&](std::size_t rows) { return alone_.rows_per_s(rows, run_time_ / 20); });
  bench::print(net.name + " alone on " + device_, rates_);
}

void course::begin_case(const std::string& case_name, std::size_t max_batch) {
  if (case_ == case_name) return;
  case_ = case_name;
  best_batch_ = bench::best_of(rates_, max_batch).size;
  std::printf("  the ideal, batches of %zu: %.0f rows/s\n", best_batch_, measure_ideal());
}

double course::measure_ideal() { return ideal_ = alone_.rows_per_s(best_batch_, run_time_); }

double course::measure_with_copies() { return alone_.rows_per_s_with_copies(best_batch_, run_time_); }

std::shared_ptr<bench::served> course::serve(const way& how, std::size_t max_batch, std::size_t queue_capacity) const {
  catena::torch::script_options script = bench::script_of(net_);
  script.devices = {device_};
  script.batch.max_size = max_batch;
  script.queue.capacity = queue_capacity;
  how.choose(script);
  try {
    return std::make_shared<bench::served>(asked_, script);
  } catch (const catena::error& e) {
    if (!e.why().is(catena::errc::unsupported)) throw;
    std::printf("  %s cannot run here: %s\n", how.name.c_str(), e.what());
    return nullptr;
  }
}

std::vector<bench::reading> course::readings(double rows_per_s) const {
  std::vector<bench::reading> all{{"rows_per_s", rows_per_s}, {"fraction_of_ideal", rows_per_s / ideal_}};
  if (const std::optional<gpu_use> use = gpu_use_of(device_)) {
    all.push_back({"gpu_busy_share", use->busy_share});
    all.push_back({"gpu_memory_mb", use->memory_mb});
  }
  return all;
}

}  // namespace cuda
