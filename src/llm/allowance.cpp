// SPDX-License-Identifier: BSL-1.0
#include "allowance.hpp"

#include <algorithm>
#include <limits>

namespace catena::llm {
namespace {

__extension__ using wide = __int128;  // what one limit may be, times a period in nanoseconds

std::int64_t sum(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t all = 0;
  if (!__builtin_add_overflow(a, b, &all)) return all;
  return a > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}

}  // namespace

/// In which so much comes back, rounded up; what would take centuries never does.
duration allowance::time_for(std::int64_t amount) const noexcept {
  const wide time = (wide{amount} * period_.count() + limit_ - 1) / limit_;
  return duration(static_cast<duration::rep>(std::min<wide>(time, duration::max().count())));
}

std::int64_t allowance::spent(time_point now) noexcept {
  if (limit_ == 0 || period_ == duration{} || now <= seen_) return spent_;
  if (spent_ == 0) {
    seen_ = now;
    return 0;
  }
  // Whole units come back, and time that makes none counts the next time.
  const wide back = wide{(now - seen_).count()} * limit_ / period_.count();
  if (back >= spent_) {
    spent_ = 0;
    seen_ = now;
  } else if (back > 0) {
    spent_ -= static_cast<std::int64_t>(back);
    seen_ += time_for(static_cast<std::int64_t>(back));
  }
  return spent_;
}

std::int64_t allowance::left(time_point now) noexcept { return sum(sum(limit_, -spent(now)), -reserved_); }

duration allowance::wait_for(std::int64_t amount, time_point now) noexcept {
  const std::int64_t missing = sum(amount, -left(now));
  if (missing <= 0) return duration{};
  // What is reserved may come back sooner; what has been spent comes back by itself.
  if (period_ == duration{} || amount > limit_ || missing > spent_) return duration::max();
  const duration time = time_for(missing);
  return time == duration::max() ? time : std::max(time - (now - seen_), duration(1));
}

void allowance::reserve(std::int64_t amount) noexcept { reserved_ = sum(reserved_, amount); }

void allowance::settle(std::int64_t reserved, std::int64_t taken, time_point now) noexcept {
  static_cast<void>(spent(now));
  reserved_ = sum(reserved_, -reserved);
  spent_ = sum(spent_, std::max<std::int64_t>(taken, 0));
}

}  // namespace catena::llm
