// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the device says about itself.
#include <chrono>
#include <optional>
#include <string>

namespace cuda {

struct gpu_use {
  double busy_share;  ///< of the time, in which it computed
  /// The most that was taken of its memory, by everybody: LibTorch keeps what it once took, and says how much it needed only to
  /// those who include CUDA's headers.
  double memory_mb;
};

/// Since then. Nothing where the device does not say, as a CPU.
[[nodiscard]] std::optional<gpu_use> gpu_use_since(std::chrono::steady_clock::time_point began, const std::string& device);

}  // namespace cuda
