// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The seam between catena and Torch: one instance of a model, with its tensors behind a pointer.
#include <catena/log.hpp>
#include <catena/torch/row.hpp>
#include <catena/torch/script_options.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace catena::torch {

/// A model that is loaded: what its instances share.
struct script_program;

/// Writes a loaded model, and its manifest beside it, for LibTorch on any machine. Both appear whole or not at all.
/// \errors catena::error: errc::model_invalid: LibTorch cannot write it; std::system_error: the files cannot be written
void save(const script_program& program, const std::string& file);

/// One copy of a model's state with the tensors of one batch. The weights are shared by all instances of a model.
/// \threads  one at a time; which one does not matter
class script_instance {
 public:
  /// Loads or compiles the model once, and makes options.instances of it.
  /// \errors catena::error: errc::model_not_found, model_invalid, device_unavailable, unsupported, shape_mismatch, dtype_mismatch;
  ///         std::invalid_argument: a bad option
  [[nodiscard]] static std::vector<script_instance> load(const script_options& options, const log_hook& log = nullptr);

  script_instance(script_instance&&) noexcept;
  script_instance& operator=(script_instance&&) noexcept;
  ~script_instance();

  [[nodiscard]] std::shared_ptr<const script_program> program() const noexcept;

  /// \errors catena::error: errc::invalid_input: there is none of this name
  [[nodiscard]] std::size_t find_input(std::string_view name) const;
  [[nodiscard]] std::size_t find_output(std::string_view name) const;

  /// Row i of the next batch, 0 <= i < max_size, in one of the inputs.
  /// \errors catena::error: errc::shape_mismatch: its shape is open, and has not been said
  [[nodiscard]] row input(std::size_t tensor, std::size_t i);
  /// The same, with the extents that the options leave open. Those of row 0 are those of the batch.
  /// \errors catena::error: errc::shape_mismatch: not what the options say, or not what row 0 said
  [[nodiscard]] row input(std::size_t tensor, std::size_t i, std::span<const std::int64_t> shape);
  /// Computes the first n rows, padded to an allowed size.
  /// \errors catena::error: errc::model_failed, model_invalid, shape_mismatch, dtype_mismatch
  void compute(std::size_t n);
  /// Row i of what compute() answered, until drop_output().
  [[nodiscard]] row output(std::size_t tensor, std::size_t i);
  /// Gives the outputs' memory back.
  void drop_output() noexcept;

 private:
  struct state;
  explicit script_instance(std::unique_ptr<state> s) noexcept;
  std::unique_ptr<state> state_;
};

}  // namespace catena::torch
