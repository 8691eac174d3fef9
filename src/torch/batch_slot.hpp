// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Where one batch is computed, and how.
#include "batch_graphs.hpp"
#include "batch_tensors.hpp"
#include "script_program.hpp"

#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

namespace catena::torch {

/// The tensors of one batch. On the CPU it is computed where its rows were written, and read where the model put the outputs.
/// On any other device both are copied through pinned memory, on a stream of its own.
struct batch_slot {
  batch_slot(const script_program& program, std::size_t most_rows);

  /// Waits until all is done that was begun.
  void wait() const;

  /// None: the options want none. They have the stream and go last: who has it next may record while memory of it is given back.
  std::optional<batch_graphs> graphs;
  std::vector<input_tensor> inputs;
  std::vector<output_tensor> outputs;
  std::optional<c10::Stream> stream;   ///< none on the CPU
  std::optional<c10::Event> computed;  ///< the model is done with the batch; none on the CPU
};

/// Calls the model of one instance with batches, one after the other.
class batch_function {
 public:
  explicit batch_function(std::shared_ptr<const script_program> program);

  /// As many rows as a batch may have.
  [[nodiscard]] std::size_t most_rows() const noexcept { return most_rows_; }

  /// The next batch of n rows, padded to an allowed size, in this slot is one of those after which it is recorded.
  [[nodiscard]] bool is_settling(const batch_slot& slot, std::size_t n) const;

  /// Computes the first n rows, padded to an allowed size. On a device this only begins it: the copies of this batch and the
  /// computing of the one before go on at the same time. A device that has no memory for all rows is given less at once from then on.
  /// \errors catena::error: errc::model_failed, model_invalid, shape_mismatch, dtype_mismatch, device_memory
  void begin(batch_slot& slot, std::size_t n, const batch_slot* before);

 private:
  [[nodiscard]] std::vector<at::Tensor> call(const batch_slot& slot, std::size_t from, std::size_t count);
  [[nodiscard]] at::Tensor as_expected(at::Tensor answer, std::size_t i, std::size_t count) const;
  void compute_here(batch_slot& slot, std::size_t n);
  void begin_on_stream(batch_slot& slot, std::size_t n);
  void begin_part(batch_slot& slot, std::size_t n, std::size_t from, std::size_t count);
  [[nodiscard]] const at::Tensor& staged(output_tensor& output, const at::Tensor& answer) const;
  [[nodiscard]] static at::Tensor owned(at::Tensor answer);
  void compute_fewer(std::size_t count, std::size_t before, const std::exception& why);

  const std::shared_ptr<const script_program> program_;
  const std::size_t most_rows_;
  std::size_t at_once_;  ///< rows for which the device has had memory, as far as is known
  tensor_function function_;
};

}  // namespace catena::torch
