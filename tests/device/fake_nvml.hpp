// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The GPUs of a library that is called like NVML, as a test says.
#include <atomic>
#include <string>
#include <vector>

namespace catena::test {

/// The codes are NVML's: 0 success, 3 not supported, 9 driver not loaded, 15 GPU is lost, 18 version mismatch.
struct fake_gpu {
  std::string name = "fake";
  std::string uuid = "GPU-0";
  unsigned int compute_percent = 0;
  unsigned int memory_percent = 0;
  unsigned long long total_bytes = 1;
  unsigned long long used_bytes = 0;
  unsigned int celsius = 30;
  unsigned int found = 0;  ///< what is answered to whoever asks for the GPU
  unsigned int told = 0;   ///< and for its name and figures
  unsigned int utilisation_told = 0;
};

/// What the library answers; set before anybody asks.
struct fake_machine {
  std::vector<fake_gpu> gpus;
  unsigned int start_code = 0;
  unsigned int count_code = 0;
  std::atomic<int> starts{0};
  std::atomic<int> users{0};  ///< started, less shut down
};

}  // namespace catena::test
