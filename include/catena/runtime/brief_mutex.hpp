// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A mutex for sections that take less time than putting a thread to sleep.
#include <catena/runtime/spin_lock.hpp>

#include <mutex>

namespace catena {

/// A std::mutex whose lock() looks for a while whether the holder leaves before it sleeps: between two threads that meet
/// every microsecond the one that comes second would otherwise pay two system calls, and the first one of them.
/// \cost  while it is contended, up to a few microseconds of looking
class brief_mutex {
 public:
  void lock() {
    constexpr int looks = 100;
    for (int i = 0; i < looks; ++i) {
      if (mutex_.try_lock()) return;
      spin_pause();
    }
    mutex_.lock();
  }
  [[nodiscard]] bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

}  // namespace catena
