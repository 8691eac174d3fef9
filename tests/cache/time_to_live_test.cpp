// SPDX-License-Identifier: BSL-1.0
#include <catena/cache/time_to_live.hpp>

#include <algorithm>
#include <chrono>
#include <set>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using catena::duration;
using catena::time_point;
using catena::time_to_live;

constexpr time_point stored_at{1h};

}  // namespace

TEST_CASE("without a time to live nothing expires") {
  CHECK(time_to_live{}.expiry(stored_at, {1, 2}) == catena::no_deadline);
  CHECK(time_to_live{.ttl = 0s, .jitter = 1}.expiry(stored_at, {1, 2}) == catena::no_deadline);
}

TEST_CASE("without jitter everything lives exactly its time") {
  CHECK(time_to_live{.ttl = 10s}.expiry(stored_at, {1, 2}) == stored_at + 10s);
}

TEST_CASE("jitter takes off at most its share, and spreads over all of it") {
  const time_to_live lives{.ttl = 1000s, .jitter = 0.25};
  duration shortest = duration::max(), longest{};
  double sum = 0;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const duration life = lives.expiry(stored_at, {i, i}) - stored_at;
    shortest = std::min(shortest, life);
    longest = std::max(longest, life);
    sum += std::chrono::duration<double>(life).count();
  }
  CHECK(shortest >= 750s);
  CHECK(shortest < 752s);
  CHECK(longest <= 1000s);
  CHECK(longest > 998s);
  CHECK(sum / 10'000 == Catch::Approx(875).epsilon(0.01));
}

TEST_CASE("one key stored at other moments expires after other times") {
  const time_to_live lives{.ttl = 1000s, .jitter = 0.5};
  std::set<duration> seen;
  for (int i = 0; i < 100; ++i) seen.insert(lives.expiry(stored_at + duration(i), {1, 2}) - (stored_at + duration(i)));
  CHECK(seen.size() == 100);
  CHECK(lives.expiry(stored_at, {1, 2}) == lives.expiry(stored_at, {1, 2}));
}

TEST_CASE("full jitter still leaves a life, and the longest life does not overflow") {
  const time_to_live full{.ttl = 1ns, .jitter = 1};
  const time_to_live longest{.ttl = duration::max(), .jitter = 1};
  for (std::uint64_t i = 0; i < 1000; ++i) {
    CHECK(full.expiry(stored_at, {i, 0}) > stored_at);
    CHECK(longest.expiry(stored_at, {i, 0}) > stored_at);
  }
  CHECK(time_to_live{.ttl = duration::max()}.expiry(stored_at, {}) == catena::no_deadline);
}
