// SPDX-License-Identifier: BSL-1.0
#include <catena/recover/hedge.hpp>

#include <algorithm>
#include <stdexcept>

namespace catena {

void check(const hedge_options& o) {
  const auto expect = [](bool holds, const char* text) {
    if (!holds) throw std::invalid_argument(text);
  };
  expect(o.quantile >= 0.5 && o.quantile <= 0.999, "hedge_options::quantile must be 0.5 to 0.999");
  expect(o.extra >= 1 && o.extra <= 3, "hedge_options::extra must be 1 to 3");
  expect(o.least_count >= 1 && o.least_count <= 1'000'000, "hedge_options::least_count must be 1 to 1000000");
  expect(o.least_delay >= duration{}, "hedge_options::least_delay must be zero or more");
}

std::optional<duration> hedge_delay(const hedge_options& o, const latency_histogram& seen) noexcept {
  if (seen.count() < o.least_count) return std::nullopt;
  return std::max(*seen.quantile(o.quantile), o.least_delay);
}

}  // namespace catena
