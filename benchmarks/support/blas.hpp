// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// For benchmarks that compute tensors in their own process.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

namespace bench {

/// OpenBLAS reads how many threads it may have when it is loaded, before main: the program then begins again.
inline void begin_again_with_one_blas_thread(char** argv) {
  constexpr const char* name = "OPENBLAS_NUM_THREADS";
  const char* value = std::getenv(name);
  if (value && std::strcmp(value, "1") == 0) return;
  ::setenv(name, "1", 1);
  ::execv("/proc/self/exe", argv);
  std::cerr << argv[0] << ": set " << name << " to 1, the program cannot do it itself\n";
  std::exit(1);
}

}  // namespace bench
