// SPDX-License-Identifier: BSL-1.0
#include "batch_slot.hpp"
#include "content_hash.hpp"
#include "manifest_file.hpp"
#include "stream_waiter.hpp"
#include "tensor_spec.hpp"

#include <catena/torch/script_instance.hpp>

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <filesystem>
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

struct script_instance::state {
  std::shared_ptr<const script_program> program;
  batch_function function;
  std::vector<batch_slot> slots;          ///< more than one: batches are computed while others are written and read
  std::size_t writes = 0;                 ///< the slot of the next batch
  std::size_t reads = 0;                  ///< the slot of the batch whose answers are read
  const batch_slot* last = nullptr;       ///< that was begun
  std::unique_ptr<stream_waiter> waiter;  ///< where there are several

  state(std::shared_ptr<const script_program> p, std::size_t slot_count) : program(std::move(p)), function(program) {
    for (std::size_t i = 0; i < slot_count; ++i) slots.emplace_back(*program, function.most_rows());
    if (slot_count > 1) waiter = std::make_unique<stream_waiter>();
  }

  std::size_t begin(std::size_t n);
  void finish(std::size_t slot);
  void compute_ones(std::size_t n, std::int64_t open_extent);
  [[nodiscard]] bool answers_no_rows();
  void dry_run();
};

/// \return the slot
std::size_t script_instance::state::begin(std::size_t n) {
  const c10::InferenceMode no_gradients;  // of this thread only, so once for each batch
  const std::size_t slot = writes;
  std::vector<input_tensor>& inputs = slots[slot].inputs;
  try {
    function.begin(slots[slot], n, last);
  } catch (const std::exception& e) {
    for (input_tensor& input : inputs) {
      input.next_batch();
      input.forget();
    }
    if (dynamic_cast<const error*>(&e)) throw;
    throw program->refusal(is_out_of_memory(e) ? errc::device_memory : errc::model_failed, text_of(e), std::current_exception());
  }
  for (input_tensor& input : inputs) input.next_batch();
  last = slots[slot].stream ? &slots[slot] : nullptr;
  writes = (slot + 1) % slots.size();
  return slot;
}

/// Its answers are there to be read.
void script_instance::state::finish(std::size_t slot) {
  reads = slot;
  for (input_tensor& input : slots[slot].inputs) input.forget();
  for (output_tensor& output : slots[slot].outputs) output.type = *from_torch(output.rows.scalar_type());
}

void script_instance::state::compute_ones(std::size_t n, std::int64_t open_extent) {
  std::vector<input_tensor>& inputs = slots[writes].inputs;
  for (input_tensor& input : inputs) input.fill_with_ones(open_extent);
  const std::size_t slot = begin(n);
  slots[slot].wait();
  finish(slot);
  for (input_tensor& input : inputs) input.clear();
}

/// A batch without rows shows types and shapes, and reads no weights. Where operations were fused or weights laid out anew there
/// is code that never meets one, and a device is quick anyway.
bool script_instance::state::answers_no_rows() {
  const script_options& options = program->options;
  if (!program->device.is_cpu() || options.optimise == optimisation::for_inference || options.compute_in != precision::as_saved)
    return false;
  try {
    compute_ones(0, program->options.warm_up_extents.front());
    return true;
  } catch (const error&) {
    return false;  // it may be one that needs rows
  }
}

/// A batch of two tells a model that answers for each row from one that answers once.
void script_instance::state::dry_run() {
  if (answers_no_rows()) return;
  const std::size_t n = padded_size(program->options.batch, std::min<std::size_t>(program->options.batch.max_size, 2));
  try {
    compute_ones(n, program->options.warm_up_extents.front());
  } catch (const error& e) {
    if (!e.why().is(errc::model_failed)) throw;
    std::string given;
    for (const input_tensor& input : slots[writes].inputs)
      given += (given.empty() ? "" : ", ") + std::string(to_string(input.spec().dtype)) + " " + to_string(input.sizes(n));
    throw program->refusal(errc::model_invalid, "a dry run with ones, " + given + ", failed: " + text_of(e.why().cause()),
                           e.why().cause());
  }
}

script_instance::script_instance(std::shared_ptr<script_source> source, std::size_t index, std::size_t slots) noexcept
    : source_(std::move(source)), index_(index), slots_(slots) {}
script_instance::script_instance(script_instance&&) noexcept = default;
script_instance& script_instance::operator=(script_instance&&) noexcept = default;
script_instance::~script_instance() = default;

std::shared_ptr<script_source> make_source(const script_options& options, const log_hook& log) {
  return std::make_shared<script_source>(options, log);
}

std::vector<script_instance> script_instance::make(const std::shared_ptr<script_source>& source, std::size_t batches_under_way) {
  std::vector<script_instance> instances;
  const std::size_t count = source->options().instances * source->device_count();
  for (std::size_t i = 0; i < count; ++i) instances.push_back(script_instance(source, i, batches_under_way));
  return instances;
}

std::vector<script_instance> script_instance::load(const script_options& options, const log_hook& log) {
  std::vector<script_instance> instances = make(make_source(options, log), 1);
  for (script_instance& instance : instances) instance.move_to(residency_level::hot);
  return instances;
}

std::size_t script_instance::device() const noexcept { return index_ % source_->device_count(); }
bool script_instance::is_first_there() const noexcept { return index_ < source_->device_count(); }

std::uint32_t script_instance::locality() const { return locality_of(source_->device(device())); }

void script_instance::move_to(residency_level level) {
  if (level == residency_level::warm && is_first_there() && !host_) host_ = source_->get_host(device());
  if (level != residency_level::hot) state_.reset();
  if (level == residency_level::cold) host_.reset();
  if (level == residency_level::hot && !state_) become_hot();
}

void script_instance::become_hot() {
  const auto program = source_->get(device());
  try {
    state_ = std::make_unique<state>(program, slots_);
  } catch (const c10::Error& e) {
    throw program->refusal(errc::device_memory, "no memory for its batches: " + text_of(e), std::current_exception());
  }
  host_.reset();
  if (!is_first_there() || program->options.check != spec_check::at_load) return;
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
  const std::size_t weights =
      is_first_there() && !options.file.empty() ? static_cast<std::size_t>(std::filesystem::file_size(options.file)) : 0;
  std::size_t bytes = weights;
  const std::size_t rows = padded_size(options.batch, options.batch.max_size);
  for (const input_options& input : inputs_of(options)) {
    std::size_t row_bytes = size_of(input.dtype);
    for (const std::int64_t extent : input.shape) row_bytes *= extent == any_extent ? 0 : static_cast<std::size_t>(extent);
    bytes += slots_ * rows * row_bytes;
  }
  residency_book::footprint all{.hot = {{.memory = source_->device(device()).str(), .bytes = bytes}}};
  if (source_->has_host()) all.warm.push_back({.memory = "cpu", .bytes = weights});
  return all;
}

std::size_t script_instance::warm_up_shapes() const noexcept {
  const script_options& options = source_->options();
  const auto inputs = inputs_of(options);
  const bool varies = std::ranges::any_of(inputs, [](const input_options& input) { return is_open(input.shape); });
  return varies ? options.warm_up_extents.size() : 1;
}

/// Slots take turns, and each of them has graphs of its own: all are recorded before the first request.
void script_instance::warm_up(std::size_t n, std::size_t shape) {
  do state_->compute_ones(n, source_->options().warm_up_extents.at(shape));
  while (state_->function.is_settling(state_->slots[state_->writes], n));
  drop_output();
}

std::size_t script_instance::find_input(std::string_view name) const { return find_tensor("input", state_->program->inputs, name); }
std::size_t script_instance::find_output(std::string_view name) const {
  return find_tensor("output", state_->program->outputs, name);
}

row script_instance::input(std::size_t tensor, std::size_t i) { return state_->slots[state_->writes].inputs.at(tensor).at(i); }
row script_instance::input(std::size_t tensor, std::size_t i, std::span<const std::int64_t> shape) {
  return state_->slots[state_->writes].inputs.at(tensor).at(i, shape);
}

void script_instance::compute(std::size_t n) {
  drop_output();
  const std::size_t slot = state_->begin(n);
  state_->slots[slot].wait();
  state_->finish(slot);
}

std::size_t script_instance::begin(std::size_t n) { return state_->begin(n); }

void script_instance::when_computed(std::size_t slot, std::function<void(std::exception_ptr)> then) {
  state_->waiter->wait(*state_->slots[slot].stream, [of = state_.get(), slot, then = std::move(then)](std::exception_ptr failed) {
    if (!failed) return of->finish(slot), then(nullptr);
    for (input_tensor& input : of->slots[slot].inputs) input.forget();
    for (output_tensor& output : of->slots[slot].outputs) output.reset();
    then(std::make_exception_ptr(of->program->refusal(errc::model_failed, text_of(failed), failed)));
  });
}

void script_instance::give(std::size_t tensor, std::size_t i, const kept_row& from) {
  state_->slots[state_->writes].inputs.at(tensor).give(i, from);
}

row script_instance::output(std::size_t tensor, std::size_t i) {
  const output_tensor& output = state_->slots[state_->reads].outputs.at(tensor);
  if (state_->program->outputs[tensor].stays)
    throw error(failure(errc::invalid_input, "output " + std::to_string(tensor) + " stays on its device: answer output_rows::keep"));
  return row_of(output.rows, i, output.type);
}

kept_row script_instance::keep(std::size_t tensor, std::size_t i) {
  output_tensor& output = state_->slots[state_->reads].outputs.at(tensor);
  if (!state_->program->outputs[tensor].stays)
    throw error(failure(errc::invalid_input, "output " + std::to_string(tensor) + " does not stay on its device: see output_options::stays"));
  const bool is_one_value = output.rows.dim() == 1 && state_->program->outputs[tensor].shape.size() == 1;
  if (!output.kept)
    output.kept = std::make_shared<const kept_tensor>(kept_tensor{is_one_value ? output.rows.unsqueeze(1) : output.rows, output.type});
  return {output.kept, i};
}

void script_instance::drop_output() noexcept {
  for (output_tensor& output : state_->slots[state_->reads].outputs) output.reset();
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
