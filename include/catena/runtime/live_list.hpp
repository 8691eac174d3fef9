// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Who is alive, for somebody who wants to look.
#include <catena/observe/thread_slot.hpp>
#include <catena/runtime/brief_mutex.hpp>

#include <array>
#include <cstddef>
#include <mutex>

namespace catena {

/// One that is in a live_list, a part of it.
struct live_node {
  live_node* previous = nullptr;
  live_node* next = nullptr;
  std::size_t part = not_listed;
  static constexpr std::size_t not_listed = static_cast<std::size_t>(-1);
};

/// In several parts, so that threads seldom meet.
/// \threads  safe; who is looked at does not leave meanwhile
/// \cost     add() and remove(): an uncontended lock each
class live_list {
 public:
  void add(live_node& n) noexcept {
    n.part = catena::detail::thread_slot::mine() % parts_.size();
    part& p = parts_[n.part];
    const std::lock_guard lock(p.mutex);
    n.previous = p.last;
    (p.last ? p.last->next : p.first) = &n;
    p.last = &n;
  }
  void remove(live_node& n) noexcept {
    if (n.part == live_node::not_listed) return;
    part& p = parts_[n.part];
    const std::lock_guard lock(p.mutex);
    (n.previous ? n.previous->next : p.first) = n.next;
    (n.next ? n.next->previous : p.last) = n.previous;
    n.part = live_node::not_listed;
  }
  /// Calls look(node) for those that are there longest, so many of each part. Those who would leave meanwhile wait for it.
  template <class Look>
  void look(std::size_t most_of_part, Look look_at) {
    for (part& p : parts_) {
      const std::lock_guard lock(p.mutex);
      std::size_t left = most_of_part;
      for (live_node* n = p.first; n && left != 0; n = n->next, --left) look_at(*n);
    }
  }

 private:
  struct alignas(64) part {
    brief_mutex mutex;
    live_node* first = nullptr;
    live_node* last = nullptr;
  };
  std::array<part, 16> parts_;
};

}  // namespace catena
