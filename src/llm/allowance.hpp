// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One limit of a budget: a policy.
#include <catena/llm/budget.hpp>
#include <catena/time.hpp>

#include <cstdint>

namespace catena::llm {

/// So much of one thing. What is taken comes back steadily, all of it within a period, or never.
/// \threads  unsafe
class allowance {
 public:
  /// \param limit   zero: none
  /// \param period  zero: nothing comes back
  allowance(std::int64_t limit, duration period, time_point now) noexcept : limit_(limit), period_(period), seen_(now) {}

  /// What there is for somebody who needs it now. Negative where more was taken than reserved.
  [[nodiscard]] std::int64_t left(time_point now) noexcept;
  [[nodiscard]] bool has(std::int64_t amount, time_point now) noexcept { return limit_ == 0 || amount <= left(now); }
  /// When there would be so much if nobody took anything; duration::max(): never.
  [[nodiscard]] duration wait_for(std::int64_t amount, time_point now) noexcept;

  void reserve(std::int64_t amount) noexcept;
  /// In the place of what was reserved.
  void settle(std::int64_t reserved, std::int64_t taken, time_point now) noexcept;

  [[nodiscard]] std::int64_t limit() const noexcept { return limit_; }
  [[nodiscard]] std::int64_t reserved() const noexcept { return reserved_; }
  [[nodiscard]] std::int64_t spent(time_point now) noexcept;
  /// Nothing is known that would be lost with it.
  [[nodiscard]] bool is_untouched(time_point now) noexcept { return reserved_ == 0 && (limit_ == 0 || spent(now) == 0); }

 private:
  [[nodiscard]] duration time_for(std::int64_t amount) const noexcept;

  std::int64_t limit_;
  duration period_;
  time_point seen_;          ///< up to when what came back has been counted
  std::int64_t spent_ = 0;
  std::int64_t reserved_ = 0;
};

/// Tokens and money.
struct allowances {
  allowances(const spending& limit, duration period, time_point now) noexcept
      : tokens(limit.tokens, period, now), cost(limit.cost.nanos, period, now) {}

  void reserve(const spending& most) noexcept {
    tokens.reserve(most.tokens);
    cost.reserve(most.cost.nanos);
  }
  void settle(const spending& most, const spending& taken, time_point now) noexcept {
    tokens.settle(most.tokens, taken.tokens, now);
    cost.settle(most.cost.nanos, taken.cost.nanos, now);
  }
  [[nodiscard]] budget_state state(time_point now) noexcept {
    return {{tokens.spent(now), {cost.spent(now)}}, {tokens.reserved(), {cost.reserved()}}};
  }
  [[nodiscard]] bool is_idle() const noexcept { return tokens.reserved() == 0 && cost.reserved() == 0; }
  [[nodiscard]] bool is_untouched(time_point now) noexcept { return tokens.is_untouched(now) && cost.is_untouched(now); }

  allowance tokens;
  allowance cost;
};

}  // namespace catena::llm
