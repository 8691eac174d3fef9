// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The tensors that the rows of a batch lie in.
#include "kept_tensor.hpp"
#include "torch.hpp"

#include <catena/torch/row.hpp>
#include <catena/torch/script_options.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace catena::torch {

[[nodiscard]] at::Tensor some_rows(const at::Tensor& t, std::size_t from, std::size_t count);
[[nodiscard]] at::Tensor first(const at::Tensor& t, std::size_t n);

/// A tensor in host memory from which, and to which, a device can copy by itself. CUDA's must be pinned for that; LibTorch 1.13
/// pins for no other kind of device, and throws where there is no CUDA.
[[nodiscard]] at::Tensor staging(const c10::Device& device, const std::vector<std::int64_t>& sizes, c10::ScalarType type);

/// A view of row i of a contiguous tensor in host memory.
[[nodiscard]] row row_of(const at::Tensor& t, std::size_t i, dtype type);

/// Where a model takes rows that another one has answered on the same device.
enum class rows_given { where_they_lie, where_written_rows_lie };

/// The rows of one input in host memory, and in the device's.
class input_tensor {
 public:
  input_tensor(const input_options& spec, const c10::Device& device, std::size_t most_rows, rows_given given);

  [[nodiscard]] const input_options& spec() const noexcept { return spec_; }
  /// The sizes of n rows.
  [[nodiscard]] std::vector<std::int64_t> sizes(std::size_t n) const;
  /// Row i in host memory.
  [[nodiscard]] row at(std::size_t i);
  /// The same, where row 0 says the shape of all.
  [[nodiscard]] row at(std::size_t i, std::span<const std::int64_t> said);

  /// Row i is one that another model has answered; row 0 says the shape of all.
  void give(std::size_t i, const kept_row& from);

  /// Makes rows of copies of the first one, which is computed anyway: what earlier batches left might be what the model throws at.
  void pad(std::size_t from, std::size_t to);
  /// Begins to copy the first n rows to where the model computes.
  void send(std::size_t n);
  /// How many rows have been sent.
  [[nodiscard]] std::size_t sent() const { return static_cast<std::size_t>(sent_.size(0)); }
  /// Some of them.
  [[nodiscard]] at::Tensor rows(std::size_t from, std::size_t count) const;
  /// The next batch says the extents that are open.
  void next_batch() noexcept;
  /// What was sent is needed no more.
  void forget() noexcept;

  void fill_with_ones(std::int64_t open_extent);
  void clear();

 private:
  /// Rows that lie in host memory, or one after the other where another model has put them.
  struct piece {
    std::size_t begin, end;
    std::shared_ptr<const kept_tensor> given;  ///< null: in host memory
    std::size_t first = 0;                     ///< of the rows given
  };

  void expect_shaped() const;
  void shape(std::span<const std::int64_t> row_shape);
  [[nodiscard]] std::vector<piece> pieces(std::size_t n) const;
  [[nodiscard]] at::Tensor gathered(std::size_t n);

  input_options spec_;
  c10::Device device_;
  std::size_t most_rows_;
  rows_given taken_;
  at::Tensor memory_;     ///< flat, as long as `host_` was at its largest
  at::Tensor host_;       ///< [most_rows, shape...]
  at::Tensor on_device_;  ///< the same where the model computes; on the CPU this is `host_`
  at::Tensor sent_;       ///< what the model is given
  std::vector<std::optional<kept_row>> given_;  ///< for each row; empty: all are in host memory
  bool is_shaped_ = false;
};

/// The rows of one output, contiguous.
struct output_tensor {
  at::Tensor staged;  ///< [most_rows, ...], to which a device copies; undefined on the CPU
  at::Tensor rows;    ///< of the last batch, in host memory or where it stays
  std::shared_ptr<const kept_tensor> kept;  ///< the same, once a row of it was kept
  catena::torch::dtype type = dtype::float32;

  void reset() noexcept {
    rows.reset();
    kept.reset();
  }
};

}  // namespace catena::torch
