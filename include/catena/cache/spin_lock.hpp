// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The lock of a shard: held for a few dozen instructions, never while code of the user runs.
#include <atomic>
#include <thread>

namespace catena {

/// Spins a little, then lets other threads run: the holder may have lost its processor.
/// \threads  safe
class spin_lock {
 public:
  void lock() noexcept {
    while (taken_.exchange(true, std::memory_order_acquire))
      for (int spins = 0; taken_.load(std::memory_order_relaxed); ++spins) {
        if (spins < 64) pause();
        else std::this_thread::yield();
      }
  }
  void unlock() noexcept { taken_.store(false, std::memory_order_release); }

 private:
  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::atomic<bool> taken_{false};
};

}  // namespace catena
