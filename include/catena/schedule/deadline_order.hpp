// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The requests of one priority, earliest deadline first.
#include <catena/schedule/fifo_order.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena::detail {

/// Gives the request that is due first; of those due at once, the first that came.
///
/// One without a deadline is due once it has waited four times `ageing`: later than any that ageing lets overtake it, and
/// early enough that it does not wait for ever behind those that have a deadline.
///
/// \cost     push, pop and remove O(log n), no allocation once there is room for as many as wait
/// \threads  unsafe
class deadline_order : private fifo_order {
 public:
  explicit deadline_order(const request_queue_options& options) noexcept;

  using fifo_order::bytes;
  using fifo_order::oldest;
  using fifo_order::oldest_arrival;
  using fifo_order::size;
  using fifo_order::tightest_deadline;

  void push(queued_request& r);
  [[nodiscard]] queued_request& next() const noexcept { return *heap_.front().request; }
  [[nodiscard]] queued_request& pop() noexcept;
  [[nodiscard]] bool remove(queued_request& r) noexcept;
  [[nodiscard]] time_point standing() const noexcept { return heap_.front().arrival; }

 private:
  struct entry {
    time_point due;
    std::uint64_t sequence;  ///< of pushes
    time_point arrival;
    queued_request* request;
    [[nodiscard]] bool before(const entry& other) const noexcept {
      return due != other.due ? due < other.due : sequence < other.sequence;
    }
  };

  void set(std::size_t place, const entry& e) noexcept;
  void rise(std::size_t place, const entry& e) noexcept;
  void sink(std::size_t place, const entry& e) noexcept;
  void take_out(std::size_t place) noexcept;

  duration patience_;
  std::vector<entry> heap_;     ///< binary, earliest first; a request's `place` is its index
  std::uint64_t sequence_ = 0;
};

}  // namespace catena::detail
