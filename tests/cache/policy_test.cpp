// SPDX-License-Identifier: BSL-1.0
/// \file
/// What both eviction policies promise, and what each does of its own.
#include <catena/cache/lru.hpp>
#include <catena/cache/s3_fifo.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using catena::cache_key;
using catena::cache_limits;
using catena::lru;
using catena::no_deadline;
using catena::s3_fifo;
using catena::time_point;

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

/// As a hash would: neighbours lie far apart.
cache_key scattered(std::uint64_t i) {
  std::mt19937_64 random(i);
  return {random(), random()};
}

/// All in a few places of the index.
cache_key crowded(std::uint64_t i) { return {i % 3 | i << 40, i}; }

/// A policy with ints for values, and what it dropped.
template <class Policy>
struct policy_under_test {
  explicit policy_under_test(cache_limits limits) : policy(limits) {}
  bool put(const cache_key& key, int value, std::size_t bytes = 1, time_point expires = no_deadline) {
    return policy.put(key, value, bytes, expires, dropped);
  }
  bool has(const cache_key& key, time_point now = time_point{}) { return policy.get(key, now, dropped) != nullptr; }

  Policy policy;
  std::vector<int> dropped;
};

/// Least recently used, in ten lines.
struct plain_lru {
  struct entry {
    cache_key key;
    int value;
    std::size_t bytes;
  };
  cache_limits limits;
  std::deque<entry> order;  ///< most recently used first

  [[nodiscard]] std::size_t bytes() const {
    std::size_t sum = 0;
    for (const auto& e : order) sum += e.bytes;
    return sum;
  }
  const int* get(const cache_key& key) {
    const auto at = std::find_if(order.begin(), order.end(), [&](const entry& e) { return e.key == key; });
    if (at == order.end()) return nullptr;
    std::rotate(order.begin(), at, at + 1);
    return &order.front().value;
  }
  void put(const cache_key& key, int value, std::size_t size) {
    std::erase_if(order, [&](const entry& e) { return e.key == key; });
    if (size > limits.bytes) return;
    order.push_front({key, value, size});
    while (order.size() > limits.count || bytes() > limits.bytes) order.pop_back();
  }
};

template <class Policy>
void check_budget(cache_limits limits, cache_key (*key)(std::uint64_t), unsigned seed) {
  std::mt19937 random(seed);
  policy_under_test<Policy> under_test(limits);
  std::map<int, std::size_t> stored;  // every value is another, so that each is dropped once
  for (int step = 0; step < 20'000; ++step) {
    const cache_key k = key(random() % 60);
    switch (random() % 5) {
      case 0:
      case 1: {
        const std::size_t bytes = random() % 40;
        if (under_test.put(k, step, bytes)) stored[step] = bytes;
        break;
      }
      case 2: under_test.policy.erase(k, under_test.dropped); break;
      default: (void)under_test.has(k);
    }
    std::size_t bytes = 0;
    for (const int value : under_test.dropped)
      if (!stored.erase(value)) REQUIRE(value == step);  // refused: dropped by the caller
    under_test.dropped.clear();
    for (const auto& [value, size] : stored) bytes += size;
    REQUIRE(under_test.policy.size() == stored.size());
    REQUIRE(under_test.policy.bytes() == bytes);
    REQUIRE(stored.size() <= limits.count);
    REQUIRE(bytes <= limits.bytes);
  }
}

/// Hits of a stream of get-or-put.
template <class Policy>
double hit_ratio(std::size_t capacity, const std::vector<std::uint64_t>& stream) {
  policy_under_test<Policy> under_test({capacity, no_limit});
  std::size_t hits = 0;
  for (const auto i : stream) {
    const cache_key key = scattered(i);
    if (under_test.has(key)) ++hits;
    else under_test.put(key, 0);
  }
  return static_cast<double>(hits) / static_cast<double>(stream.size());
}

}  // namespace

TEMPLATE_TEST_CASE("a cache keeps its budget in entries and bytes, and drops every value once", "", lru<int>, s3_fifo<int>) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    INFO("seed " << seed);
    check_budget<TestType>({10, no_limit}, &scattered, seed);
    check_budget<TestType>({1000, 100}, &scattered, seed);
    check_budget<TestType>({10, 100}, &crowded, seed);
    check_budget<TestType>({1, 30}, &crowded, seed);
  }
}

TEST_CASE("lru agrees with a ten-line model of itself about every entry") {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const cache_limits limits{1 + random() % 30, seed % 2 ? no_limit : 200};
    const auto key = seed % 3 ? &scattered : &crowded;
    policy_under_test<lru<int>> tested(limits);
    plain_lru plain{limits, {}};
    for (int step = 0; step < 5000; ++step) {
      const cache_key k = key(random() % 50);
      if (random() % 3 == 0) {
        const std::size_t bytes = random() % 60 ? random() % 30 : 300;
        tested.put(k, step, bytes);
        plain.put(k, step, bytes);
      } else {
        const int* found = tested.policy.get(k, time_point{}, tested.dropped);
        const int* expected = plain.get(k);
        REQUIRE((found != nullptr) == (expected != nullptr));
        if (found) REQUIRE(*found == *expected);
      }
      REQUIRE(tested.policy.size() == plain.order.size());
      REQUIRE(tested.policy.bytes() == plain.bytes());
    }
    const auto order = plain.order;  // from the most to the least recently used: looking changes nothing between them
    for (auto e = order.rbegin(); e != order.rend(); ++e) {
      const int* found = tested.policy.get(e->key, time_point{}, tested.dropped);
      REQUIRE(found);
      CHECK(*found == e->value);
    }
  }
}

TEMPLATE_TEST_CASE("an entry is found until its time has come, and then dropped", "", lru<int>, s3_fifo<int>) {
  policy_under_test<TestType> cache({10, 100});
  cache.put(scattered(1), 7, 1, time_point(10s));
  CHECK(cache.has(scattered(1), time_point(10s) - 1ns));
  CHECK(cache.policy.losses().expired == 0);
  CHECK(!cache.has(scattered(1), time_point(10s)));
  CHECK(cache.dropped == std::vector{7});
  CHECK(cache.policy.losses().expired == 1);
  CHECK(cache.policy.losses().evictions == 0);
  CHECK(cache.policy.size() == 0);
  CHECK(cache.policy.bytes() == 0);
}

TEMPLATE_TEST_CASE("an entry larger than the whole budget is refused, counted, and ends the old one", "", lru<int>, s3_fifo<int>) {
  policy_under_test<TestType> cache({10, 100});
  cache.put(scattered(1), 1, 10);
  cache.put(scattered(2), 2, 10);
  CHECK(!cache.put(scattered(1), 3, 101));
  CHECK(!cache.has(scattered(1)));
  CHECK(cache.has(scattered(2)));
  CHECK(cache.policy.losses().refused == 1);
  CHECK(cache.policy.losses().evictions == 0);
  CHECK(cache.put(scattered(1), 4, 100));
  CHECK(!cache.has(scattered(2)));
  CHECK(cache.policy.losses().evictions == 1);
}

TEMPLATE_TEST_CASE("storing a key again replaces its value and evicts nobody", "", lru<int>, s3_fifo<int>) {
  policy_under_test<TestType> cache({2, 100});
  cache.put(scattered(1), 1);
  cache.put(scattered(2), 2);
  cache.put(scattered(1), 3);
  CHECK(cache.dropped == std::vector{1});
  CHECK(cache.policy.losses().evictions == 0);
  CHECK(*cache.policy.get(scattered(1), time_point{}, cache.dropped) == 3);
  CHECK(cache.has(scattered(2)));
}

TEMPLATE_TEST_CASE("erasing says whether there was something", "", lru<int>, s3_fifo<int>) {
  policy_under_test<TestType> cache({2, 100});
  cache.put(scattered(1), 1);
  CHECK(cache.policy.erase(scattered(1), cache.dropped));
  CHECK(!cache.policy.erase(scattered(1), cache.dropped));
  CHECK(cache.dropped == std::vector{1});
}

TEST_CASE("lru evicts what was not asked for the longest") {
  policy_under_test<lru<int>> cache({3, no_limit});
  for (int i = 1; i <= 3; ++i) cache.put(scattered(static_cast<unsigned>(i)), i);
  CHECK(cache.has(scattered(1)));
  cache.put(scattered(4), 4);
  CHECK(cache.dropped == std::vector{2});
  cache.put(scattered(5), 5);
  CHECK(cache.dropped == std::vector{2, 3});
}

TEST_CASE("s3_fifo: what is asked for once does not displace what is asked for often") {
  policy_under_test<s3_fifo<int>> cache({100, no_limit});
  for (unsigned i = 0; i < 50; ++i) {
    cache.put(scattered(i), static_cast<int>(i));
    for (int hit = 0; hit < 2; ++hit) CHECK(cache.has(scattered(i)));
  }
  for (unsigned i = 1000; i < 11'000; ++i) cache.put(scattered(i), -1);
  for (unsigned i = 0; i < 50; ++i) CHECK(cache.has(scattered(i)));
}

TEST_CASE("s3_fifo: what comes back soon after its eviction enters the main queue at once") {
  policy_under_test<s3_fifo<int>> cache({100, no_limit});
  for (unsigned i = 0; i < 150; ++i) cache.put(scattered(i), static_cast<int>(i));
  CHECK(!cache.has(scattered(10)));
  cache.put(scattered(10), 10);
  for (unsigned i = 1000; i < 1300; ++i) cache.put(scattered(i), -1);
  CHECK(cache.has(scattered(10)));
  CHECK(!cache.has(scattered(1000)));
}

TEST_CASE("s3_fifo: what was evicted long ago is new again") {
  policy_under_test<s3_fifo<int>> cache({100, no_limit});
  for (unsigned i = 0; i < 1000; ++i) cache.put(scattered(i), static_cast<int>(i));
  cache.put(scattered(10), 10);
  for (unsigned i = 2000; i < 2300; ++i) cache.put(scattered(i), -1);
  CHECK(!cache.has(scattered(10)));
}

TEST_CASE("s3_fifo: what is no longer asked for leaves the main queue") {
  policy_under_test<s3_fifo<int>> cache({100, no_limit});
  const auto use = [&](unsigned i) {
    if (!cache.has(scattered(i))) cache.put(scattered(i), static_cast<int>(i));
  };
  for (int round = 0; round < 5; ++round)
    for (unsigned i = 0; i < 90; ++i) use(i);
  for (int round = 0; round < 20; ++round)
    for (unsigned i = 100; i < 190; ++i) use(i);
  unsigned left = 0;
  for (unsigned i = 0; i < 90; ++i) left += cache.has(scattered(i));
  CHECK(left <= 20);
}

TEST_CASE("s3_fifo: a shard full of hot entries makes room in a bounded time") {
  policy_under_test<s3_fifo<int>> cache({10'000, no_limit});
  for (int round = 0; round < 5; ++round)
    for (unsigned i = 0; i < 10'000; ++i)
      if (!cache.has(scattered(i))) cache.put(scattered(i), static_cast<int>(i));
  // All have three hits: without the limit on second chances the next eviction would walk over them all, three times.
  cache.dropped.clear();
  cache.put(scattered(20'000), -1);
  CHECK(cache.dropped.size() == 1);
  CHECK(cache.policy.size() == 10'000);
}

TEST_CASE("s3_fifo hits at least as often as lru, less two points, on Zipf, scanning and looping streams") {
  if (catena::test::is_sanitized) CATENA_SKIP("its figures are those of plain builds");
  std::mt19937_64 random(3);
  std::vector<double> until(10'000);
  double sum = 0;
  for (std::size_t i = 0; i < until.size(); ++i) until[i] = sum += std::pow(static_cast<double>(i + 1), -0.99);
  std::uniform_real_distribution<double> uniform(0, sum);
  const auto zipf = [&] {
    return static_cast<std::uint64_t>(std::lower_bound(until.begin(), until.end() - 1, uniform(random)) - until.begin());
  };
  std::map<std::string, std::vector<std::uint64_t>> streams;
  for (std::uint64_t i = 0; i < 50'000; ++i) {
    streams["zipf"].push_back(zipf());
    streams["scan"].push_back(i / 500 % 2 ? 1'000'000 + i : zipf());
    streams["loop"].push_back(i % 1200);
  }
  for (const auto& [name, stream] : streams) {
    INFO(name);
    for (const std::size_t capacity : {100, 1000})
      CHECK(hit_ratio<s3_fifo<int>>(capacity, stream) >= hit_ratio<lru<int>>(capacity, stream) - 0.02);
  }
}
