// SPDX-License-Identifier: BSL-1.0
#include "gpu.hpp"

#include <catena/device/gpu_monitor.hpp>

#include <algorithm>
#include <cstdint>

namespace cuda {

std::optional<gpu_use> gpu_use_of(const std::string& device) {
  if (!device.starts_with("cuda")) return std::nullopt;
  static const catena::gpu_monitor gpus;
  const std::uint32_t index = device.starts_with("cuda:") ? static_cast<std::uint32_t>(std::stoul(device.substr(5))) : 0;
  const auto readings = gpus.read();
  const auto found = std::ranges::find(readings, index, &catena::gpu_reading::index);
  if (found == readings.end() || !found->compute_utilisation || !found->memory_used_bytes) return std::nullopt;
  return gpu_use{*found->compute_utilisation, static_cast<double>(*found->memory_used_bytes) / 1e6};
}

}  // namespace cuda
