// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The seam between catena and Torch: one instance of a TorchScript model, with its tensors behind a pointer.
#include <catena/torch/row.hpp>
#include <catena/torch/script_options.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace catena::torch {

/// One copy of a model's state with the tensors of one batch. The weights are shared by all instances of a model.
/// \threads  one at a time; which one does not matter
class script_instance {
 public:
  /// Loads or compiles the model once, and makes options.instances of it.
  /// \errors catena::error: errc::model_not_found, model_invalid, device_unavailable; std::invalid_argument: a bad option
  [[nodiscard]] static std::vector<script_instance> load(const script_options& options);

  script_instance(script_instance&&) noexcept;
  script_instance& operator=(script_instance&&) noexcept;
  ~script_instance();

  /// Row i of the next batch, 0 <= i < max_size.
  [[nodiscard]] row input(std::size_t i) noexcept;
  /// Computes the first n rows, padded to an allowed size.
  /// \errors catena::error: errc::model_failed, model_invalid, shape_mismatch, dtype_mismatch
  void compute(std::size_t n);
  /// Row i of what compute() answered, until drop_output().
  [[nodiscard]] row output(std::size_t i) noexcept;
  /// Gives the output's memory back.
  void drop_output() noexcept;

 private:
  struct state;
  explicit script_instance(std::unique_ptr<state> s) noexcept;
  std::unique_ptr<state> state_;
};

}  // namespace catena::torch
