// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/token_bucket.hpp>

#include <cmath>
#include <stdexcept>
#include <string>

namespace catena {
namespace {

/// How long the tokens of a time take at another rate, rounded up; whole tokens stay exactly as many.
std::int64_t rescaled(std::int64_t ticks, std::int64_t from, std::int64_t to, std::int64_t most) {
  std::int64_t whole = 0;
  if (__builtin_mul_overflow(ticks / from, to, &whole)) return most;
  const double part = static_cast<double>(ticks % from) / static_cast<double>(from) * static_cast<double>(to);
  return std::min(whole, most) + static_cast<std::int64_t>(std::ceil(part));
}

}  // namespace

std::int64_t token_bucket::interval_for(const token_bucket_options& options) {
  const rate& refill = options.refill;
  if (!(refill.tokens > 0) || !std::isfinite(refill.tokens))
    throw std::invalid_argument("token_bucket_options::refill.tokens must be more than 0, is " + std::to_string(refill.tokens));
  if (refill.per <= duration{})
    throw std::invalid_argument("token_bucket_options::refill.per must be more than 0");
  const double ticks = static_cast<double>(refill.per.count()) * ticks_per_nanosecond / refill.tokens;
  if (ticks < ticks_per_nanosecond)
    throw std::invalid_argument("token_bucket_options::refill must be at most 1e9 tokens a second");
  if (std::ceil(ticks) * static_cast<double>(options.capacity) > static_cast<double>(most_cost))
    throw std::invalid_argument("token_bucket_options::refill must fill the capacity within 4 years");
  return static_cast<std::int64_t>(std::ceil(ticks));
}

void check(const token_bucket_options& options) {
  if (options.capacity < 1 || options.capacity > token_bucket::most_tokens)
    throw std::invalid_argument("token_bucket_options::capacity must be 1 to 1e12, is " + std::to_string(options.capacity));
  (void)token_bucket::interval_for(options);
}

token_bucket::token_bucket(const token_bucket_options& options, time_point now)
    : origin_(now), capacity_((check(options), options.capacity)), intervals_{}, state_(joined(-most_time, 0)) {
  intervals_[0].store(interval_for(options), std::memory_order_relaxed);
}

std::int64_t token_bucket::level(time_point now) const noexcept {
  const std::int64_t at = ticks_at(now);
  const std::int64_t state = state_.load();
  const std::int64_t interval = interval_of(state);
  const std::int64_t missing = std::max(full_at_of(state), at) - at;
  return capacity_ - missing / interval - (missing % interval != 0);
}

void token_bucket::take(std::int64_t cost, time_point now) noexcept {
  const std::int64_t at = ticks_at(now);
  std::int64_t state = state_.load();
  while (!state_.compare_exchange_weak(
      state, joined(std::max(full_at_of(state), at) + ticks_for(cost, interval_of(state)), which_of(state)))) {
  }
}

void token_bucket::give_back(std::int64_t cost) noexcept {
  std::int64_t state = state_.load();
  while (!state_.compare_exchange_weak(
      state, joined(std::max(full_at_of(state) - ticks_for(cost, interval_of(state)), -most_time), which_of(state)))) {
  }
}

/// The other interval is written first and holds from the moment at which the state says so: a take that has seen the old
/// state fails to replace it and looks again.
void token_bucket::set_rate(rate refill, time_point now) {
  const std::int64_t to = interval_for({.refill = refill, .capacity = capacity_});
  const std::int64_t at = ticks_at(now);
  std::int64_t state = state_.load();
  const std::size_t other = 1 - which_of(state);
  const std::int64_t from = interval_of(state);
  intervals_[other].store(to, std::memory_order_relaxed);
  std::int64_t full_at = 0;
  do {
    full_at = full_at_of(state);
    if (full_at > at) full_at = at + rescaled(full_at - at, from, to, most_cost);
  } while (!state_.compare_exchange_weak(state, joined(full_at, other)));
}

}  // namespace catena
