// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How requests wait for a model: how many, in which order, and what happens when there is no room.
#include <catena/time.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace catena {

/// Which of the requests of one priority goes first.
///
/// Earliest deadline first misses the fewest deadlines while they can be kept, and the most under overload, where it serves
/// those that are late already: put a concurrency_limit in front, which refuses in time.
enum class queue_order : std::uint8_t {
  fifo,               ///< the first that came
  earliest_deadline,  ///< the one that is due first
  fair_share,         ///< tenants in turn, each for the cost of its quantum (deficit round robin)
};

/// What happens to a request that finds no room.
enum class when_full : std::uint8_t {
  refuse_new,             ///< it is refused
  /// Requests of a lower priority leave for it, lowest and oldest first, and fail with errc::queue_full; it is refused if that
  /// is not enough.
  drop_oldest_of_lowest,
};

struct request_queue_options {
  std::size_t capacity = 1024;               ///< requests that may wait, of each shape, 1 to 16777216
  std::size_t max_bytes = 0;                 ///< bytes of the requests that wait, of each shape; zero: no bound
  std::array<std::size_t, 4> class_limits{}; ///< requests that may wait by priority, lowest first, 0 to capacity; zero: no bound
  /// How much longer a request must have waited to go before one of the next higher priority, 0 to 24 hours; zero: a lower
  /// priority always waits for a higher one, perhaps for ever.
  duration ageing = std::chrono::seconds(1);
  queue_order order = queue_order::fifo;     ///< within one priority
  std::uint32_t quantum = 16;                ///< cost that a tenant may spend in its turn, at least 1; for fair_share
  when_full full = when_full::refuse_new;
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const request_queue_options& options);

namespace detail {

/// `ageing`, where "for ever" is 36 years: four of them on top of a moment are still a moment.
[[nodiscard]] constexpr duration head_start(const request_queue_options& options) noexcept {
  return options.ageing == duration{} ? duration::max() / 8 : options.ageing;
}

}  // namespace detail
}  // namespace catena
