// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Counters of which each thread has its own.
#include <catena/observe/thread_slot.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace catena::detail {

/// So many counters, which only grow. Each thread counts in its own; only threads that share a thread_slot pay for an atomic
/// addition. What a thread counts in for the first time is allocated then.
/// \threads  safe; whoever adds up sees each counter as it was at some moment during that
/// \cost     add(): 1 to 2 ns, no lock; memory for 64 threads at most
class sharded_words {
 public:
  class shard {
   public:
    void add(std::size_t word, std::uint64_t n) const noexcept {
      const std::atomic_ref counter(words_[word]);
      if (is_shared_) counter.fetch_add(n, std::memory_order_relaxed);
      else counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }

   private:
    friend class sharded_words;
    shard(std::uint64_t* words, bool is_shared) noexcept : words_(words), is_shared_(is_shared) {}
    std::uint64_t* words_;
    bool is_shared_;
  };

  explicit sharded_words(std::size_t count);
  sharded_words(const sharded_words&) = delete;
  sharded_words& operator=(const sharded_words&) = delete;
  ~sharded_words();

  /// This thread's. \lifetime  for now: the thread keeps none of it
  [[nodiscard]] shard mine() noexcept {
    const std::size_t slot = thread_slot::mine();
    std::uint64_t* words = shards_[slot].load(std::memory_order_acquire);
    if (!words) [[unlikely]] return made(slot);
    return {words, slot == thread_slot::shared};
  }
  /// Of all threads together.
  [[nodiscard]] std::uint64_t sum(std::size_t word) const noexcept;

 private:
  [[nodiscard]] shard made(std::size_t slot) noexcept;

  const std::size_t count_;
  std::array<std::atomic<std::uint64_t*>, thread_slot::count> shards_{};
};

}  // namespace catena::detail
