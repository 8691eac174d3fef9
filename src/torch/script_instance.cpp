// SPDX-License-Identifier: BSL-1.0
#include "batch_tensors.hpp"
#include "content_hash.hpp"
#include "manifest_file.hpp"
#include "script_program.hpp"
#include "tensor_spec.hpp"

#include <catena/torch/script_instance.hpp>

#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace catena::torch {
namespace {

template <class Specs>
std::size_t find_tensor(const char* what, const Specs& specs, std::string_view name) {
  std::string present;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) return i;
    present += (i == 0 ? "'" : ", '") + specs[i].name + "'";
  }
  throw error(failure(errc::invalid_input,
                      std::string("there is no ") + what + " '" + std::string(name) + "'; there is " + present));
}

}  // namespace

/// On the CPU the batch is computed where its rows were written, and read where the model put the outputs. On any other
/// device both are copied through pinned memory, on a stream of the instance's own.
struct script_instance::state {
  std::shared_ptr<const script_program> program;
  tensor_function function;
  std::vector<input_tensor> inputs;
  std::vector<output_tensor> outputs;
  std::optional<c10::Stream> stream;  ///< none on the CPU

  state(std::shared_ptr<const script_program> p, tensor_function f) : program(std::move(p)), function(std::move(f)) {
    for (const input_options& spec : program->inputs) inputs.emplace_back(spec, program->device, most_rows());
    outputs.resize(program->outputs.size());
    if (!program->device.is_cpu())
      stream = c10::impl::VirtualGuardImpl(program->device.type()).getStreamFromGlobalPool(program->device);
  }

  [[nodiscard]] std::size_t most_rows() const { return padded_size(program->options.batch, program->options.batch.max_size); }
  [[nodiscard]] std::size_t pad(std::size_t n);
  [[nodiscard]] std::vector<at::Tensor> call(std::size_t n);
  [[nodiscard]] at::Tensor as_expected(at::Tensor answer, std::size_t i, std::size_t n) const;
  void compute_here(std::size_t n);
  void compute_on_stream(std::size_t n);
  void compute_ones(std::size_t n);
  void dry_run();
};

std::size_t script_instance::state::pad(std::size_t n) {
  const std::size_t padded = padded_size(program->options.batch, n);
  for (input_tensor& input : inputs) input.pad(n, padded);
  return padded;
}

/// Checks what was answered against what is expected of output i.
at::Tensor script_instance::state::as_expected(at::Tensor answer, std::size_t i, std::size_t n) const {
  if (program->options.compute_in != precision::as_saved &&
      (answer.scalar_type() == c10::kHalf || answer.scalar_type() == c10::kBFloat16))
    answer = answer.to(c10::kFloat);
  const output_options& expected = program->outputs[i];
  const misfit found = misfit_of(answer, n, expected);
  if (found.what == misfit::of::nothing) return answer;
  const std::string as = expected.name.empty() ? "" : "output '" + expected.name + "' with ";
  throw program->refusal(found.what == misfit::of::shape ? errc::shape_mismatch : errc::dtype_mismatch,
                         "method '" + program->options.method + "' answered " + as + found.text);
}

/// Called with whatever precision it computes in.
std::vector<at::Tensor> script_instance::state::call(std::size_t n) {
  const precision wanted = program->options.compute_in;
  std::vector<at::Tensor> given;
  for (input_tensor& input : inputs) {
    at::Tensor rows = input.rows(n);
    if (wanted != precision::as_saved && rows.is_floating_point())
      rows = rows.to(wanted == precision::float16 ? c10::kHalf : c10::kBFloat16);
    given.push_back(std::move(rows));
  }
  std::vector<at::Tensor> answers;
  try {
    answers = function(given);
  } catch (const error&) {
    throw;
  } catch (const std::exception& e) {
    throw program->refusal(errc::model_failed, text_of(e), std::current_exception());
  }
  if (answers.size() != outputs.size())
    throw program->refusal(errc::model_invalid, "method '" + program->options.method + "' answered " + std::to_string(answers.size()) +
                                                    " tensors, expected " + std::to_string(outputs.size()));
  for (std::size_t i = 0; i < answers.size(); ++i) answers[i] = as_expected(std::move(answers[i]), i, n);
  return answers;
}

void script_instance::state::compute_here(std::size_t n) {
  std::vector<at::Tensor> answers = call(n);
  for (std::size_t i = 0; i < answers.size(); ++i) outputs[i].rows = answers[i].to(c10::kCPU).contiguous();
}

void script_instance::state::compute_on_stream(std::size_t n) {
  const c10::StreamGuard on_stream(*stream);
  const std::vector<at::Tensor> answers = call(n);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const at::Tensor& answer = answers[i];
    at::Tensor& staged = outputs[i].staged;
    const auto shape = sizes_of(answer).subspan(1);
    if (!staged.defined() || staged.scalar_type() != answer.scalar_type() || !std::ranges::equal(sizes_of(staged).subspan(1), shape))
      staged = staging(program->device, rows_of(most_rows(), shape), answer.scalar_type());
    outputs[i].rows = first(staged, n);
    outputs[i].rows.copy_(answer, /*non_blocking=*/true);
  }
  stream->synchronize();
}

void script_instance::state::compute_ones(std::size_t n) {
  const c10::InferenceMode no_gradients;
  for (input_tensor& input : inputs) input.fill_with_ones();
  if (stream) compute_on_stream(n);
  else compute_here(n);
  for (input_tensor& input : inputs) {
    input.clear();
    input.next_batch();
  }
}

/// A batch of two tells a model that answers for each row from one that answers once.
void script_instance::state::dry_run() {
  const std::size_t n = padded_size(program->options.batch, std::min<std::size_t>(program->options.batch.max_size, 2));
  try {
    compute_ones(n);
  } catch (const error& e) {
    if (!e.why().is(errc::model_failed)) throw;
    std::string given;
    for (const input_tensor& input : inputs)
      given += (given.empty() ? "" : ", ") + std::string(to_string(input.spec().dtype)) + " " + to_string(input.sizes(n));
    throw program->refusal(errc::model_invalid, "a dry run with ones, " + given + ", failed: " + text_of(e.why().cause()),
                           e.why().cause());
  }
}

script_instance::script_instance(std::shared_ptr<script_source> source, std::size_t index) noexcept
    : source_(std::move(source)), index_(index) {}
script_instance::script_instance(script_instance&&) noexcept = default;
script_instance& script_instance::operator=(script_instance&&) noexcept = default;
script_instance::~script_instance() = default;

std::shared_ptr<script_source> make_source(const script_options& options, const log_hook& log) {
  return std::make_shared<script_source>(options, log);
}

std::vector<script_instance> script_instance::make(const std::shared_ptr<script_source>& source) {
  std::vector<script_instance> instances;
  for (std::size_t i = 0; i < source->options().instances; ++i) instances.push_back(script_instance(source, i));
  return instances;
}

std::vector<script_instance> script_instance::load(const script_options& options, const log_hook& log) {
  std::vector<script_instance> instances = make(make_source(options, log));
  for (script_instance& instance : instances) instance.move_to(residency_level::hot);
  return instances;
}

void script_instance::move_to(residency_level level) {
  if (level != residency_level::hot) return state_.reset();
  if (state_) return;
  const auto program = source_->get();
  try {
    state_ = std::make_unique<state>(program, program->model->make_function());
  } catch (const c10::Error& e) {
    throw program->refusal(errc::device_unavailable, "no memory for its batches: " + text_of(e), std::current_exception());
  }
  if (index_ != 0 || program->options.check != spec_check::at_load) return;
  try {
    state_->dry_run();
  } catch (...) {
    state_.reset();
    throw;
  }
  drop_output();
}

residency_book::footprint script_instance::footprint() const {
  const script_options& options = source_->options();
  std::size_t bytes = 0;
  if (index_ == 0 && !options.file.empty()) bytes += static_cast<std::size_t>(std::filesystem::file_size(options.file));
  const std::size_t rows = padded_size(options.batch, options.batch.max_size);
  for (const input_options& input : inputs_of(options)) {
    std::size_t row_bytes = size_of(input.dtype);
    for (const std::int64_t extent : input.shape) row_bytes *= extent == any_extent ? 0 : static_cast<std::size_t>(extent);
    bytes += rows * row_bytes;
  }
  return {.hot = {{.memory = device_of(options).str(), .bytes = bytes}}};
}

void script_instance::warm_up(std::size_t n) {
  state_->compute_ones(n);
  drop_output();
}

std::size_t script_instance::find_input(std::string_view name) const { return find_tensor("input", state_->program->inputs, name); }
std::size_t script_instance::find_output(std::string_view name) const {
  return find_tensor("output", state_->program->outputs, name);
}

row script_instance::input(std::size_t tensor, std::size_t i) { return state_->inputs.at(tensor).at(i); }
row script_instance::input(std::size_t tensor, std::size_t i, std::span<const std::int64_t> shape) {
  return state_->inputs.at(tensor).at(i, shape);
}

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
  for (output_tensor& output : state_->outputs) output.type = *from_torch(output.rows.scalar_type());
  for (input_tensor& input : state_->inputs) input.next_batch();
}

row script_instance::output(std::size_t tensor, std::size_t i) {
  const output_tensor& output = state_->outputs.at(tensor);
  return row_of(output.rows, i, output.type);
}

void script_instance::drop_output() noexcept {
  for (output_tensor& output : state_->outputs) output.rows.reset();
}

void save(script_source& source, const std::string& file) {
  const auto loaded = source.get();
  const script_program& program = *loaded;
  try {
    whole_file out(file);
    program.model->save(out);
    const std::string hash = content_hash(out.temporary());
    out.appear();
    write_manifest(file, {.name = program.options.name,
                          .version = program.options.version,
                          .method = program.options.method,
                          .compute_in = program.options.compute_in,
                          .inputs = program.inputs,
                          .outputs = program.outputs,
                          .content_hash = hash,
                          .libtorch = TORCH_VERSION});
  } catch (const std::system_error&) {
    throw;
  } catch (const std::exception& e) {
    throw program.refusal(errc::model_invalid, "it cannot be saved: " + text_of(e), std::current_exception());
  }
}

}  // namespace catena::torch
