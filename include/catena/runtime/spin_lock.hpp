// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A lock for a few instructions at a time, where sleeping would cost a thousand times as much.
#include <atomic>
#include <thread>

namespace catena {

/// Tells the processor that this thread waits for another one.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// A BasicLockable that spins, and yields when the holder seems to have lost its core. Hold it for nanoseconds, over no call that
/// may block, and over no code of the user's.
class spin_lock {
 public:
  void lock() noexcept {
    while (held_.exchange(true, std::memory_order_acquire))
      for (int tries = 0; held_.load(std::memory_order_relaxed); ++tries) {
        if (tries < 64) spin_pause();
        else std::this_thread::yield();
      }
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

}  // namespace catena
