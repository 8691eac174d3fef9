// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/queue_options.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace catena {

void check(const request_queue_options& options) {
  constexpr std::size_t most = 16'777'216;
  if (options.capacity < 1 || options.capacity > most)
    throw std::invalid_argument("request_queue_options::capacity must be 1 to " + std::to_string(most) + ", is " +
                                std::to_string(options.capacity));
  const std::size_t limit = std::ranges::max(options.class_limits);
  if (limit > options.capacity)
    throw std::invalid_argument("request_queue_options::class_limits must be 0 to capacity (" +
                                std::to_string(options.capacity) + "), one is " + std::to_string(limit));
  if (options.ageing < duration{} || options.ageing > std::chrono::hours(24))
    throw std::invalid_argument("request_queue_options::ageing must be 0 to 24 hours");
  if (options.quantum < 1) throw std::invalid_argument("request_queue_options::quantum must be at least 1, is 0");
}

}  // namespace catena
