// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/limit_policies.hpp>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

namespace catena {
namespace {

[[nodiscard]] double ratio(duration a, duration b) noexcept {
  return static_cast<double>(a.count()) / static_cast<double>(std::max(b, duration(1)).count());
}

[[nodiscard]] double within(const limit_range& range, double limit) noexcept {
  return std::clamp(limit, static_cast<double>(range.least), static_cast<double>(range.most));
}

void get_range(const limit_range& from, gate_options& o) noexcept {
  o.least = from.least;
  o.most = from.most;
}
void set_range(limit_range& to, const gate_options& o) noexcept { to = {.least = o.least, .most = o.most, .first = std::clamp(to.first, o.least, o.most)}; }

}  // namespace

void check(const limit_range& range) {
  constexpr std::size_t most = 1'048'576;
  if (range.most < 1 || range.most > most)
    throw std::invalid_argument("limit_range::most must be 1 to " + std::to_string(most) + ", is " + std::to_string(range.most));
  if (range.least < 1 || range.least > range.most)
    throw std::invalid_argument("limit_range::least must be 1 to most (" + std::to_string(range.most) + "), is " +
                                std::to_string(range.least));
  if (range.first < range.least || range.first > range.most)
    throw std::invalid_argument("limit_range::first must be least to most (" + std::to_string(range.least) + " to " +
                                std::to_string(range.most) + "), is " + std::to_string(range.first));
}

// ---- aimd -------------------------------------------------------------------------------------------------------------------

aimd_limit::aimd_limit(const aimd_limit_options& options) : options_(options), limit_(static_cast<double>(options.range.first)) {
  check(options.range);
  if (options.target <= duration{}) throw std::invalid_argument("aimd_limit_options::target must be greater than zero");
  if (!(options.backoff >= 0.5 && options.backoff <= 0.99))
    throw std::invalid_argument("aimd_limit_options::backoff must be 0.5 to 0.99");
}

void aimd_limit::ended(const ended_request& request, time_point now) noexcept {
  if (!window_.add(request, now, limit())) return;
  if (window_.quantile(0.9) > options_.target) {
    missed_ = true;
    move_to(limit_ * options_.backoff, now);
  } else if (window_.was_used(limit())) {
    move_to(missed_ ? limit_ + 1 : limit_ * 2, now);
  } else {
    window_.clear();
  }
}

void aimd_limit::get_options(gate_options& o) const noexcept {
  get_range(options_.range, o);
  o.target = options_.target;
  o.backoff = options_.backoff;
}

void aimd_limit::set_options(const gate_options& o) noexcept {
  set_range(options_.range, o);
  options_.target = o.target;
  options_.backoff = o.backoff;
  limit_ = within(options_.range, limit_);
}

void aimd_limit::move_to(double wanted, time_point now) noexcept {
  const std::size_t before = limit();
  limit_ = within(options_.range, wanted);
  if (limit() != before) window_.restart(now);
  else window_.clear();
}

// ---- gradient ---------------------------------------------------------------------------------------------------------------

gradient_limit::gradient_limit(const gradient_limit_options& options)
    : options_(options), limit_(static_cast<double>(options.range.first)) {
  check(options.range);
  if (!(options.tolerance >= 1 && options.tolerance <= 10))
    throw std::invalid_argument("gradient_limit_options::tolerance must be 1 to 10");
  if (options.probe_interval <= duration{})
    throw std::invalid_argument("gradient_limit_options::probe_interval must be greater than zero");
}

void gradient_limit::ended(const ended_request& request, time_point now) noexcept {
  if (!window_.add(request, now, limit())) return;
  const duration latency = window_.mean();
  const bool used = window_.was_used(limit());
  // Where the limit had to go that low, perhaps it is the server that has become slower.
  const bool is_stale = unloaded_ == duration{} || now >= believed_until_ || limit_ * 2 < needed_;
  if (is_probing()) {
    go_on_probing(latency, now);
  } else if (used && is_stale) {
    begin_probe(latency, now);
  } else {
    if (used) return follow(latency, now);
    if (is_stale && latency != duration::max()) believe(latency, now);
    window_.clear();
  }
}

void gradient_limit::get_options(gate_options& o) const noexcept {
  get_range(options_.range, o);
  o.tolerance = options_.tolerance;
  o.probe_interval = options_.probe_interval;
}

void gradient_limit::set_options(const gate_options& o) noexcept {
  set_range(options_.range, o);
  options_.tolerance = o.tolerance;
  options_.probe_interval = o.probe_interval;
  limit_ = within(options_.range, limit_);
}

void gradient_limit::follow(duration latency, time_point now) noexcept {
  const double gradient = std::clamp(options_.tolerance * ratio(unloaded_, latency), 0.5, 2.0);
  const double bearable = gradient * limit_;
  move_to(bearable + std::sqrt(bearable), now);
}

void gradient_limit::begin_probe(duration latency, time_point now) noexcept {
  top_limit_ = limit_;
  top_latency_ = latency;
  go_on_probing(latency, now);
}

/// With so many in flight, each taking so long, limit / latency are answered in a unit of time: as many as at the top as long
/// as latency falls as the limit does.
void gradient_limit::go_on_probing(duration latency, time_point now) noexcept {
  constexpr double step = 0.7;
  constexpr double as_many = 0.95;
  const bool fewer = limit_ / top_limit_ * ratio(top_latency_, latency) < as_many;
  const bool at_the_end = limit() <= options_.range.least;
  if (!at_the_end && (!fewer || latency == duration::max())) return move_to(limit_ * step, now);
  // So many places are busy when as many are answered as at the top.
  needed_ = std::max(limit_, top_limit_ * ratio(latency, top_latency_));
  const double bearable = options_.tolerance * needed_;
  if (latency != duration::max()) believe(latency, now);
  move_to(std::min(std::exchange(top_limit_, 0), bearable + std::sqrt(bearable)), now);
}

void gradient_limit::believe(duration latency, time_point now) noexcept {
  unloaded_ = std::max(latency, duration(1));
  believed_until_ = detail::later(now, options_.probe_interval);
}

void gradient_limit::move_to(double wanted, time_point now) noexcept {
  const std::size_t before = limit();
  limit_ = within(options_.range, wanted);
  if (limit() != before) window_.restart(now);
  else window_.clear();
}

}  // namespace catena
