// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How much memory this process has.
#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace catena::test {

/// Sanitizers keep what was freed for a while: there it says nothing.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool resident_bytes_tell = false;
#else
inline constexpr bool resident_bytes_tell = true;
#endif

[[nodiscard]] inline std::size_t resident_bytes() {
  std::size_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace catena::test
