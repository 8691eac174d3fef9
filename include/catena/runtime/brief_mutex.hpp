// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A mutex for sections that take less time than putting a thread to sleep.
#include <catena/runtime/spin_lock.hpp>

#include <atomic>

namespace catena {

/// A lock() looks for a while whether the holder leaves before it sleeps: between two threads that meet every microsecond the one
/// that comes second would otherwise pay two system calls, and the first one of them. What nobody else wants costs two atomic
/// operations and no call.
/// \cost    while it is contended, up to a few microseconds of looking
/// \source  U. Drepper, "Futexes Are Tricky" (2011), the second mutex
class brief_mutex {
 public:
  void lock() noexcept {
    if (!try_lock()) [[unlikely]]
      look_and_sleep();
  }
  [[nodiscard]] bool try_lock() noexcept {
    int was = is_free;
    return state_.compare_exchange_strong(was, is_held, std::memory_order_acquire, std::memory_order_relaxed);
  }
  void unlock() noexcept {
    if (state_.exchange(is_free, std::memory_order_release) == is_awaited) [[unlikely]]
      state_.notify_one();
  }

 private:
  static constexpr int is_free = 0, is_held = 1, is_awaited = 2;  ///< awaited: held, and perhaps somebody sleeps

  void look_and_sleep() noexcept {
    constexpr int looks = 100;
    for (int i = 0; i < looks; ++i) {
      spin_pause();
      if (state_.load(std::memory_order_relaxed) == is_free && try_lock()) return;
    }
    // Who has slept cannot know whether others still do, and so holds it as though they did.
    while (state_.exchange(is_awaited, std::memory_order_acquire) != is_free) state_.wait(is_awaited, std::memory_order_relaxed);
  }

  std::atomic<int> state_{is_free};
};

}  // namespace catena
