// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Batches that end on a thread of their own.
#include <catena/model.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

namespace catena::test {

/// Batches that another thread ends, in the order in which they came; a row that is a multiple of 97 is bad.
class ended_elsewhere {
 public:
  ended_elsewhere() : thread_([this] { end_all(); }) {}
  ~ended_elsewhere() {
    stopping_ = true;
    thread_.join();
  }
  void take(batch<int, int>&& b) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(b));
  }
  [[nodiscard]] static bool is_bad(int row) { return row % 97 == 0; }

 private:
  void end_all() {
    std::mt19937 random(7);
    while (!stopping_) {
      std::optional<batch<int, int>> b = next();
      if (!b) {
        std::this_thread::yield();
        continue;
      }
      if (random() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(20));
      b->gather();
      for (std::size_t i = 0; i < b->size(); ++i) {
        if (is_bad(b->input(i))) b->fail(i, failure(errc::model_failed, "bad"));
        else b->answer(i, 2 * b->input(i));
      }
      b->done();
    }
  }
  std::optional<batch<int, int>> next() {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return std::nullopt;
    batch<int, int> b = std::move(waiting_.front());
    waiting_.pop_front();
    return b;
  }

  std::mutex mutex_;
  std::deque<batch<int, int>> waiting_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace catena::test
