// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Evicts soon what is asked for only once, and keeps the rest: three first-in-first-out queues.
#include <catena/cache/entry_table.hpp>
#include <catena/cache/ghost_keys.hpp>

#include <algorithm>
#include <array>

namespace catena {

/// One shard's entries. A new one enters the small queue, a tenth of the budget; if it is asked for twice there, or again
/// soon after it was evicted from there, it enters the main queue, where each hit, up to three, earns it another round.
/// A hit moves nothing. `Dropped` as for catena::lru.
/// \threads  unsafe
/// \cost     O(1) per hit; O(1) amortised per put, at most 128 entries of the main queue per eviction; no allocation
/// \source   Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction (SOSP 2023). Differs: bytes
///           count as well as entries, and after 128 second chances in a row the main queue's next entry goes whatever
///           its hits, so that no shard is locked for long.
template <class Value>
class s3_fifo {
 public:
  explicit s3_fifo(cache_limits limits) : limits_(limits), table_(limits.count, 2), ghosts_(limits.count) {}

  /// The value of a live entry, whose hit is counted; null if there is none.
  template <class Dropped>
  [[nodiscard]] const Value* get(const cache_key& key, time_point now, Dropped& dropped) {
    const number i = table_.find(key);
    if (i == table_.none) return nullptr;
    auto& e = table_[i];
    if (e.expires <= now) {
      ++losses_.expired;
      remove(i, dropped);
      return nullptr;
    }
    if (e.hits < most_hits) ++e.hits;
    return &e.value;
  }

  /// Stores an entry in the place of the key's old one, evicting others; false if it is larger than the whole budget.
  template <class Dropped>
  bool put(const cache_key& key, Value value, std::size_t bytes, time_point expires, Dropped& dropped) {
    const number old = table_.find(key);
    const bool known = old != table_.none ? table_[old].queue == main : ghosts_.take(key, table_.size());
    const std::uint8_t hits = old != table_.none ? table_[old].hits : 0;
    if (old != table_.none) remove(old, dropped);
    if (bytes > limits_.bytes) {
      ++losses_.refused;
      return false;
    }
    while (table_.size() >= limits_.count || this->bytes() > limits_.bytes || bytes > limits_.bytes - this->bytes()) evict(dropped);
    const number i = table_.add(key);
    auto& e = table_[i];
    e.value = std::move(value);
    e.bytes = bytes;
    e.expires = expires;
    e.hits = hits;
    enter(known ? main : small, i);
    return true;
  }

  /// False if there is no such entry.
  template <class Dropped>
  bool erase(const cache_key& key, Dropped& dropped) {
    const number i = table_.find(key);
    if (i == table_.none) return false;
    remove(i, dropped);
    return true;
  }

  /// Other limits, no larger in entries than the first ones; evicts what is too much, `most` entries at most. True: the rest fits.
  template <class Dropped>
  bool set_limits(cache_limits limits, std::size_t most, Dropped& dropped) {
    limits_ = limits;
    for (; most > 0 && !fits(); --most) evict(dropped);
    return fits();
  }

  [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return used_[small].bytes + used_[main].bytes; }
  [[nodiscard]] const cache_losses& losses() const noexcept { return losses_; }

 private:
  using number = typename entry_table<Value>::number;
  static constexpr number small = 0;
  static constexpr number main = 1;
  static constexpr std::uint8_t most_hits = 3;
  static constexpr int most_chances = 128;

  [[nodiscard]] bool fits() const noexcept { return size() <= limits_.count && bytes() <= limits_.bytes; }
  void enter(number queue, number i) noexcept {
    auto& e = table_[i];
    e.queue = static_cast<std::uint8_t>(queue);
    ++used_[queue].count;
    used_[queue].bytes += e.bytes;
    table_.push_front(queue, i);
  }
  void leave(number i) noexcept {
    const auto& e = table_[i];
    --used_[e.queue].count;
    used_[e.queue].bytes -= e.bytes;
    table_.unlink(i);
  }
  template <class Dropped>
  void remove(number i, Dropped& dropped) {
    leave(i);
    dropped.push_back(table_.remove(i));
  }

  /// Evicts one entry: of the small queue if that has its tenth or more.
  template <class Dropped>
  void evict(Dropped& dropped) {
    ++losses_.evictions;
    const bool small_is_full = used_[small].count >= std::max<std::size_t>(limits_.count / 10, 1) ||
                               used_[small].bytes >= std::max<std::size_t>(limits_.bytes / 10, 1);
    if (small_is_full || used_[main].count == 0) {
      if (const number i = pick_small(); i != table_.none) {
        ghosts_.add(table_[i].key);
        return remove(i, dropped);
      }
    }
    remove(pick_main(), dropped);
  }

  /// The oldest small entry that was not asked for twice; those before it enter the main queue.
  number pick_small() noexcept {
    while (used_[small].count > 0) {
      const number i = table_.back(small);
      if (table_[i].hits <= 1) return i;
      leave(i);
      table_[i].hits = 0;
      enter(main, i);
    }
    return table_.none;
  }

  /// The oldest main entry without a hit left; those before it pay one for another round.
  number pick_main() noexcept {
    for (int chances = 0;; ++chances) {
      const number i = table_.back(main);
      if (table_[i].hits == 0 || chances == most_chances) return i;
      leave(i);
      --table_[i].hits;
      enter(main, i);
    }
  }

  cache_limits limits_;
  entry_table<Value> table_;
  ghost_keys ghosts_;
  std::array<cache_limits, 2> used_{};
  cache_losses losses_;
};

}  // namespace catena
