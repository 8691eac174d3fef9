// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The entries of one shard by key, and the lists they stand in: what the eviction policies are built on.
#include <catena/cache/hasher.hpp>
#include <catena/time.hpp>

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace catena {

/// What one shard may hold.
struct cache_limits {
  std::size_t count = 0;  ///< entries, 1 to 2^31
  std::size_t bytes = 0;  ///< of all entries together
};

/// What became of entries without anybody asking for it.
struct cache_losses {
  std::uint64_t evictions = 0;  ///< made room for others
  std::uint64_t expired = 0;    ///< were found when their time had passed
  std::uint64_t refused = 0;    ///< larger than the whole budget
};

/// Entries in one array, found through an index of their numbers, linked by their numbers.
///
/// A look-up touches one line of the index and the one line of its entry. Everything is taken up front, so that nothing
/// is moved while a shard is locked; memory of entries that never were is never touched.
/// \threads  unsafe
/// \cost     O(1); linear probing, at most two thirds full, closed up at every removal
template <class Value>
class entry_table {
 public:
  using number = std::uint32_t;

  struct alignas(64) entry {
    cache_key key;
    Value value{};
    time_point expires = no_deadline;
    std::size_t bytes = 0;
    number previous = 0;
    number next = 0;
    std::uint8_t queue = 0;  ///< for a policy with several lists
    std::uint8_t hits = 0;   ///< for a policy that counts
  };

  static constexpr number none = std::numeric_limits<number>::max();

  /// The first `lists` numbers are the ends of as many circular lists.
  entry_table(std::size_t capacity, std::size_t lists) : index_(std::bit_ceil(capacity + capacity / 2 + 1)) {
    entries_.reserve(lists + capacity);
    entries_.resize(lists);
    for (number i = 0; i < lists; ++i) entries_[i].previous = entries_[i].next = i;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] entry& operator[](number i) noexcept { return entries_[i]; }
  [[nodiscard]] const entry& operator[](number i) const noexcept { return entries_[i]; }

  [[nodiscard]] number find(const cache_key& key) const noexcept {
    for (std::size_t at = home(key);; at = after(at)) {
      const slot& s = index_[at];
      if (s.entry == none) return none;
      if (s.tag == tag(key) && entries_[s.entry].key == key) return s.entry;
    }
  }

  /// Adds an entry for a key that has none; it stands in no list yet.
  number add(const cache_key& key) {
    number i = free_;
    if (i != none) {
      free_ = entries_[i].next;
    } else {
      assert(entries_.size() < entries_.capacity());
      i = static_cast<number>(entries_.size());
      entries_.emplace_back();
    }
    entries_[i].key = key;
    std::size_t at = home(key);
    while (index_[at].entry != none) at = after(at);
    index_[at] = {i, tag(key)};
    ++size_;
    return i;
  }

  /// Removes an entry that stands in no list any more, and gives what it held.
  Value remove(number i) noexcept {
    std::size_t hole = home(entries_[i].key);
    while (index_[hole].entry != i) hole = after(hole);
    close_up(hole);
    Value held = std::exchange(entries_[i].value, Value{});
    entries_[i].next = std::exchange(free_, i);
    --size_;
    return held;
  }

  void push_front(number list, number i) noexcept {
    entry& end = entries_[list];
    entries_[i].previous = list;
    entries_[i].next = end.next;
    entries_[end.next].previous = i;
    end.next = i;
  }
  void unlink(number i) noexcept {
    const entry& e = entries_[i];
    entries_[e.previous].next = e.next;
    entries_[e.next].previous = e.previous;
  }
  /// The one that was pushed first; the list itself if it is empty.
  [[nodiscard]] number back(number list) const noexcept { return entries_[list].previous; }

 private:
  struct slot {
    number entry = none;
    std::uint32_t tag = 0;  ///< bits of the key, so that hardly ever an entry is looked at in vain
  };

  static std::uint32_t tag(const cache_key& key) noexcept { return static_cast<std::uint32_t>(key.low >> 32); }
  [[nodiscard]] std::size_t home(const cache_key& key) const noexcept { return key.low & (index_.size() - 1); }
  [[nodiscard]] std::size_t after(std::size_t at) const noexcept { return (at + 1) & (index_.size() - 1); }

  /// Moves what was pushed on by collisions back over the hole, so that a search still ends at the first empty slot.
  void close_up(std::size_t hole) noexcept {
    for (std::size_t at = after(hole); index_[at].entry != none; at = after(at)) {
      const std::size_t wanted = home(entries_[index_[at].entry].key);
      const bool may_move = ((at - wanted) & (index_.size() - 1)) >= ((at - hole) & (index_.size() - 1));
      if (!may_move) continue;
      index_[hole] = index_[at];
      hole = at;
    }
    index_[hole] = {};
  }

  std::vector<slot> index_;
  std::vector<entry> entries_;
  number free_ = none;  ///< linked by `next`
  std::size_t size_ = 0;
};

}  // namespace catena
