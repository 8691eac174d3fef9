// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/deadline_order.hpp>

namespace catena::detail {

deadline_order::deadline_order(const request_queue_options& options) noexcept
    : fifo_order(options), patience_(4 * head_start(options)) {}

void deadline_order::push(queued_request& r) {
  make_room();
  const time_point due = r.deadline == no_deadline ? r.arrival + patience_ : r.deadline;
  heap_.push_back({.due = due, .sequence = sequence_++, .arrival = r.arrival, .request = &r});
  const entry e = heap_.back();
  rise(heap_.size() - 1, e);
  put(r);
}

queued_request& deadline_order::pop() noexcept {
  queued_request& r = next();
  take_out(0);
  (void)fifo_order::remove(r);
  return r;
}

bool deadline_order::remove(queued_request& r) noexcept {
  if (!fifo_order::remove(r)) return false;
  take_out(r.place);
  return true;
}

void deadline_order::set(std::size_t place, const entry& e) noexcept {
  heap_[place] = e;
  e.request->place = static_cast<std::uint32_t>(place);
}

void deadline_order::rise(std::size_t place, const entry& e) noexcept {
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (!e.before(heap_[parent])) break;
    set(place, heap_[parent]);
    place = parent;
  }
  set(place, e);
}

void deadline_order::sink(std::size_t place, const entry& e) noexcept {
  for (std::size_t child = 2 * place + 1; child < heap_.size(); child = 2 * place + 1) {
    if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
    if (!heap_[child].before(e)) break;
    set(place, heap_[child]);
    place = child;
  }
  set(place, e);
}

/// The last one takes the place, and goes from there up or down.
void deadline_order::take_out(std::size_t place) noexcept {
  const entry last = heap_.back();
  heap_.pop_back();
  if (place == heap_.size()) return;
  if (place > 0 && last.before(heap_[(place - 1) / 2])) rise(place, last);
  else sink(place, last);
}

}  // namespace catena::detail
