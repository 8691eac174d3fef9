// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How busy, full and hot the GPUs of this machine are, as NVIDIA's management library NVML says, which may be absent.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace catena {

namespace detail {
class nvml;
}

struct gpu_monitor_options {
  std::string library = "libnvidia-ml.so.1";  ///< a path, or a name that the dynamic linker looks for; not empty
};

/// \errors std::invalid_argument naming the member that is out of range
void check(const gpu_monitor_options& options);

/// One GPU at one moment. A figure that its driver does not have is missing, such as the utilisation of a GPU that MIG divides.
struct gpu_reading {
  std::uint32_t index = 0;  ///< as NVML counts: not as CUDA does, and after a reboot it may be another GPU's
  std::string name;         ///< of the product
  std::string uuid;         ///< of this GPU for ever, also in CUDA_VISIBLE_DEVICES
  /// In which share of the driver's last sample period (1/6 s to 1 s) something was computed, and device memory was read or
  /// written: 0 to 1. One small kernel after the other is 1, too.
  std::optional<double> compute_utilisation;
  std::optional<double> memory_utilisation;
  std::optional<std::uint64_t> memory_used_bytes;  ///< by all processes, and by the driver itself
  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<int> temperature_celsius;
  std::string fault;        ///< why something could not be read, such as that the GPU is lost; empty: nothing went wrong
};

/// Reads what the GPUs are doing. NVML is loaded at run time, so a program that watches GPUs runs where there is none, and then
/// reads nothing:
///
///     const gpu_monitor gpus;
///     if (!gpus.is_available()) log(gpus.why_not());
///     for (const gpu_reading& gpu : gpus.read()) ...
///
/// A driver that is loaded later is seen by monitors that are made later.
/// \threads   safe
/// \lifetime  a cheap shared handle; NVML is shut down when the last handle of the last monitor has gone
/// \cost      to make one: up to seconds where the driver has to wake its GPUs; to read: calls of the driver, up to milliseconds
///            for each GPU. Both are for a thread that may wait, not for a busy executor's
class gpu_monitor {
 public:
  /// \errors std::invalid_argument: an option is out of range. An absent library is no error
  explicit gpu_monitor(const gpu_monitor_options& options = {});

  [[nodiscard]] bool is_available() const noexcept { return library_ != nullptr; }
  /// In words: no library, one that is not NVML, or what NVML says, such as that the driver is not loaded or is of another
  /// version. Empty: it is available.
  [[nodiscard]] const std::string& why_not() const noexcept { return why_not_; }

  /// All GPUs that this process may see, as they are now, in NVML's order. None: there is none, or it is not available.
  [[nodiscard]] std::vector<gpu_reading> read() const;

 private:
  std::shared_ptr<const detail::nvml> library_;  ///< null: it is not available
  std::string why_not_;
};

}  // namespace catena
