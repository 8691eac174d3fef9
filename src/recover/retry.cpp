// SPDX-License-Identifier: BSL-1.0
#include <catena/recover/retry.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <string>

namespace catena {
namespace {

void expect_in_range(bool holds, const char* member, const char* range) {
  if (!holds) throw std::invalid_argument("retry_options::" + std::string(member) + " must be " + range);
}

double kept_share(jitter how, double random) noexcept {
  switch (how) {
    case jitter::equal: return 0.5 + random / 2;
    case jitter::full: return random;
    case jitter::none: break;
  }
  return 1;
}

}  // namespace

void check(const retry_options& o) {
  expect_in_range(o.retries <= 100, "retries", "0 to 100");
  expect_in_range(o.longest_wait <= std::chrono::hours(24), "longest_wait", "up to 1 day");
  expect_in_range(o.first_wait >= duration{} && o.first_wait <= o.longest_wait, "first_wait", "0 to longest_wait");
  expect_in_range(o.factor >= 1 && o.factor <= 100, "factor", "1 to 100");
}

bool worth_retrying(const failure& why) noexcept {
  const boost::system::error_code code = why.code();
  return code != condition::give_up && code != boost::system::errc::operation_canceled && !why.is(errc::deadline_unreachable);
}

bool worth_trying_elsewhere(const failure& why) noexcept {
  const boost::system::error_code code = why.code();
  return code == condition::retry_elsewhere || (why.is_set() && code.category() != error_category() && worth_retrying(why));
}

duration backoff(const retry_options& o, const failure& why, std::size_t failed, double random) noexcept {
  const double longest = static_cast<double>(o.longest_wait.count());
  const double wait = std::min(longest, static_cast<double>(o.first_wait.count()) * std::pow(o.factor, static_cast<double>(failed - 1)));
  return std::max(duration(static_cast<duration::rep>(wait * kept_share(o.jitter, random))), why.retry_after());
}

}  // namespace catena
