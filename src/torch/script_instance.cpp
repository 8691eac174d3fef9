// SPDX-License-Identifier: BSL-1.0
#include "script_program.hpp"

#include <catena/torch/script_instance.hpp>

#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace catena::torch {
namespace {

std::optional<dtype> from_torch(c10::ScalarType type) {
  for (const dtype known : {dtype::float32, dtype::float64, dtype::int8, dtype::int16, dtype::int32, dtype::int64, dtype::uint8,
                            dtype::boolean})
    if (to_torch(known) == type) return known;
  return std::nullopt;
}

std::vector<std::int64_t> rows_of(std::size_t n, std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> sizes{static_cast<std::int64_t>(n)};
  sizes.insert(sizes.end(), shape.begin(), shape.end());
  return sizes;
}

std::span<const std::int64_t> sizes_of(const at::Tensor& t) { return {t.sizes().data(), t.sizes().size()}; }

/// The first rows of a tensor.
at::Tensor first(const at::Tensor& t, std::size_t n) { return t.narrow(0, 0, static_cast<std::int64_t>(n)); }

/// A tensor in host memory from which, and to which, a device can copy by itself.
at::Tensor staging(const c10::Device& device, std::size_t n, std::span<const std::int64_t> shape, c10::ScalarType type) {
  return at::empty(rows_of(n, shape), at::TensorOptions().dtype(type).pinned_memory(!device.is_cpu()));
}

row row_of(const at::Tensor& t, std::size_t i, dtype type) {
  const auto shape = sizes_of(t).subspan(1);
  row at_front(t.data_ptr(), type, shape);
  auto* begin = static_cast<std::byte*>(t.data_ptr());
  return {begin + i * at_front.size() * size_of(type), type, shape};
}

}  // namespace

/// On the CPU the batch is computed where its rows were written, and read where the model put the output. On any other
/// device both are copied through pinned memory, on a stream of the instance's own.
struct script_instance::state {
  std::shared_ptr<const script_program> program;
  ::torch::jit::Module module;
  ::torch::jit::Method method;
  at::Tensor input;                   ///< [max_size, shape...] in host memory
  at::Tensor device_input;            ///< the same on the device; undefined on the CPU
  at::Tensor staged_output;           ///< [max_size, ...] in host memory; made with the first batch, undefined on the CPU
  std::optional<c10::Stream> stream;  ///< none on the CPU
  at::Tensor output;                  ///< of the last batch, contiguous, in host memory
  dtype output_type = dtype::float32;

  state(std::shared_ptr<const script_program> p, ::torch::jit::Module m)
      : program(std::move(p)), module(std::move(m)), method(module.get_method(program->options.method)) {
    const auto& options = program->options;
    const auto type = to_torch(options.input.dtype);
    input = staging(program->device, most_rows(), options.input.shape, type);
    input.zero_();
    if (program->device.is_cpu()) return;
    device_input = at::empty(input.sizes(), input.options().pinned_memory(false).device(program->device));
    stream = c10::impl::VirtualGuardImpl(program->device.type()).getStreamFromGlobalPool(program->device);
  }

  [[nodiscard]] std::size_t most_rows() const { return padded_size(program->options.batch, program->options.batch.max_size); }
  [[nodiscard]] std::size_t pad(std::size_t n);
  [[nodiscard]] at::Tensor answered(const c10::IValue& value, std::size_t n) const;
  [[nodiscard]] at::Tensor call(const at::Tensor& batch, std::size_t n);
  void compute_here(std::size_t n);
  void compute_on_stream(std::size_t n);
};

/// Rows that pad are copies of one that is computed anyway: what earlier batches left might be what the model throws at.
std::size_t script_instance::state::pad(std::size_t n) {
  const std::size_t padded = padded_size(program->options.batch, n);
  const std::size_t row_bytes = input.nbytes() / most_rows();
  auto* const begin = static_cast<std::byte*>(input.data_ptr());
  for (std::size_t i = n; i < padded; ++i) std::memcpy(begin + i * row_bytes, begin, row_bytes);
  return padded;
}

/// Checks what the method answered against what is expected.
at::Tensor script_instance::state::answered(const c10::IValue& value, std::size_t n) const {
  const auto& options = program->options;
  const std::string what = "method '" + options.method + "' answered ";
  if (!value.isTensor()) throw program->refusal(errc::model_invalid, what + value.tagKind() + ", expected a Tensor");
  const at::Tensor& t = value.toTensor();
  const auto& expected = options.output.shape;
  const auto given = sizes_of(t);
  bool fits = !given.empty() && given[0] == static_cast<std::int64_t>(n);
  if (fits && !expected.empty()) {
    const bool one_value = given.size() == 1 && expected.size() == 1 && expected[0] == 1;
    fits = one_value || std::ranges::equal(given.subspan(1), expected);
  }
  if (!fits) {
    const std::string wanted = expected.empty() ? "[" + std::to_string(n) + ", ...]" : to_string(rows_of(n, expected));
    throw program->refusal(errc::shape_mismatch, what + "shape " + to_string(given) + ", expected " + wanted);
  }
  const auto type = from_torch(t.scalar_type());
  if (!type || (options.output.dtype && *options.output.dtype != *type)) {
    const std::string wanted = options.output.dtype ? std::string(to_string(*options.output.dtype)) : "a type with a C++ counterpart";
    throw program->refusal(errc::dtype_mismatch, what + "dtype " + (type ? std::string(to_string(*type)) : c10::toString(t.scalar_type())) +
                                                     ", expected " + wanted);
  }
  return t;
}

at::Tensor script_instance::state::call(const at::Tensor& batch, std::size_t n) {
  c10::IValue value;
  try {
    value = method({batch});
  } catch (const std::exception& e) {
    throw program->refusal(errc::model_failed, text_of(e), std::current_exception());
  }
  return answered(value, n);
}

void script_instance::state::compute_here(std::size_t n) {
  output = call(first(input, n), n).to(c10::kCPU).contiguous();
}

void script_instance::state::compute_on_stream(std::size_t n) {
  const c10::StreamGuard on_stream(*stream);
  first(device_input, n).copy_(first(input, n), /*non_blocking=*/true);
  const at::Tensor answer = call(first(device_input, n), n);
  const auto shape = sizes_of(answer).subspan(1);
  if (!staged_output.defined() || staged_output.scalar_type() != answer.scalar_type() ||
      !std::ranges::equal(sizes_of(staged_output).subspan(1), shape))
    staged_output = staging(program->device, most_rows(), shape, answer.scalar_type());
  output = first(staged_output, n);
  output.copy_(answer, /*non_blocking=*/true);
  stream->synchronize();
}

script_instance::script_instance(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
script_instance::script_instance(script_instance&&) noexcept = default;
script_instance& script_instance::operator=(script_instance&&) noexcept = default;
script_instance::~script_instance() = default;

std::vector<script_instance> script_instance::load(const script_options& options) {
  const auto program = std::make_shared<const script_program>(script_program::load(options));
  std::vector<script_instance> instances;
  try {
    for (std::size_t i = 0; i < options.instances; ++i)
      // A copy shares the weights and has attributes of its own.
      instances.push_back(script_instance(std::make_unique<state>(program, i == 0 ? program->module : program->module.copy())));
  } catch (const c10::Error& e) {
    throw program->refusal(errc::device_unavailable, "no memory for its batches: " + text_of(e), std::current_exception());
  }
  return instances;
}

row script_instance::input(std::size_t i) noexcept { return row_of(state_->input, i, state_->program->options.input.dtype); }

void script_instance::compute(std::size_t n) {
  const c10::InferenceMode no_gradients;  // of this thread only, so once for each batch
  drop_output();
  try {
    const std::size_t padded = state_->pad(n);
    if (state_->stream) state_->compute_on_stream(padded);
    else state_->compute_here(padded);
  } catch (const error&) {
    throw;
  } catch (const std::exception& e) {
    throw state_->program->refusal(errc::model_failed, text_of(e), std::current_exception());
  }
  state_->output_type = *from_torch(state_->output.scalar_type());
}

row script_instance::output(std::size_t i) noexcept { return row_of(state_->output, i, state_->output_type); }
void script_instance::drop_output() noexcept { state_->output.reset(); }

}  // namespace catena::torch
