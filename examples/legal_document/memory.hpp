// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Keeping the resident memory of a long run bounded.

namespace legal {

/// Call it once, first of all. glibc 2.36 to 2.38 fail to reuse most of the blocks that LibTorch frees (its tensors are
/// aligned, and posix_memalign splits the heap into pieces too small for the next one), so that a text of 10 MB took
/// more than 1 GB. Blocks from 128 KB on come straight from the system after this call, and go back there; other C
/// libraries are left alone.
void keep_memory_bounded() noexcept;

}  // namespace legal
