// SPDX-License-Identifier: BSL-1.0
#include "batch_slot.hpp"
#include "tensor_spec.hpp"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace catena::torch {
namespace {

/// The next smaller number of rows that may be computed at once; zero: there is none.
std::size_t fewer_than(std::size_t count, const std::vector<std::size_t>& allowed) {
  if (allowed.empty()) return count / 2;
  const auto same = std::ranges::lower_bound(allowed, count);
  return same == allowed.begin() ? 0 : *std::prev(same);
}

}  // namespace

batch_slot::batch_slot(const script_program& program, std::size_t most_rows) {
  const c10::Device& device = program.device;
  if (program.options.graphs != graph_use::none)
    graphs.emplace(recorder_of(device.type())(device), program.unrecorded, program.say);
  const auto given = graphs ? rows_given::where_written_rows_lie : rows_given::where_they_lie;
  for (const input_options& spec : program.inputs) inputs.emplace_back(spec, device, most_rows, given);
  outputs.resize(program.outputs.size());
  if (device.is_cpu()) return;
  stream = graphs ? graphs->stream() : c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
  computed.emplace(device.type());
}

void batch_slot::wait() const {
  if (stream) stream->synchronize();
}

batch_function::batch_function(std::shared_ptr<const script_program> program)
    : program_(std::move(program)),
      most_rows_(padded_size(program_->options.batch, program_->options.batch.max_size)),
      at_once_(most_rows_),
      function_(program_->model->make_function()) {}

void batch_function::begin(batch_slot& slot, std::size_t n, const batch_slot* before) {
  const std::size_t padded = padded_size(program_->options.batch, n);
  for (input_tensor& input : slot.inputs) input.pad(n, padded);
  if (!slot.stream) return compute_here(slot, padded);
  const c10::StreamGuard on_stream(*slot.stream);
  try {
    for (input_tensor& input : slot.inputs) input.send(padded);
    if (before) before->computed->block(*slot.stream);
    begin_on_stream(slot, padded);
  } catch (...) {
    slot.wait();  // what has begun reads the rows, and the next batch is written there
    throw;
  }
}

bool batch_function::is_settling(const batch_slot& slot, std::size_t n) const {
  const std::size_t padded = padded_size(program_->options.batch, n);
  return slot.graphs && padded <= at_once_ && slot.graphs->is_settling(padded);
}

void batch_function::compute_here(batch_slot& slot, std::size_t n) {
  for (input_tensor& input : slot.inputs) input.send(n);
  std::vector<at::Tensor> answers = call(slot, 0, n);
  for (std::size_t i = 0; i < answers.size(); ++i)
    slot.outputs[i].rows = program_->outputs[i].stays ? owned(std::move(answers[i])) : answers[i].to(c10::kCPU).contiguous();
}

/// The last part may have rows of the one before once more, so that it has an allowed size.
void batch_function::begin_on_stream(batch_slot& slot, std::size_t n) {
  const std::size_t before = at_once_;
  for (std::size_t done = 0; done < n;) {
    const std::size_t count = std::min(at_once_, n);
    const std::size_t from = std::min(done, n - count);
    try {
      begin_part(slot, n, from, count);
      done = from + count;
    } catch (const error&) {
      throw;
    } catch (const std::exception& e) {
      if (!is_out_of_memory(e)) throw;
      compute_fewer(count, before, e);
      for (input_tensor& input : slot.inputs) input.send(n);  // the model may have written there
    }
  }
}

void batch_function::begin_part(batch_slot& slot, std::size_t n, std::size_t from, std::size_t count) {
  std::vector<at::Tensor> answers =
      slot.graphs && count == n ? slot.graphs->compute(n, [this, &slot, n] { return call(slot, 0, n); }) : call(slot, from, count);
  for (at::Tensor& answer : answers) answer = owned(std::move(answer));
  slot.computed->record(*slot.stream);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    at::Tensor& rows = slot.outputs[i].rows;
    if (program_->outputs[i].stays && count == n) {
      rows = answers[i];
      continue;
    }
    if (from == 0) rows = program_->outputs[i].stays ? at::empty(rows_of(n, sizes_of(answers[i]).subspan(1)), answers[i].options())
                                                     : first(staged(slot.outputs[i], answers[i]), n);
    some_rows(rows, from, count).copy_(answers[i], /*non_blocking=*/true);
  }
}

/// Memory to which the device copies answers like this one.
const at::Tensor& batch_function::staged(output_tensor& output, const at::Tensor& answer) const {
  const auto shape = sizes_of(answer).subspan(1);
  at::Tensor& memory = output.staged;
  if (!memory.defined() || memory.scalar_type() != answer.scalar_type() || !std::ranges::equal(sizes_of(memory).subspan(1), shape))
    memory = staging(program_->device, rows_of(most_rows_, shape), answer.scalar_type());
  return memory;
}

/// A model may answer what it was given, or what it keeps, and a graph what it always answers: the next batch writes there.
at::Tensor batch_function::owned(at::Tensor answer) {
  const bool is_shared = answer.use_count() > 1 || answer.storage().use_count() > 1;
  return is_shared ? answer.clone(c10::MemoryFormat::Contiguous) : answer.contiguous();
}

void batch_function::compute_fewer(std::size_t count, std::size_t before, const std::exception& why) {
  at_once_ = fewer_than(count, program_->options.batch.allowed_sizes);
  const std::string of = "device '" + program_->device.str() + "' has no memory for " + std::to_string(count) + " rows at once";
  if (at_once_ == 0) {
    at_once_ = before;
    throw program_->refusal(errc::device_memory, of + ": " + text_of(why), std::current_exception());
  }
  program_->say(log_level::warning, of + ", and is given " + std::to_string(at_once_) + " from now on");
}

/// Checks what was answered against what is expected of output i.
at::Tensor batch_function::as_expected(at::Tensor answer, std::size_t i, std::size_t count) const {
  if (program_->options.compute_in != precision::as_saved &&
      (answer.scalar_type() == c10::kHalf || answer.scalar_type() == c10::kBFloat16))
    answer = answer.to(c10::kFloat);
  const output_options& expected = program_->outputs[i];
  const misfit found = misfit_of(answer, count, expected);
  if (found.what == misfit::of::nothing) return answer;
  const std::string as = expected.name.empty() ? "" : "output '" + expected.name + "' with ";
  throw program_->refusal(found.what == misfit::of::shape ? errc::shape_mismatch : errc::dtype_mismatch,
                          "method '" + program_->options.method + "' answered " + as + found.text);
}

/// Called with whatever precision it computes in.
std::vector<at::Tensor> batch_function::call(const batch_slot& slot, std::size_t from, std::size_t count) {
  const precision wanted = program_->options.compute_in;
  std::vector<at::Tensor> given;
  for (const input_tensor& input : slot.inputs) {
    at::Tensor rows = input.rows(from, count);
    if (count < input.sent()) rows = rows.clone();  // rows may be computed twice, and the model may write there
    if (wanted != precision::as_saved && rows.is_floating_point())
      rows = rows.to(wanted == precision::float16 ? c10::kHalf : c10::kBFloat16);
    given.push_back(std::move(rows));
  }
  std::vector<at::Tensor> answers = function_(given);
  if (answers.size() != slot.outputs.size())
    throw program_->refusal(errc::model_invalid, "method '" + program_->options.method + "' answered " + std::to_string(answers.size()) +
                                                     " tensors, expected " + std::to_string(slot.outputs.size()));
  for (std::size_t i = 0; i < answers.size(); ++i) answers[i] = as_expected(std::move(answers[i]), i, count);
  return answers;
}

}  // namespace catena::torch
