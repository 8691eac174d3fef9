// SPDX-License-Identifier: BSL-1.0
#include "batch_graphs.hpp"

#include <array>
#include <string>
#include <utility>

namespace catena::torch {

recorder_factory& recorder_of(c10::DeviceType type) {
  static std::array<recorder_factory, c10::COMPILE_TIME_MAX_DEVICE_TYPES> all = [] {
    decltype(all) made{};
    made[static_cast<std::size_t>(c10::kCUDA)] = cuda_recorder;
    return made;
  }();
  return all.at(static_cast<std::size_t>(type));
}

bool unrecorded_sizes::has(std::size_t rows) const {
  const std::lock_guard lock(mutex_);
  return sizes_.contains(rows);
}

bool unrecorded_sizes::add(std::size_t rows) {
  const std::lock_guard lock(mutex_);
  return sizes_.insert(rows).second;
}

batch_graphs::batch_graphs(std::unique_ptr<graph_recorder> recorder, std::shared_ptr<unrecorded_sizes> unrecorded, model_log say)
    : recorder_(std::move(recorder)), unrecorded_(std::move(unrecorded)), say_(std::move(say)) {}

std::vector<at::Tensor> batch_graphs::compute(std::size_t rows, const batch_call& call) {
  of_size& of = sizes_[rows];
  if (of.graph) return of.graph->replay();
  std::vector<at::Tensor> answers = call();
  if (++of.calls >= calls_until_settled && !unrecorded_->has(rows)) record(rows, of, call);
  return answers;
}

void batch_graphs::record(std::size_t rows, of_size& to, const batch_call& call) {
  try {
    to.graph = recorder_->record(call);
  } catch (const std::exception& e) {
    if (unrecorded_->add(rows))
      say_(log_level::warning,
           "batches of " + std::to_string(rows) + " rows cannot be recorded, and are launched kernel by kernel: " + text_of(e));
  }
}

bool batch_graphs::is_settling(std::size_t rows) const {
  const auto of = sizes_.find(rows);
  return !unrecorded_->has(rows) && (of == sizes_.end() || !of->second.graph);
}

}  // namespace catena::torch
