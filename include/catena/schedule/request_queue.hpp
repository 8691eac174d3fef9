// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The requests that wait for a model: bounded, higher priority first, and nobody for ever.
#include <catena/schedule/queue_options.hpp>
#include <catena/schedule/queued_request.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace catena {

/// A queue of requests that it does not own.
///
/// Every priority has its order: first come first served, earliest deadline first, or tenants in turn. Between priorities
/// a request goes before one of the next lower priority that came up to `ageing` earlier, before one of the second lower
/// that came up to 2 * `ageing` earlier, and so on. So nothing that comes more than 3 * `ageing` after a request goes before
/// it, whatever the priorities: even the lowest waits at most 3 * `ageing` plus the time to serve those who wait then, which
/// are no more than `capacity`. (The order of two requests does not change with time, so no clock is needed to take.)
/// In the other orders:
///   - earliest_deadline: a priority goes by the arrival of its request that is due first. Who has a deadline waits until
///     then at most, served or not; who has none waits at most 4 * `ageing` plus the time to serve those who wait then.
///   - fair_share: a priority goes by the arrival of its oldest request. While those who wait then are served, the other
///     tenants are in their turns: at most as much cost again for each, and a round.
///
/// \cost     push, take and remove O(1) amortised in a fifo queue, which reads and writes no request in take(); no allocation
///           in steady state. For the other orders see deadline_order and fair_order
/// \threads  unsafe
/// \lifetime a request stays where it is until it has been taken, removed or evicted; the queue may be destroyed before
class request_queue {
 public:
  enum class entry : std::uint8_t {
    accepted,
    full,        ///< `capacity` requests wait
    class_full,  ///< as many of its priority wait as may
    bytes_full,  ///< with it there would be more than `max_bytes`
  };

  struct push_result {
    request_queue::entry entry = entry::accepted;
    queued_request* evicted = nullptr;  ///< those that left for it, linked by `next`; they wait no longer
  };

  /// \errors std::invalid_argument, as check()
  explicit request_queue(const request_queue_options& options);
  ~request_queue();

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] const request_queue_options& options() const noexcept { return options_; }
  [[nodiscard]] std::size_t bytes() const noexcept;
  /// From now on other bounds hold, and another ageing and `full`. Those who wait stay, also if they are more than may by now.
  void set_options(const request_queue_options& options) noexcept;

  /// Lets a request wait, one that does not wait already.
  /// \errors std::bad_alloc; nothing has changed then
  [[nodiscard]] push_result try_push(queued_request& r);

  /// Takes the next ones, in order, as many as there is room for in `out`; returns how many.
  [[nodiscard]] std::size_t take(std::span<queued_request*> out) noexcept { return take(out, any_cost); }
  /// The same while their cost is no more than `most` together; the first is taken whatever it costs.
  [[nodiscard]] std::size_t take(std::span<queued_request*> out, std::uint64_t most) noexcept;

  /// Takes a request out wherever it stands; false if it does not wait.
  [[nodiscard]] bool remove(queued_request& r) noexcept;

  /// When the one that has waited longest came; no_deadline if none waits.
  [[nodiscard]] time_point oldest() const noexcept;

  /// The earliest deadline of those that wait; no_deadline if none has one.
  /// \cost  O(1) where nothing has a deadline; else the first call after the one with this deadline has left walks over the
  ///        deadlines of its priority, eight to a cache line: with one call for each take(), size() / out.size() a request
  [[nodiscard]] time_point tightest_deadline() noexcept;

  /// What the next one is compared by with those of other queues: the earlier goes first. There must be one.
  [[nodiscard]] time_point standing() const noexcept;
  /// The next one. There must be one.
  [[nodiscard]] const queued_request& next() noexcept;

 private:
  static constexpr std::uint64_t any_cost = ~std::uint64_t{0};
  struct orders;  ///< one order for each priority
  struct load {
    std::size_t count = 0;
    std::size_t bytes = 0;
  };

  [[nodiscard]] entry room_for(const queued_request& r) const noexcept;
  /// What the classes from the lowest on hold, as many as `end`.
  [[nodiscard]] load below(std::size_t end) const noexcept;
  /// What may wait: as much as the options say, or as much as waited when that was more.
  [[nodiscard]] load bound_beside(const load& waited) const noexcept;
  [[nodiscard]] load waiting() const noexcept;
  [[nodiscard]] queued_request* evict(const load& bound) noexcept;
  [[nodiscard]] queued_request& oldest_of_lowest() const noexcept;

  request_queue_options options_;
  std::unique_ptr<orders> orders_;
  std::size_t size_ = 0;
};

}  // namespace catena
