// SPDX-License-Identifier: BSL-1.0
// The only file of this benchmark that includes Torch.
#include <torch/script.h>

#include "bare_loop.hpp"

#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace cuda {
namespace {

/// Waiting costs some tens of microseconds, in which a device has nothing to do.
constexpr double seconds_between_waits = 0.05;
constexpr double most_batches_between_waits = 1000;

double seconds_since(bare_loop::clock::time_point began) {
  return std::chrono::duration<double>(bare_loop::clock::now() - began).count();
}

at::Tensor first(const at::Tensor& t, std::size_t rows) { return t.narrow(0, 0, static_cast<std::int64_t>(rows)); }

}  // namespace

struct bare_loop::tensors {
  c10::Device device;
  torch::jit::Module network;
  at::Tensor host_inputs, inputs, host_answers;  ///< of as many rows as a batch may have; on the host pinned, where that is CUDA's

  tensors(const bench::network& net, const bench::questions& asked, const std::string& on, std::size_t max_rows)
      : device(on), network(torch::jit::load(bench::script_of(net).file, device)) {
    network.eval();
    std::vector<std::int64_t> sizes{static_cast<std::int64_t>(max_rows)};
    sizes.insert(sizes.end(), net.input.begin(), net.input.end());
    host_inputs = staging(sizes);
    host_answers = staging({static_cast<std::int64_t>(max_rows), bench::answer_size});
    for (std::size_t i = 0; i < max_rows; ++i) {
      const std::vector<float>& values = *asked.ask(i).values;
      std::memcpy(host_inputs.data_ptr<float>() + i * values.size(), values.data(), values.size() * sizeof(float));
    }
    inputs = host_inputs.to(device, c10::kFloat, /*non_blocking=*/false, /*copy=*/true);
  }

  [[nodiscard]] at::Tensor staging(const std::vector<std::int64_t>& sizes) const {
    return at::empty(sizes, at::TensorOptions().dtype(c10::kFloat).pinned_memory(device.is_cuda()));
  }
  [[nodiscard]] at::Tensor compute(std::size_t rows) { return network.forward({first(inputs, rows)}).toTensor(); }
  void compute_with_copies(std::size_t rows) {
    first(inputs, rows).copy_(first(host_inputs, rows), /*non_blocking=*/true);
    first(host_answers, rows).copy_(compute(rows), /*non_blocking=*/true);
    wait();
  }
  void wait() const {
    if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).getStream(device).synchronize();
  }
};

bare_loop::bare_loop(const bench::network& net, const bench::questions& asked, const std::string& device, std::size_t max_rows)
    : tensors_(std::make_unique<tensors>(net, asked, device, max_rows)) {
  const c10::InferenceMode no_gradients;
  tensors_->compute_with_copies(max_rows);
  bench::answer given;
  for (std::size_t i = 0; i < max_rows; ++i) {
    std::memcpy(given.data(), tensors_->host_answers.data_ptr<float>() + i * given.size(), sizeof given);
    asked.check(asked.ask(i), given);
  }
}

bare_loop::~bare_loop() = default;

double bare_loop::rows_per_s(std::size_t rows, clock::duration at_least) {
  const c10::InferenceMode no_gradients;
  const auto warming = clock::now();
  (void)tensors_->compute(rows);
  tensors_->wait();
  const auto in_a_row = static_cast<int>(std::clamp(seconds_between_waits / seconds_since(warming), 1.0, most_batches_between_waits));
  double done = 0;
  const auto began = clock::now();
  do {
    for (int i = 0; i < in_a_row; ++i) (void)tensors_->compute(rows);
    tensors_->wait();
    done += static_cast<double>(rows) * in_a_row;
  } while (clock::now() - began < at_least);
  return done / seconds_since(began);
}

double bare_loop::rows_per_s_with_copies(std::size_t rows, clock::duration at_least) {
  const c10::InferenceMode no_gradients;
  tensors_->compute_with_copies(rows);
  double done = 0;
  const auto began = clock::now();
  do {
    tensors_->compute_with_copies(rows);
    done += static_cast<double>(rows);
  } while (clock::now() - began < at_least);
  return done / seconds_since(began);
}

}  // namespace cuda
