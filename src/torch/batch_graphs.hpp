// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// When batches are recorded, and when they are replayed.
#include "graph_recorder.hpp"
#include "loaded_model.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

namespace catena::torch {

/// The sizes that cannot be recorded, as one slot of the model has found out for all.
/// \threads safe
class unrecorded_sizes {
 public:
  [[nodiscard]] bool has(std::size_t rows) const;
  /// \return whether it is new
  bool add(std::size_t rows);

 private:
  mutable std::mutex mutex_;
  std::set<std::size_t> sizes_;
};

/// The graphs of one batch_slot, one for each number of rows. Another slot has graphs of its own: what is recorded are addresses.
class batch_graphs {
 public:
  /// TorchScript watches the first call and compiles for the second, and what the third one runs is what will be run for good. By
  /// then libraries like cuBLAS have the memory that they keep for this stream.
  static constexpr int calls_until_settled = 3;

  batch_graphs(std::unique_ptr<graph_recorder> recorder, std::shared_ptr<unrecorded_sizes> unrecorded, model_log say);

  [[nodiscard]] c10::Stream stream() const { return recorder_->stream(); }
  /// Replays a batch of so many rows, or calls the model. The call that shows it settled is recorded right after it was computed,
  /// by the same thread: libraries keep handles for each. What cannot be recorded is called each time, and the log says so.
  /// \errors as call()
  [[nodiscard]] std::vector<at::Tensor> compute(std::size_t rows, const batch_call& call);
  /// A batch of so many rows is neither replayed yet, nor called for good.
  [[nodiscard]] bool is_settling(std::size_t rows) const;

 private:
  struct of_size {
    int calls = 0;
    std::unique_ptr<recorded_graph> graph;
  };

  void record(std::size_t rows, of_size& to, const batch_call& call);

  std::unique_ptr<graph_recorder> recorder_;
  std::shared_ptr<unrecorded_sizes> unrecorded_;
  model_log say_;
  std::map<std::size_t, of_size> sizes_;
};

}  // namespace catena::torch
