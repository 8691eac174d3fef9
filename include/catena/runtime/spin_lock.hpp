// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A lock for a few instructions at a time, where sleeping would cost a thousand times as much.
#include <atomic>
#include <thread>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace catena {

/// Tells the processor that this thread waits for another one.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// A Lockable that spins, and yields when the holder seems to have lost its core. Hold it for nanoseconds, over no call that
/// may block, and over no code of the user's.
class spin_lock {
 public:
  void lock() noexcept {
    for (int tries = 0; held_.exchange(true, std::memory_order_acquire); ++tries)
      while (held_.load(std::memory_order_relaxed)) {
        if (++tries < 64) spin_pause();
        else std::this_thread::yield();
      }
  }
  [[nodiscard]] bool try_lock() noexcept { return !held_.exchange(true, std::memory_order_acquire); }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

}  // namespace catena
