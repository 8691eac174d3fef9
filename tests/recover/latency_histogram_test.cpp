// SPDX-License-Identifier: BSL-1.0
#include <catena/recover/hedge.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

}  // namespace

TEST_CASE("a quantile of latencies is at most an eighth too much, and never too little") {
  std::mt19937_64 random(3);
  std::lognormal_distribution<double> us(7, 1.5);
  latency_histogram h(1h);
  std::vector<duration> all;
  for (int i = 0; i < 20'000; ++i) {
    const duration took = 1us + std::chrono::nanoseconds(static_cast<long>(us(random) * 1000));
    all.push_back(took);
    h.add(took, time_point(1h));
  }
  std::ranges::sort(all);
  for (const double q : {0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
    const duration exact = all[static_cast<std::size_t>(std::max(1.0, std::ceil(q * 20'000)) - 1)];
    const duration told = *h.quantile(q);
    INFO(q);
    CHECK(told >= exact);
    CHECK(told <= exact + exact / 8 + 1us);
  }
}

TEST_CASE("latencies below a microsecond and above an hour count as that") {
  latency_histogram h;
  CHECK(!h.quantile(0.5));
  h.add(-5s, time_point(1h));
  CHECK(*h.quantile(1) <= 1125ns);
  h.add(duration::max(), time_point(1h));
  CHECK(*h.quantile(1) >= 1h);
  CHECK(h.count() == 2);
}

TEST_CASE("latencies are forgotten after a window, and kept for half of one") {
  latency_histogram h(10s);
  h.add(1ms, time_point(1h));
  h.add(1ms, time_point(1h + 6s));
  CHECK(h.count() == 2);
  h.add(1ms, time_point(1h + 12s));
  CHECK(h.count() == 2);
  h.add(1ms, time_point(1h + 60s));
  CHECK(h.count() == 1);
}

TEST_CASE("a hedge begins after the quantile of what was seen, once that is enough") {
  latency_histogram h;
  for (int i = 1; i <= 99; ++i) h.add(i * 1ms, time_point(1h));
  CHECK(!hedge_delay({}, h));
  h.add(100ms, time_point(1h));
  CHECK(*hedge_delay({}, h) >= 95ms);
  CHECK(*hedge_delay({}, h) <= 107ms);
  CHECK(*hedge_delay({.least_delay = 1s}, h) == 1s);
  CHECK_THROWS_WITH(check(hedge_options{.quantile = 1}), "hedge_options::quantile must be 0.5 to 0.999");
  CHECK_THROWS_WITH(check(hedge_options{.extra = 4}), "hedge_options::extra must be 1 to 3");
  CHECK_THROWS_WITH(check(hedge_options{.least_count = 0}), "hedge_options::least_count must be 1 to 1000000");
  CHECK_THROWS_WITH(check(hedge_options{.least_delay = -1s}), "hedge_options::least_delay must be zero or more");
}
