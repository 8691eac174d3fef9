// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The requests of one priority, tenants in turn.
#include <catena/schedule/fifo_order.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena::detail {

/// Gives each tenant that waits the same share of cost, and each tenant's requests in the order of coming.
///
/// A tenant's turn adds `quantum` to what it may spend; it spends it on its first requests while it is enough, and saves the
/// rest for its next turn. One that has nothing waiting has nothing saved. So what two tenants that never stop waiting were
/// given differs, at any moment, by at most the quantum and twice the largest cost; by the quantum if all costs divide it.
///
/// \cost     push and remove O(1); pop O(1) where no cost is larger than the quantum, else O(tenants that wait), however
///           large the cost; no allocation once there is room for as many requests and tenants as wait
/// \threads  unsafe
/// \source   Shreedhar, Varghese: Efficient Fair Queuing using Deficit Round Robin (1995). It differs where a whole round
///           gives nobody enough: the rounds until somebody has enough are counted, not walked
class fair_order : private fifo_order {
 public:
  explicit fair_order(const request_queue_options& options) noexcept : fifo_order(options), quantum_(options.quantum) {}

  using fifo_order::bytes;
  using fifo_order::oldest;
  using fifo_order::oldest_arrival;
  using fifo_order::size;
  using fifo_order::standing;
  using fifo_order::tightest_deadline;

  void push(queued_request& r);
  /// What pop() would give: from then on it is its tenant's turn.
  [[nodiscard]] queued_request& next() noexcept;
  [[nodiscard]] queued_request& pop() noexcept;
  [[nodiscard]] bool remove(queued_request& r) noexcept;

 private:
  static constexpr std::uint32_t none = 0xffff'ffff;

  struct tenant {
    std::uint64_t name = 0;
    std::uint64_t savings = 0;
    queued_request* first = nullptr;
    queued_request* last = nullptr;
    std::uint32_t previous = 0;  ///< in the circle of those that wait
    std::uint32_t next = 0;      ///< there, or in the list of the unused
  };

  [[nodiscard]] std::uint32_t number_of(std::uint64_t name);
  void join_circle(std::uint32_t number) noexcept;
  void leave_circle(std::uint32_t number) noexcept;
  void take_out(queued_request& r) noexcept;
  void pass_rounds() noexcept;

  std::uint32_t quantum_;
  std::vector<tenant> tenants_;
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> numbers_;  ///< of those that wait, into `tenants_`
  std::uint32_t unused_ = none;
  std::uint32_t turn_ = none;  ///< whose turn it is, or will be at the next pop
  bool began_ = false;         ///< the turn: its quantum was given
};

}  // namespace catena::detail
