// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Balancing policies: in turn, by weight, by what is outstanding, and by how long answers take.
#include <catena/balance/balancing_policy.hpp>
#include <catena/runtime/random_numbers.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace catena {

/// One after the other, whatever they weigh.
class round_robin {
 public:
  [[nodiscard]] std::size_t choose(std::span<replica_load* const> from, time_point now) noexcept;

 private:
  double turn_ = 0;
};

/// Each as often as its weight says, in the most even order: with weights 5, 1 and 1 that is a a b a c a a.
/// \source  nginx, "smooth weighted round robin"
struct weighted_round_robin {
  [[nodiscard]] std::size_t choose(std::span<replica_load* const> from, time_point now) const noexcept;
};

/// By weight, where who is slow weighs less: weight / (1 + mean / base_time), dealt as weighted_round_robin does.
struct response_time_weighting {
  duration base_time = std::chrono::milliseconds(100);  ///< the mean that halves a weight, more than 0
  [[nodiscard]] std::size_t choose(std::span<replica_load* const> from, time_point now) const noexcept;
};

/// The one with the least outstanding for its weight; among equals in turn.
class least_outstanding {
 public:
  [[nodiscard]] std::size_t choose(std::span<replica_load* const> from, time_point now) noexcept;

 private:
  std::size_t turn_ = 0;
};

/// Of two drawn at random the one with less to do: peak latency * (outstanding + 1) / weight.
///
/// It looks at two only, so many clients do not run to the same replica at once. One of which nothing is known is given a
/// request to show what it can do, and no other until that has ended.
/// \source  Mitzenmacher: The Power of Two Choices in Randomized Load Balancing (2001); Finagle's P2C with peak-EWMA. There a
///          peak fades also while requests are outstanding; here only where nothing is, as one that hangs does not get better
class power_of_two_choices {
 public:
  /// \param seed  the same one gives the same course
  explicit power_of_two_choices(std::uint64_t seed = 1) noexcept : random_(seed) {}
  [[nodiscard]] std::size_t choose(std::span<replica_load* const> from, time_point now) noexcept;

 private:
  detail::random_numbers random_;
};

}  // namespace catena
