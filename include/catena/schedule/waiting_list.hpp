// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Who is before whom among those that wait: higher priority first, within one whoever came first.
#include <catena/call.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace catena::detail {

/// A place in one waiting_list.
template <class T>
struct list_hook {
  T* previous = nullptr;
  T* next = nullptr;
};

/// A list of Ts that it does not own. T has `priority` and `ticket`, the number of its arrival.
/// \cost     O(1), but add() passes those of the same priority that came later; no allocation
/// \threads  unsafe
template <class T, list_hook<T> T::*Hook>
class waiting_list {
 public:
  static constexpr std::size_t lane_count = 4;

  [[nodiscard]] bool empty() const noexcept { return first() == nullptr; }

  /// Null if nobody waits.
  [[nodiscard]] T* first() const noexcept { return first_below(lane_count); }

  /// Who would be served last of all; null if nobody waits.
  [[nodiscard]] T* last() const noexcept {
    for (const lane& l : lanes_)
      if (l.last) return l.last;
    return nullptr;
  }

  /// Who comes after `one`; null if nobody does.
  [[nodiscard]] T* after(const T& one) const noexcept {
    T* next = (one.*Hook).next;
    return next ? next : first_below(lane_of(one));
  }

  /// Whether somebody in the list comes before `one`, who need not be in it.
  [[nodiscard]] bool anyone_before(const T& one) const noexcept {
    const T* top = first();
    return top && top != &one && (lane_of(*top) > lane_of(one) || (lane_of(*top) == lane_of(one) && top->ticket < one.ticket));
  }

  void add(T& one) noexcept {
    lane& to = lanes_[lane_of(one)];
    T* before = to.last;
    while (before && before->ticket > one.ticket) before = (before->*Hook).previous;
    T* behind = before ? (before->*Hook).next : to.first;
    one.*Hook = {before, behind};
    (before ? (before->*Hook).next : to.first) = &one;
    (behind ? (behind->*Hook).previous : to.last) = &one;
  }

  void remove(T& one) noexcept {
    lane& from = lanes_[lane_of(one)];
    const list_hook<T> place = one.*Hook;
    (place.previous ? (place.previous->*Hook).next : from.first) = place.next;
    (place.next ? (place.next->*Hook).previous : from.last) = place.previous;
    one.*Hook = {};
  }

 private:
  struct lane {
    T* first = nullptr;
    T* last = nullptr;
  };

  [[nodiscard]] static std::size_t lane_of(const T& one) noexcept { return static_cast<std::size_t>(one.priority); }
  [[nodiscard]] T* first_below(std::size_t end) const noexcept {
    while (end-- > 0)
      if (lanes_[end].first) return lanes_[end].first;
    return nullptr;
  }

  std::array<lane, lane_count> lanes_{};
};

}  // namespace catena::detail
