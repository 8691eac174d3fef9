// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Whether what has failed is tried again, and after how long.
#include <catena/error.hpp>
#include <catena/recover/retry_budget.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace catena {

/// How waits are spread, so that those who failed together do not come back together.
enum class jitter : std::uint8_t {
  none,
  equal,  ///< half of the wait, and a random share of the other half
  full,   ///< a random share of the wait
};

struct retry_options {
  std::size_t retries = 5;  ///< attempts after the first one, up to 100
  duration first_wait = std::chrono::seconds(1);     ///< before the first retry, 0 to longest_wait
  double factor = 2;                                 ///< each wait is so many times as long as the one before, 1 to 100
  duration longest_wait = std::chrono::seconds(30);  ///< up to 1 day
  catena::jitter jitter = catena::jitter::full;
  /// How many retries there may be beside first attempts. One that is given to several stages is shared by them, which is what
  /// those want that go to the same target; otherwise each stage has its own.
  std::optional<retry_budget> budget = {};
  /// Whether a failure is worth another attempt; empty: worth_retrying(). It is not if this throws.
  std::function<bool(const failure&)> when = {};
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const retry_options& options);

/// Whether its condition is not condition::give_up. What was cancelled, or had no time left or too little of it, is not tried again; what another
/// library says is, since it knows no conditions.
[[nodiscard]] bool worth_retrying(const failure& why) noexcept;

/// Whether somebody else may do now what this one could not: condition::retry_elsewhere, or an error of another library, such as a
/// connection that is refused.
[[nodiscard]] bool worth_trying_elsewhere(const failure& why) noexcept;

/// How long to wait before the next attempt: exponential backoff, or as long as the failure says with retry_after(), whichever is
/// longer.
/// \param failed   attempts that have failed, at least 1
/// \param random   from 0 to 1, for the jitter
/// \source  Brooker: Exponential Backoff And Jitter, AWS Architecture Blog (2015)
[[nodiscard]] duration backoff(const retry_options& options, const failure& why, std::size_t failed, double random) noexcept;

}  // namespace catena
