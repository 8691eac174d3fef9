// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Evicts what was not asked for the longest.
#include <catena/cache/entry_table.hpp>

namespace catena {

/// One shard's entries, the least recently used of which goes first. `Dropped` takes with push_back() the values that
/// leave, for the caller to destroy when it has unlocked the shard.
/// \threads  unsafe
/// \cost     O(1) but for the evictions that a large entry needs; no allocation
template <class Value>
class lru {
 public:
  explicit lru(cache_limits limits) : limits_(limits), table_(limits.count, 1) {}

  /// The value of a live entry, which is now the most recently used; null if there is none.
  template <class Dropped>
  [[nodiscard]] const Value* get(const cache_key& key, time_point now, Dropped& dropped) {
    const number i = table_.find(key);
    if (i == table_.none) return nullptr;
    if (table_[i].expires <= now) {
      ++losses_.expired;
      remove(i, dropped);
      return nullptr;
    }
    if (table_[order].next != i) {
      table_.unlink(i);
      table_.push_front(order, i);
    }
    return &table_[i].value;
  }

  /// Stores an entry in the place of the key's old one, evicting others; false if it is larger than the whole budget.
  template <class Dropped>
  bool put(const cache_key& key, Value value, std::size_t bytes, time_point expires, Dropped& dropped) {
    (void)erase(key, dropped);
    if (bytes > limits_.bytes) {
      ++losses_.refused;
      return false;
    }
    while (table_.size() >= limits_.count || bytes_ > limits_.bytes || bytes > limits_.bytes - bytes_) evict(dropped);
    const number i = table_.add(key);
    auto& e = table_[i];
    e.value = std::move(value);
    e.bytes = bytes;
    e.expires = expires;
    bytes_ += bytes;
    table_.push_front(order, i);
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
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] const cache_losses& losses() const noexcept { return losses_; }

 private:
  using number = typename entry_table<Value>::number;

  [[nodiscard]] bool fits() const noexcept { return table_.size() <= limits_.count && bytes_ <= limits_.bytes; }
  template <class Dropped>
  void evict(Dropped& dropped) {
    ++losses_.evictions;
    remove(table_.back(order), dropped);
  }
  static constexpr number order = 0;  ///< the list, most recently used first

  template <class Dropped>
  void remove(number i, Dropped& dropped) {
    bytes_ -= table_[i].bytes;
    table_.unlink(i);
    dropped.push_back(table_.remove(i));
  }

  cache_limits limits_;
  entry_table<Value> table_;
  std::size_t bytes_ = 0;
  cache_losses losses_;
};

}  // namespace catena
