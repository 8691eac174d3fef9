// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How near models are kept, and how much memory they may hold.
#include <catena/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace catena {

/// How near a model is to answering.
enum class residency_level : std::uint8_t {
  cold,  ///< in its file
  warm,  ///< in host memory, on its way to a device
  hot,   ///< where it is computed
};

/// So much of one memory.
struct memory_use {
  std::string memory = "cpu";  ///< "cpu" for the host's, or a device's by its name: "cuda:0"
  std::size_t bytes = 0;
};

struct residency_options {
  std::vector<memory_use> budgets = {};  ///< what models may hold together, for each memory once; one not named has no bound
  duration patience = std::chrono::seconds(1);     ///< how long a model in use may keep out one that is waited for, 0 to 1 hour
  duration use_window = std::chrono::minutes(1);   ///< over about what time uses count when values are compared, 1 ms to 1 day
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const residency_options& options);

}  // namespace catena
