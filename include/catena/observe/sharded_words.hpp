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
      if (slot_ == thread_slot::shared) counter.fetch_add(n, std::memory_order_relaxed);
      else counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }

    /// A number that no other thread draws from this word with this slot().
    [[nodiscard]] std::uint64_t draw(std::size_t word) const noexcept {
      const std::atomic_ref counter(words_[word]);
      if (slot_ == thread_slot::shared) return counter.fetch_add(1, std::memory_order_relaxed);
      const std::uint64_t drawn = counter.load(std::memory_order_relaxed);
      counter.store(drawn + 1, std::memory_order_relaxed);
      return drawn;
    }
    [[nodiscard]] std::size_t slot() const noexcept { return slot_; }

   private:
    friend class sharded_words;
    shard(std::uint64_t* words, std::size_t slot) noexcept : words_(words), slot_(slot) {}
    std::uint64_t* words_;
    std::size_t slot_;
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
    return {words, slot};
  }
  /// Of all threads together.
  [[nodiscard]] std::uint64_t sum(std::size_t word) const noexcept;

 private:
  [[nodiscard]] shard made(std::size_t slot) noexcept;

  const std::size_t count_;
  std::array<std::atomic<std::uint64_t*>, thread_slot::count> shards_{};
};

}  // namespace catena::detail
