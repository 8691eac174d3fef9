// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is expected of tensors, and what they are.
#include "torch.hpp"

#include <catena/torch/script_options.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace catena::torch {

[[nodiscard]] inline std::span<const std::int64_t> sizes_of(const at::Tensor& t) { return {t.sizes().data(), t.sizes().size()}; }

/// Of what lies on a device, as kept_row says it.
[[nodiscard]] inline std::uint32_t locality_of(const c10::Device& device) {
  return device.is_cpu() ? 0 : static_cast<std::uint32_t>(device.index()) + 1;
}

/// [n, shape...]
[[nodiscard]] std::vector<std::int64_t> rows_of(std::size_t n, std::span<const std::int64_t> shape);

[[nodiscard]] bool is_open(std::span<const std::int64_t> shape);
/// Whether a shape is as expected, where any_extent is any extent.
[[nodiscard]] bool fits(std::span<const std::int64_t> shape, std::span<const std::int64_t> expected);

/// Nothing, or why the answer to a batch of n is not as expected: "shape [1, 1], expected [1, 10]".
struct misfit {
  enum class of { nothing, shape, dtype } what = of::nothing;
  std::string text = {};
};
[[nodiscard]] misfit misfit_of(const at::Tensor& answer, std::size_t n, const output_options& expected);

}  // namespace catena::torch
