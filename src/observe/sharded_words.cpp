// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/sharded_words.hpp>

#include <cstdlib>
#include <new>

namespace catena::detail {

sharded_words::sharded_words(std::size_t count) : count_(count) {
  // What is not touched takes no memory.
  auto* const words = static_cast<std::uint64_t*>(std::calloc(count_, sizeof(std::uint64_t)));
  if (!words) throw std::bad_alloc();
  shards_[thread_slot::shared].store(words, std::memory_order_relaxed);
}

sharded_words::~sharded_words() {
  for (auto& words : shards_) std::free(words.load(std::memory_order_relaxed));
}

/// Where there is no memory, it counts together with others.
sharded_words::shard sharded_words::made(std::size_t slot) noexcept {
  auto* const words = static_cast<std::uint64_t*>(std::calloc(count_, sizeof(std::uint64_t)));
  if (!words) return {shards_[thread_slot::shared].load(std::memory_order_relaxed), thread_slot::shared};
  shards_[slot].store(words, std::memory_order_release);  // nobody else has this slot
  return {words, slot};
}

std::uint64_t sharded_words::sum(std::size_t word) const noexcept {
  std::uint64_t all = 0;
  for (const auto& each : shards_)
    if (std::uint64_t* const words = each.load(std::memory_order_acquire)) all += std::atomic_ref(words[word]).load(std::memory_order_relaxed);
  return all;
}

}  // namespace catena::detail
