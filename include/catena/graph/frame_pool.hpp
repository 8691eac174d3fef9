// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Recycles the frames of a plan's runs, so that a run allocates nothing once the plan is warm.
#include <atomic>
#include <cstddef>
#include <new>

namespace catena::graph {

/// A bounded free list of blocks of one size, the first size asked for; other sizes go to operator new.
/// \threads  safe; a spin lock held for two loads and a store
/// \cost     keeps at most max_kept blocks and max_kept_bytes
class frame_pool {
 public:
  static constexpr std::size_t max_kept = 256;
  static constexpr std::size_t max_kept_bytes = std::size_t{1} << 20;

  frame_pool() = default;
  frame_pool(const frame_pool&) = delete;
  frame_pool& operator=(const frame_pool&) = delete;
  ~frame_pool() {
    while (free_) {
      block* next = free_->next;
      ::operator delete(free_);
      free_ = next;
    }
  }

  [[nodiscard]] void* allocate(std::size_t size) {
    lock();
    if (size_ == 0) size_ = size;
    if (free_ && size == size_) {
      block* taken = free_;
      free_ = taken->next;
      --kept_;
      unlock();
      return taken;
    }
    unlock();
    return ::operator new(size);
  }

  void deallocate(void* memory, std::size_t size) noexcept {
    lock();
    if (size == size_ && kept_ < max_kept && (kept_ == 0 || kept_ * size < max_kept_bytes)) {
      free_ = ::new (memory) block{free_};
      ++kept_;
      unlock();
      return;
    }
    unlock();
    ::operator delete(memory);
  }

 private:
  struct block {
    block* next;
  };
  void lock() noexcept {
    while (lock_.test_and_set(std::memory_order_acquire))
      while (lock_.test(std::memory_order_relaxed)) {
      }
  }
  void unlock() noexcept { lock_.clear(std::memory_order_release); }

  std::atomic_flag lock_;
  block* free_ = nullptr;
  std::size_t kept_ = 0;
  std::size_t size_ = 0;
};

}  // namespace catena::graph
