// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How much memory this process has.
#include <unistd.h>

#include <cstddef>
#include <fstream>

#include "support/sanitized.hpp"

namespace catena::test {

/// Sanitizers keep what was freed for a while: there it says nothing.
inline constexpr bool resident_bytes_tell = !is_sanitized;

[[nodiscard]] inline std::size_t resident_bytes() {
  std::size_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace catena::test
