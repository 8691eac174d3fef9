// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The requests that wait for a model: bounded, higher priority first, first come first served within one.
#include <catena/call.hpp>

#include <array>
#include <cassert>
#include <cstddef>

namespace catena {

/// One who waits in a request_queue, a part of its request.
struct queued_request {
  queued_request* previous = nullptr;
  queued_request* next = nullptr;
  time_point arrival{};
  catena::priority priority = priority::normal;
  bool waiting = false;
};

/// A queue of requests that it does not own. Strict priority: a lower class waits while a higher one does.
/// \cost     push, pop and remove O(1), no allocation
/// \threads  unsafe
class request_queue {
 public:
  explicit request_queue(std::size_t capacity) noexcept : capacity_(capacity) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  /// False if the queue is full.
  [[nodiscard]] bool try_push(queued_request& r) noexcept {
    assert(!r.waiting);
    if (size_ == capacity_) return false;
    lane& to = lane_of(r);
    r.waiting = true;
    r.previous = to.last;
    r.next = nullptr;
    (to.last ? to.last->next : to.first) = &r;
    to.last = &r;
    ++size_;
    return true;
  }

  /// Takes the first of the highest class that waits; null if none does.
  [[nodiscard]] queued_request* pop() noexcept {
    for (std::size_t i = lanes_.size(); i-- > 0;) {
      if (queued_request* first = lanes_[i].first) {
        unlink(*first);
        return first;
      }
    }
    return nullptr;
  }

  /// Takes a request out wherever it stands; false if it does not wait.
  [[nodiscard]] bool remove(queued_request& r) noexcept {
    if (!r.waiting) return false;
    unlink(r);
    return true;
  }

  /// When the one that has waited longest came; no_deadline if none waits.
  [[nodiscard]] time_point oldest() const noexcept {
    time_point oldest = no_deadline;
    for (const lane& l : lanes_)
      if (l.first && l.first->arrival < oldest) oldest = l.first->arrival;
    return oldest;
  }

 private:
  struct lane {
    queued_request* first = nullptr;
    queued_request* last = nullptr;
  };

  [[nodiscard]] lane& lane_of(const queued_request& r) noexcept { return lanes_[static_cast<std::size_t>(r.priority)]; }
  void unlink(queued_request& r) noexcept {
    lane& from = lane_of(r);
    (r.previous ? r.previous->next : from.first) = r.next;
    (r.next ? r.next->previous : from.last) = r.previous;
    r.previous = r.next = nullptr;
    r.waiting = false;
    --size_;
  }

  std::array<lane, 4> lanes_{};  ///< by priority
  std::size_t capacity_;
  std::size_t size_ = 0;
};

}  // namespace catena
