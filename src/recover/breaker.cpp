// SPDX-License-Identifier: BSL-1.0
#include <catena/recover/breaker.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

namespace catena {
namespace {

constexpr duration longest = std::chrono::hours(24);

void expect(bool holds, const char* member, const char* range) {
  if (!holds) throw std::invalid_argument("breaker_options::" + std::string(member) + " must be " + range);
}

}  // namespace

attempt_end attempt_end_of(const failure& why) noexcept {
  if (!why.is_set()) return attempt_end::answered;
  if (why.is(errc::deadline_exceeded)) return attempt_end::out_of_time;
  if (why.is(errc::timed_out)) return attempt_end::failed;  // the limit is its own
  const boost::system::error_code code = why.code();
  const bool no_fault = code == condition::retry_later || code == condition::give_up || code == boost::system::errc::operation_canceled;
  return no_fault ? attempt_end::no_fault : attempt_end::failed;
}

void check(const breaker_options& o) {
  expect(o.consecutive <= 1000, "consecutive", "0 to 1000");
  expect(o.bad_share >= 0 && o.bad_share <= 1, "bad_share", "0 to 1");
  expect(o.least_count >= 1 && o.least_count <= 1'000'000, "least_count", "1 to 1000000");
  expect(o.window > duration{} && o.window <= longest, "window", "more than 0 to 1 day");
  expect(o.slow >= duration{}, "slow", "zero or more");
  expect(o.patience > duration{}, "patience", "greater than zero");
  expect(o.longest_wait <= longest, "longest_wait", "up to 1 day");
  expect(o.first_wait > duration{} && o.first_wait <= o.longest_wait, "first_wait", "more than 0 to longest_wait");
  expect(o.probes >= 1 && o.probes <= 1000, "probes", "1 to 1000");
  expect(o.ramp >= duration{} && o.ramp <= longest, "ramp", "0 to 1 day");
}

breaker::breaker(const breaker_options& options) : options_(options) { check(options); }

void breaker::set_options(const breaker_options& options) {
  check(options);
  options_ = options;
}

double breaker::share(time_point now) const noexcept {
  constexpr double least = 0.1;
  if (!is_ramping(now) || options_.ramp == duration{}) return 1;
  const auto left = static_cast<double>((ramp_end_ - now).count());
  return std::max(least, 1 - left / static_cast<double>(options_.ramp.count()));
}

breaker::pass breaker::enter_not_closed(time_point now) noexcept {
  if (now < next_probe_) return {};
  state_ = breaker_state::half_open;
  next_probe_ = detail::later(now, wait_);
  return {period_};
}

void breaker::ended(pass p, attempt_end how, duration took, time_point now) noexcept {
  const verdict v = judge(how, std::max(took, duration{}));
  if (p.period != period_) return;
  if (state_ == breaker_state::half_open) probed(v, now);
  else if (v != verdict::none) count(v, now);
}

breaker::verdict breaker::judge(attempt_end how, duration took) noexcept {
  switch (how) {
    case attempt_end::answered:
      if (options_.slow > duration{} && took > options_.slow) return verdict::bad;
      learn(took);
      return verdict::good;
    case attempt_end::failed: return verdict::bad;
    case attempt_end::out_of_time: return had_time(took) ? verdict::bad : verdict::none;
    case attempt_end::no_fault: break;
  }
  return verdict::none;
}

void breaker::learn(duration took) noexcept {
  took = std::clamp(took, duration(1), longest);
  if (mean_ == duration{}) {
    mean_ = took;
    deviation_ = took / 2;
    return;
  }
  deviation_ += (std::chrono::abs(took - mean_) - deviation_) / 4;
  mean_ += (took - mean_) / 8;
}

bool breaker::had_time(duration took) const noexcept {
  return took >= (mean_ == duration{} ? options_.patience : mean_ + 4 * deviation_);
}

void breaker::count(verdict v, time_point now) noexcept {
  roll_window(now);
  ++current_.count;
  if (v == verdict::good) {
    row_ = 0;
    return;
  }
  ++current_.bad;
  ++row_;
  if (is_bad_enough()) open(now < calm_from_ ? longer_wait() : options_.first_wait, now);
}

void breaker::roll_window(time_point now) noexcept {
  if (now < half_end_) return;
  const duration half = options_.window / 2;
  previous_ = now < detail::later(half_end_, half) ? current_ : tally{};
  current_ = {};
  half_end_ = detail::later(now, half);
}

bool breaker::is_bad_enough() const noexcept {
  if (options_.consecutive != 0 && row_ >= options_.consecutive) return true;
  const std::uint32_t count = current_.count + previous_.count;
  const std::uint32_t bad = current_.bad + previous_.bad;
  return options_.bad_share > 0 && count >= options_.least_count && bad >= options_.bad_share * count;
}

void breaker::probed(verdict v, time_point now) noexcept {
  switch (v) {
    case verdict::bad: return open(longer_wait(), now);
    case verdict::good:
      if (++row_ >= options_.probes) return close(now);
      [[fallthrough]];
    case verdict::none: next_probe_ = now; return;
  }
}

void breaker::open(duration wait, time_point now) noexcept {
  state_ = breaker_state::open;
  ++period_;
  row_ = 0;
  wait_ = wait;
  next_probe_ = detail::later(now, wait);
}

void breaker::close(time_point now) noexcept {
  state_ = breaker_state::closed;
  ++period_;
  row_ = 0;
  current_ = previous_ = {};
  calm_from_ = detail::later(now, wait_);
  begin_ramp(now);
}

duration breaker::longer_wait() const noexcept {
  return wait_ > options_.longest_wait / 2 ? options_.longest_wait : 2 * wait_;
}

}  // namespace catena
