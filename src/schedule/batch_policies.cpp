// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/batch_policies.hpp>

#include <algorithm>
#include <stdexcept>

namespace catena {

batch_decision greedy_batching::form(const waiting_requests& waiting, const batch_limits& limits, time_point now) const noexcept {
  if (waiting.count == 0) return {};
  if (waiting.count < limits.max_size && limits.max_delay > duration{} && now < waiting.oldest + limits.max_delay)
    return {.take = 0, .look_again = waiting.oldest + limits.max_delay};
  const bool is_full = waiting.count >= limits.max_size;
  return {.take = std::min(waiting.count, limits.max_size),
          .why = is_full ? "it is full" : limits.max_delay > duration{} ? "the oldest has waited long enough" : "an instance is idle"};
}

preferred_batching::preferred_batching(std::vector<std::size_t> sizes) : sizes_(std::move(sizes)) {
  if (sizes_.empty()) throw std::invalid_argument("preferred_batching needs at least one size");
  std::sort(sizes_.begin(), sizes_.end());
  if (sizes_.front() == 0) throw std::invalid_argument("preferred_batching: a size must be at least 1");
}

batch_decision preferred_batching::form(const waiting_requests& waiting, const batch_limits& limits, time_point now) const noexcept {
  if (waiting.count == 0) return {};
  const auto reached = std::upper_bound(sizes_.begin(), sizes_.end(), std::min(waiting.count, limits.max_size));
  if (reached != sizes_.begin()) return {.take = *std::prev(reached), .why = "a preferred size is reached"};
  return greedy_batching{}.form(waiting, limits, now);
}

window_batching::window_batching(std::size_t min_size, duration window) : min_size_(min_size), window_(window) {
  if (min_size < 1) throw std::invalid_argument("window_batching: min_size must be at least 1");
  if (window <= duration{}) throw std::invalid_argument("window_batching: the window must be greater than zero");
}

std::size_t window_batching::target(const batch_limits& limits) const noexcept {
  return std::min(limits.max_size, std::max(min_size_, static_cast<std::size_t>(per_window_)));
}

batch_decision window_batching::form(const waiting_requests& waiting, const batch_limits& limits, time_point now) const noexcept {
  return greedy_batching{}.form(waiting, {.max_size = target(limits), .max_delay = window_}, now);
}

void window_batching::arrived(time_point now) noexcept {
  if (counted_since_ == time_point{}) counted_since_ = now;
  ++counted_;
  if (const duration counted_for = now - counted_since_; counted_for >= window_) {
    const double rate = static_cast<double>(counted_) * static_cast<double>(window_.count()) / static_cast<double>(counted_for.count());
    per_window_ = per_window_ == 0 ? rate : (per_window_ + rate) / 2;
    counted_since_ = now;
    counted_ = 0;
  }
}

}  // namespace catena
