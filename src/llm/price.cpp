// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/price.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace catena::llm {
namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t per_unit = 1'000'000'000;
constexpr std::int64_t tokens_priced = 1'000'000;

/// What so many tokens cost at a price for a million, rounded up.
money cost(std::int64_t tokens, money price) noexcept {
  std::int64_t nanos = 0;
  if (__builtin_mul_overflow(tokens / tokens_priced, price.nanos, &nanos)) return {largest};
  const auto rest = static_cast<long double>(tokens % tokens_priced) * static_cast<long double>(price.nanos) / tokens_priced;
  return money{nanos} + money{rest >= static_cast<long double>(largest) ? largest : static_cast<std::int64_t>(std::ceil(rest))};
}

bool fits(const price_period& p, wall_time when) noexcept {
  const auto day = std::chrono::floor<std::chrono::days>(when);
  const auto minute = std::chrono::floor<std::chrono::minutes>(when - day);
  if (minute < p.from || minute >= p.to) return false;
  return p.days.empty() || std::ranges::find(p.days, std::chrono::weekday(day)) != p.days.end();
}

void check_price(const model_price& of, const token_price& p) {
  if (std::min({p.input, p.cached_input, p.output}) < money{}) throw std::invalid_argument("price_table: a price of '" + of.model + "' is below zero");
}

}  // namespace

money money::of(double units) noexcept {
  const double nanos = std::round(units * per_unit);
  if (!(std::abs(nanos) < static_cast<double>(largest))) return {nanos > 0 ? largest : -largest};
  return {static_cast<std::int64_t>(nanos)};
}

std::string money::to_string() const {
  const auto size = nanos < 0 ? 0 - static_cast<std::uint64_t>(nanos) : static_cast<std::uint64_t>(nanos);
  std::string digits = std::to_string(size % per_unit);
  digits.insert(0, 9 - digits.size(), '0');
  while (digits.ends_with('0')) digits.pop_back();
  return (nanos < 0 ? "-" : "") + std::to_string(size / per_unit) + (digits.empty() ? "" : "." + digits);
}

money operator+(money a, money b) noexcept {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a.nanos, b.nanos, &sum)) return {a.nanos > 0 ? largest : -largest};
  return {sum};
}

money operator-(money a, money b) noexcept { return a + money{b.nanos == std::numeric_limits<std::int64_t>::min() ? largest : -b.nanos}; }

money token_price::of(const token_usage& used) const noexcept {
  const std::int64_t cached = std::clamp<std::int64_t>(used.cached_input, 0, std::max<std::int64_t>(used.input, 0));
  return cost(std::max<std::int64_t>(used.input, 0) - cached, input) + cost(cached, cached_input) + cost(std::max<std::int64_t>(used.output, 0), output);
}

price_table::price_table(std::vector<model_price> all) : all_(std::move(all)) {
  for (const model_price& m : all_) {
    if (find(m.model) != &m) throw std::invalid_argument("price_table: '" + m.model + "' is there twice");
    check_price(m, m.price);
    for (const price_period& p : m.periods) {
      check_price(m, p.price);
      if (p.from < std::chrono::minutes(0) || p.to <= p.from || p.to > std::chrono::hours(24))
        throw std::invalid_argument("price_table: a period of '" + m.model + "' goes from a minute of a day to a later one, 1440 at most");
    }
  }
}

const model_price* price_table::find(std::string_view model) const noexcept {
  const auto found = std::ranges::find(all_, model, &model_price::model);
  return found == all_.end() ? nullptr : &*found;
}

token_price price_table::at(std::string_view model, wall_time when) const noexcept {
  const model_price* m = find(model);
  if (!m) return {};
  const auto period = std::ranges::find_if(m->periods, [&](const price_period& p) { return fits(p, when); });
  return period == m->periods.end() ? m->price : period->price;
}

token_price price_table::most(std::string_view model) const noexcept {
  const model_price* m = find(model);
  if (!m) return {};
  token_price most = m->price;
  for (const price_period& p : m->periods) {
    most.input = std::max(most.input, p.price.input);
    most.cached_input = std::max(most.cached_input, p.price.cached_input);
    most.output = std::max(most.output, p.price.output);
  }
  return most;
}

}  // namespace catena::llm
