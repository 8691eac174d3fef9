// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the device says about itself.
#include <optional>
#include <string>

namespace cuda {

struct gpu_use {
  double busy_share;  ///< of the driver's last sample period, 1/6 s to 1 s, in which something was computed
  /// What is taken of its memory, by everybody: LibTorch keeps what it once took, and says how much it needed only to those who
  /// include CUDA's headers.
  double memory_mb;
};

/// As long as it is measured, or right after. Nothing where the device does not say, as a CPU. GPUs are counted as NVML does, which is
/// as CUDA does where there is one.
[[nodiscard]] std::optional<gpu_use> gpu_use_of(const std::string& device);

}  // namespace cuda
