// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/brief_mutex.hpp>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "support/catch.hpp"

TEST_CASE("a brief mutex lets one in at a time, those who look and those who sleep", "[concurrency]") {
  constexpr int threads = 4, turns = 2000;
  catena::brief_mutex mutex;
  std::uint64_t counted = 0;  // TSan sees whoever is in it with another one
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&, t] {
      for (int i = 0; i < turns; ++i) {
        const std::lock_guard lock(mutex);
        ++counted;
        // Now and then for so long that those who look lose patience.
        if (i % 500 == t) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  for (std::thread& thread : all) thread.join();
  CHECK(counted == threads * turns);
}

TEST_CASE("who tries a brief mutex that is held goes away, and who sleeps for it is woken", "[concurrency]") {
  catena::brief_mutex mutex;
  mutex.lock();
  CHECK_FALSE(mutex.try_lock());
  std::thread sleeper([&] {
    const std::lock_guard lock(mutex);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  mutex.unlock();
  sleeper.join();
  CHECK(mutex.try_lock());
  mutex.unlock();
}
