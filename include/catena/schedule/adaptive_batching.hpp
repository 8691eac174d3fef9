// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The default batch policy: never keeps an idle instance waiting without need, and learns how many to take.
#include <catena/schedule/batch_policy.hpp>
#include <catena/schedule/cost_table.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena {

/// Takes the number of requests that the model computes fastest, row for row, among those that wait.
///
/// What a batch costs is learnt for every size while serving. Of q that wait it takes the largest n whose rows per second are
/// the best there are up to q, as far as the measurements tell: 2 of 3 where a batch of 3 costs five times one of 2, all where
/// larger is better. What is left is next. Where it knows nothing it takes all, as greedy does,
/// so sizes are tried when the load brings them; a size it avoids is tried again now and then, as models change.
///
/// With a max_delay it waits that long for max_size requests, but lets the tightest deadline go in time. Where the batch it
/// would take ends after the tightest deadline it takes a smaller one that does not, if that is nearly as good a use of the
/// instance.
/// \cost  form() O(1) but for the deadline rule, O(max_size); computed() O(max_size) every 64th batch
class adaptive_batching {
 public:
  [[nodiscard]] batch_decision form(const waiting_requests& waiting, const batch_limits& limits, time_point now) const;
  void computed(std::size_t size, duration took, time_point now);

  [[nodiscard]] const cost_table& costs() const noexcept { return costs_; }

 private:
  static constexpr double handover_ns = 2'000;        ///< what a batch costs besides its computing: queue, thread, way home
  static constexpr double spacing = 0.125;            ///< a size this near to a trusted one need not be tried
  static constexpr std::uint64_t rebuild_interval = 64; ///< batches after which what has been learnt is put to use
  static constexpr std::uint64_t probe_interval = 256;  ///< batches between two tries of sizes that are avoided
  static constexpr std::uint64_t probe_age = 8'192;     ///< batches after which an avoided size is tried again

  [[nodiscard]] bool is_known(std::size_t size) const noexcept;
  [[nodiscard]] std::size_t best_of(std::size_t count) const noexcept;
  [[nodiscard]] std::size_t in_time(std::size_t take, duration left) const noexcept;
  [[nodiscard]] double rows_per_ns(std::size_t size) const noexcept;
  void rebuild(std::size_t sizes);

  cost_table costs_;
  std::vector<std::uint32_t> take_{0};   ///< by how many wait: how many to take; what is longer than it takes all
  std::uint64_t rebuilt_at_ = 0;
};

}  // namespace catena
