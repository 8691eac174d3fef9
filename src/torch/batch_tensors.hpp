// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The tensors that the rows of a batch lie in.
#include "torch.hpp"

#include <catena/torch/row.hpp>
#include <catena/torch/script_options.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace catena::torch {

/// The first rows of a tensor.
[[nodiscard]] at::Tensor first(const at::Tensor& t, std::size_t n);

/// A tensor in host memory from which, and to which, a device can copy by itself. CUDA's must be pinned for that; LibTorch 1.13
/// pins for no other kind of device, and throws where there is no CUDA.
[[nodiscard]] at::Tensor staging(const c10::Device& device, const std::vector<std::int64_t>& sizes, c10::ScalarType type);

/// A view of row i of a contiguous tensor in host memory.
[[nodiscard]] row row_of(const at::Tensor& t, std::size_t i, dtype type);

/// The rows of one input in host memory, and in the device's.
class input_tensor {
 public:
  input_tensor(const input_options& spec, const c10::Device& device, std::size_t most_rows);

  [[nodiscard]] const input_options& spec() const noexcept { return spec_; }
  [[nodiscard]] row at(std::size_t i) const;
  /// Row i, where row 0 says the shape of all.
  [[nodiscard]] row at(std::size_t i, std::span<const std::int64_t> said);

  /// Makes rows of copies of the first one, which is computed anyway: what earlier batches left might be what the model throws at.
  void pad(std::size_t from, std::size_t to);
  /// Of the first n rows.
  [[nodiscard]] std::vector<std::int64_t> sizes(std::size_t n) const;
  /// The first n rows, where the model computes.
  [[nodiscard]] at::Tensor rows(std::size_t n);
  /// The next batch says the extents that are open.
  void next_batch() noexcept;

  /// For a dry run: extents that may be any are 16.
  void fill_with_ones();
  void clear();

 private:
  void expect_shaped() const;
  void shape(std::span<const std::int64_t> row_shape);

  input_options spec_;
  c10::Device device_;
  std::size_t most_rows_;
  at::Tensor memory_;     ///< flat, as long as `host_` was at its largest
  at::Tensor host_;       ///< [most_rows, shape...]
  at::Tensor on_device_;  ///< the same on the device; undefined on the CPU
  bool is_shaped_ = false;
};

/// The rows of one output, contiguous, in host memory.
struct output_tensor {
  at::Tensor staged;  ///< [most_rows, ...], to which a device copies; undefined on the CPU
  at::Tensor rows;    ///< of the last batch
  catena::torch::dtype type = dtype::float32;
};

}  // namespace catena::torch
