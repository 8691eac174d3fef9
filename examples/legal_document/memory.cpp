// SPDX-License-Identifier: BSL-1.0
#include "memory.hpp"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace legal {

void keep_memory_bounded() noexcept {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);  // naming it also stops glibc from raising it on its own
#endif
}

}  // namespace legal
