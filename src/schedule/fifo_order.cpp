// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/fifo_order.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace catena::detail {
namespace {

constexpr std::size_t first_slot_count = 64;

}  // namespace

void fifo_order::widen() {
  close_up();
  const std::size_t slots = requests_.size();
  if (size_ < (slots + 1) / 2) return;
  const std::size_t wide = std::max(first_slot_count, 2 * slots);
  const auto widened = [&](const auto& ring) {
    std::remove_cvref_t<decltype(ring)> wider(wide);
    for (std::uint64_t at = head_; at != tail_; ++at) wider[at & (wide - 1)] = ring[at & mask_];
    return wider;
  };
  // Nothing has changed if there is no memory for one of them.
  auto requests = widened(requests_);
  auto arrivals = widened(arrivals_);
  auto deadlines = widened(deadlines_);
  auto bytes = widened(bytes_);
  requests_ = std::move(requests);
  arrivals_ = std::move(arrivals);
  deadlines_ = std::move(deadlines);
  bytes_ = std::move(bytes);
  mask_ = wide - 1;
}

/// Moves towards the tail, so that no position is used a second time: the slot of one that has left finds nothing of it.
void fifo_order::close_up() noexcept {
  if (tail_ - head_ == size_) return;
  std::uint64_t to = tail_;
  for (std::uint64_t from = tail_; from-- != head_;) {
    queued_request* r = requests_[from & mask_];
    if (!r) continue;
    const std::size_t i = --to & mask_;
    if (from == to) continue;
    requests_[i] = r;
    arrivals_[i] = arrivals_[from & mask_];
    deadlines_[i] = deadlines_[from & mask_];
    bytes_[i] = bytes_[from & mask_];
    r->slot = to;
  }
  head_ = to;
}

void fifo_order::find_tightest() noexcept {
  tightest_ = no_deadline;
  for (std::uint64_t at = head_; at != tail_; ++at) {
    const time_point deadline = deadlines_[at & mask_];  // a blank has none
    if (deadline >= tightest_) continue;
    tightest_ = deadline;
    tightest_at_ = at;
  }
}

}  // namespace catena::detail
