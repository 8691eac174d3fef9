// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The requests of one priority, first come first served.
#include <catena/schedule/queue_options.hpp>
#include <catena/schedule/queued_request.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena::detail {

/// Gives the requests in the order in which they were pushed; what the other orders keep beside their own.
///
/// A request is a cold cache line for everybody but its submitter, so what pop() needs lies in ring buffers, one for each
/// member: eight neighbours share a line, and a line that nobody asks for stays where it is. pop() reads no request and
/// writes none: that one waits is seen from its slot. Whoever leaves from the middle leaves a blank. A ring that is full
/// closes its blanks up, and doubles if they were at most half of it.
///
/// \cost     push, pop and remove O(1) amortised: a blank is passed over once, and each time that requests are moved, as
///           many pushes as half the ring's slots have gone before. Slots: a power of two, at most 64 or four times the
///           requests that ever waited at once; no allocation once there are enough
/// \threads  unsafe
class fifo_order {
 public:
  explicit fifo_order(const request_queue_options&) noexcept {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_held_; }
  [[nodiscard]] std::size_t slot_count() const noexcept { return requests_.size(); }

  void push(queued_request& r) {
    make_room();
    put(r);
  }

  /// Takes the next one; there must be one.
  [[nodiscard]] queued_request& pop() noexcept {
    const std::size_t i = head_ & mask_;
    if (bytes_held_ != 0) bytes_held_ -= bytes_[i];
    queued_request& r = *requests_[i];
    ++head_;
    --size_;
    pass_blanks();
    return r;
  }

  /// False if it does not wait here.
  [[nodiscard]] bool remove(queued_request& r) noexcept {
    const std::size_t i = r.slot & mask_;
    if (r.slot - head_ >= tail_ - head_ || requests_[i] != &r) return false;
    requests_[i] = nullptr;
    deadlines_[i] = no_deadline;
    bytes_held_ -= bytes_[i];
    --size_;
    pass_blanks();
    return true;
  }

  /// The arrival by which this class is compared with the others; there must be a request, as for oldest().
  [[nodiscard]] time_point standing() const noexcept { return oldest_arrival(); }
  /// What pop() would give.
  [[nodiscard]] queued_request& next() const noexcept { return oldest(); }
  /// The one that came first.
  [[nodiscard]] queued_request& oldest() const noexcept { return *requests_[head_ & mask_]; }
  [[nodiscard]] time_point oldest_arrival() const noexcept { return arrivals_[head_ & mask_]; }

  /// The earliest deadline of those that wait; no_deadline if none has one.
  /// \cost  O(1), but for the first call after the one with this deadline has left: that reads every deadline
  [[nodiscard]] time_point tightest_deadline() noexcept {
    if (tightest_ != no_deadline && (tightest_at_ < head_ || deadlines_[tightest_at_ & mask_] != tightest_)) find_tightest();
    return tightest_;
  }

 protected:
  /// Makes that the next put() finds a slot.
  void make_room() {
    if (tail_ - head_ == requests_.size()) widen();
  }

  void put(queued_request& r) noexcept {
    const std::size_t i = tail_ & mask_;
    requests_[i] = &r;
    arrivals_[i] = r.arrival;
    deadlines_[i] = r.deadline;
    bytes_[i] = r.bytes;
    r.slot = tail_;
    if (r.deadline < tightest_) {
      tightest_ = r.deadline;
      tightest_at_ = tail_;
    }
    ++tail_;
    ++size_;
    bytes_held_ += r.bytes;
  }

 private:
  void pass_blanks() noexcept {
    while (head_ != tail_ && !requests_[head_ & mask_]) ++head_;
  }
  void widen();
  void close_up() noexcept;
  void find_tightest() noexcept;

  std::vector<queued_request*> requests_;  ///< by position, modulo their number; null: a blank
  std::vector<time_point> arrivals_;
  std::vector<time_point> deadlines_;
  std::vector<std::size_t> bytes_;
  std::size_t mask_ = 0;
  std::uint64_t head_ = 0;                 ///< position of the first, never a blank; positions are never used again
  std::uint64_t tail_ = 0;                 ///< position of the next to come
  std::size_t size_ = 0;
  std::size_t bytes_held_ = 0;
  time_point tightest_ = no_deadline;      ///< no later than any deadline here
  std::uint64_t tightest_at_ = 0;          ///< where it stood; if it stands there no longer, `tightest_` may be too early
};

}  // namespace catena::detail
