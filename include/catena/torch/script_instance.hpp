// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The seam between catena and Torch: one instance of a model, with its tensors behind a pointer.
#include <catena/log.hpp>
#include <catena/residency/residency_book.hpp>
#include <catena/torch/kept_row.hpp>
#include <catena/torch/row.hpp>
#include <catena/torch/script_options.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace catena::torch {

/// What the instances of one model share: its options, and the loaded model while any of them is hot.
class script_source;

/// A model's archive in host memory.
class host_model;

/// \errors catena::error: errc::model_not_found, device_unavailable; std::invalid_argument: a bad option
[[nodiscard]] std::shared_ptr<script_source> make_source(const script_options& options, const log_hook& log = nullptr);

/// Writes a model, and its manifest beside it, for LibTorch on any machine. Both appear whole or not at all. One that is cold is
/// loaded for it.
/// \errors catena::error: as move_to(), and errc::model_invalid: LibTorch cannot write it; std::system_error: the files cannot
///         be written
void save(script_source& source, const std::string& file);

/// One copy of a model's state with the tensors of its batches, hot or cold. The weights are shared by all instances of a model
/// on one device.
/// \threads  one at a time; which one does not matter
class script_instance {
 public:
  /// As many instances of a model as its options say. They are cold.
  /// \param batches_under_way  of each, 1 on the CPU
  [[nodiscard]] static std::vector<script_instance> make(const std::shared_ptr<script_source>& source, std::size_t batches_under_way);
  /// The same, hot.
  /// \errors as make_source() and move_to()
  [[nodiscard]] static std::vector<script_instance> load(const script_options& options, const log_hook& log = nullptr);

  script_instance(script_instance&&) noexcept;
  script_instance& operator=(script_instance&&) noexcept;
  ~script_instance();

  /// The first instance to become hot loads the model, and the last to leave gives it back. One on a device is warm while
  /// its archive is in host memory.
  /// \errors catena::error: errc::model_not_found, model_invalid, device_unavailable, unsupported, shape_mismatch, dtype_mismatch
  void move_to(residency_level level);
  /// As far as it is known before it is loaded: the file's size for the first instance on a device, and the rows of its batches
  /// for each.
  [[nodiscard]] residency_book::footprint footprint() const;

  /// Of its device, as kept_row says it.
  [[nodiscard]] std::uint32_t locality() const;

  // What follows is for one that is hot.

  /// \errors catena::error: errc::invalid_input: there is none of this name
  [[nodiscard]] std::size_t find_input(std::string_view name) const;
  [[nodiscard]] std::size_t find_output(std::string_view name) const;

  /// Row i of the next batch, 0 <= i < max_size, in one of the inputs.
  /// \errors catena::error: errc::shape_mismatch: its shape is open, and has not been said
  [[nodiscard]] row input(std::size_t tensor, std::size_t i);
  /// The same, with the extents that the options leave open. Those of row 0 are those of the batch.
  /// \errors catena::error: errc::shape_mismatch: not what the options say, or not what row 0 said
  [[nodiscard]] row input(std::size_t tensor, std::size_t i, std::span<const std::int64_t> shape);
  /// Lets row i of the next batch be one that another model has answered.
  /// \errors catena::error: errc::shape_mismatch, dtype_mismatch: not what the options say, or not of row 0's shape
  void give(std::size_t tensor, std::size_t i, const kept_row& from);
  /// Computes the first n rows, padded to an allowed size.
  /// \errors catena::error: errc::model_failed, model_invalid, shape_mismatch, dtype_mismatch, device_memory
  void compute(std::size_t n);
  /// How many extents the options say for warm-up; one where no extent is open.
  [[nodiscard]] std::size_t warm_up_shapes() const noexcept;
  /// Computes n rows of ones, in one of those shapes.
  /// \errors as compute()
  void warm_up(std::size_t n, std::size_t shape);

  /// Begins to compute the first n rows on a device, and the rows of the next batch may be written. There must be no more
  /// batches under way than make() was told, the last of them being read.
  /// \return  its number, for when_computed
  /// \errors  as compute()
  [[nodiscard]] std::size_t begin(std::size_t n);
  /// Calls back, on a thread for that, when what was begun is computed: with what it failed with, or with null, and then its
  /// outputs are read there. Batches are called for in their order.
  void when_computed(std::size_t begun, std::function<void(std::exception_ptr)> then);

  /// Row i of what was computed, until drop_output().
  /// \errors catena::error: errc::invalid_input: it stays on its device
  [[nodiscard]] row output(std::size_t tensor, std::size_t i);
  /// \errors catena::error: errc::invalid_input: it does not stay
  [[nodiscard]] kept_row keep(std::size_t tensor, std::size_t i);
  /// Gives the outputs' memory back.
  void drop_output() noexcept;

 private:
  struct state;
  script_instance(std::shared_ptr<script_source> source, std::size_t index, std::size_t slots) noexcept;
  void become_hot();
  /// Its place among the options' devices.
  [[nodiscard]] std::size_t device() const noexcept;
  [[nodiscard]] bool is_first_there() const noexcept;

  std::shared_ptr<script_source> source_;
  std::size_t index_;             ///< among the model's instances
  std::size_t slots_;             ///< for batches under way
  std::shared_ptr<const host_model> host_;  ///< of the first instance on a device that is warm
  std::unique_ptr<state> state_;            ///< null: it is not hot
};

}  // namespace catena::torch
