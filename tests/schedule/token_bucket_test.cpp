// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/token_bucket.hpp>

#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using catena::duration;
using catena::rate;
using catena::time_point;
using catena::token_bucket;
using catena::token_bucket_options;

constexpr time_point bucket_start{1h};

std::string fault_of_bucket(const token_bucket_options& options) {
  try {
    check(options);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "none";
}

/// A token bucket in ten lines, in whole eighths of a nanosecond: what is in it, in units of one token's time.
struct plain_bucket {
  std::int64_t capacity, interval;  ///< ticks a token
  std::int64_t content;             ///< ticks' worth of tokens
  std::int64_t seen;                ///< the moment of `content`, in nanoseconds

  void fill(std::int64_t now) {
    content = std::min(capacity * interval, content + 8 * (now - seen));
    seen = now;
  }
  std::int64_t wait_for(std::int64_t cost) const { return std::max<std::int64_t>(0, (cost * interval - content + 7) / 8); }
  void take(std::int64_t cost) { content -= cost * interval; }
  void give_back(std::int64_t cost) { content = std::min(capacity * interval, content + cost * interval); }
};

}  // namespace

TEST_CASE("a full bucket admits a burst of exactly its capacity") {
  for (const double tokens : {1.0, 3.0, 7.0, 1000.0, 333'333.0, 0.1}) {
    for (const std::int64_t capacity : {1, 2, 10, 1000}) {
      INFO(tokens << " a second, capacity " << capacity);
      token_bucket bucket({.refill = {.tokens = tokens, .per = 1s}, .capacity = capacity}, bucket_start);
      for (std::int64_t i = 0; i < capacity; ++i) REQUIRE(bucket.try_take(1, bucket_start) == bucket_start);
      CHECK(bucket.try_take(1, bucket_start) > bucket_start);
      CHECK(bucket.level(bucket_start) == 0);
    }
  }
}

TEST_CASE("an empty bucket grants the next token exactly when it has come and not a nanosecond before") {
  token_bucket bucket({.refill = {.tokens = 10, .per = 1s}, .capacity = 5}, bucket_start);
  REQUIRE(bucket.try_take(5, bucket_start) == bucket_start);
  const time_point next = bucket.try_take(1, bucket_start);
  CHECK(next == bucket_start + 100ms);
  CHECK(bucket.try_take(1, next - 1ns) == next);
  CHECK(bucket.try_take(1, next) == next);
  CHECK(bucket.try_take(1, next) == next + 100ms);
}

TEST_CASE("a refused take says when exactly as many tokens will have come, and takes nothing") {
  token_bucket bucket({.refill = {.tokens = 10, .per = 1s}, .capacity = 5}, bucket_start);
  REQUIRE(bucket.try_take(4, bucket_start) == bucket_start);
  CHECK(bucket.try_take(3, bucket_start) == bucket_start + 200ms);
  CHECK(bucket.try_take(5, bucket_start) == bucket_start + 400ms);
  CHECK(bucket.level(bucket_start) == 1);
  CHECK(bucket.when(1, bucket_start) == bucket_start);
  CHECK(bucket.when(5, bucket_start) == bucket_start + 400ms);
}

TEST_CASE("a bucket fills up to its capacity and no further") {
  token_bucket bucket({.refill = {.tokens = 10, .per = 1s}, .capacity = 5}, bucket_start);
  REQUIRE(bucket.try_take(5, bucket_start) == bucket_start);
  const time_point much_later = bucket_start + 24h;
  CHECK(bucket.level(much_later) == 5);
  CHECK(bucket.try_take(5, much_later) == much_later);
  CHECK(bucket.try_take(1, much_later) == much_later + 100ms);
}

TEST_CASE("the moment for more than a capacity is when all of them will have come one after the other") {
  const token_bucket bucket({.refill = {.tokens = 10, .per = 1s}, .capacity = 5}, bucket_start);
  CHECK(bucket.when(5, bucket_start) == bucket_start);
  CHECK(bucket.when(6, bucket_start) == bucket_start + 100ms);
  CHECK(bucket.when(25, bucket_start) == bucket_start + 2s);
}

TEST_CASE("a cost of nothing is granted unless the bucket is in debt") {
  token_bucket bucket({.refill = {.tokens = 10, .per = 1s}, .capacity = 5}, bucket_start);
  REQUIRE(bucket.try_take(5, bucket_start) == bucket_start);
  CHECK(bucket.try_take(0, bucket_start) == bucket_start);
  bucket.take(1, bucket_start);
  CHECK(bucket.try_take(0, bucket_start) == bucket_start + 100ms);
}

TEST_CASE("tokens taken on top leave a debt that time pays back") {
  token_bucket bucket({.refill = {.tokens = 10, .per = 1s}, .capacity = 5}, bucket_start);
  bucket.take(12, bucket_start);
  CHECK(bucket.level(bucket_start) == -7);
  CHECK(bucket.when(1, bucket_start) == bucket_start + 800ms);
  CHECK(bucket.level(bucket_start + 700ms) == 0);
  CHECK(bucket.level(bucket_start + 700ms - 1ns) == -1);
}

TEST_CASE("a debt taken from a bucket that has been idle is a debt from now on") {
  token_bucket bucket({.refill = {.tokens = 10, .per = 1s}, .capacity = 5}, bucket_start);
  bucket.take(7, bucket_start + 1h);
  CHECK(bucket.level(bucket_start + 1h) == -2);
}

TEST_CASE("tokens that are given back can be taken again, but never make more than the capacity") {
  token_bucket bucket({.refill = {.tokens = 10, .per = 1s}, .capacity = 5}, bucket_start);
  REQUIRE(bucket.try_take(5, bucket_start) == bucket_start);
  bucket.give_back(3);
  CHECK(bucket.level(bucket_start) == 3);
  bucket.give_back(3);
  CHECK(bucket.level(bucket_start) == 5);
  CHECK(bucket.try_take(5, bucket_start) == bucket_start);
  CHECK(bucket.try_take(1, bucket_start) > bucket_start);
}

TEST_CASE("a change of rate keeps what is there and what is owed as many tokens as it was") {
  for (const std::int64_t taken : {0, 2, 5, 9}) {
    for (const double tokens : {1.0, 10.0, 1000.0}) {
      token_bucket bucket({.refill = {.tokens = 10, .per = 1s}, .capacity = 5}, bucket_start);
      bucket.take(taken, bucket_start);
      bucket.set_rate({.tokens = tokens, .per = 1s}, bucket_start);
      CHECK(bucket.level(bucket_start) == 5 - taken);
      CHECK(bucket.when(6, bucket_start) == bucket_start + (taken + 1) * duration(1s) / static_cast<int>(tokens));
    }
  }
}

TEST_CASE("a bucket whose rate has changed twice uses the last one") {
  token_bucket bucket({.refill = {.tokens = 10, .per = 1s}, .capacity = 5}, bucket_start);
  REQUIRE(bucket.try_take(5, bucket_start) == bucket_start);
  bucket.set_rate({.tokens = 1000, .per = 1s}, bucket_start);
  bucket.set_rate({.tokens = 2, .per = 1min}, bucket_start);
  CHECK(bucket.try_take(1, bucket_start) == bucket_start + 30s);
  bucket.set_rate({.tokens = 1, .per = 10ms}, bucket_start + 15s);
  CHECK(bucket.try_take(1, bucket_start + 15s) == bucket_start + 15s + 5ms);
}

TEST_CASE("a bucket grants nothing for time that stands still or goes back") {
  token_bucket bucket({.refill = {.tokens = 1000, .per = 1s}, .capacity = 5}, bucket_start);
  REQUIRE(bucket.try_take(5, bucket_start) == bucket_start);
  for (int i = 0; i < 100; ++i) CHECK(bucket.try_take(1, bucket_start) == bucket_start + 1ms);
  CHECK(bucket.try_take(1, bucket_start - 1s) == bucket_start + 1ms);
  CHECK(bucket.try_take(1, bucket_start + 1ms) == bucket_start + 1ms);
  CHECK(bucket.try_take(1, bucket_start) == bucket_start + 2ms);
}

TEST_CASE("a bucket is full also at moments before it was made") {
  token_bucket bucket({.refill = {.tokens = 1, .per = 1s}, .capacity = 5}, bucket_start);
  CHECK(bucket.try_take(5, bucket_start - 10min) == bucket_start - 10min);
}

TEST_CASE("no moment, cost, rate or capacity overflows a bucket") {
  constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  const std::vector<time_point> moments{time_point::min(), time_point(-1h), time_point{}, bucket_start, bucket_start + 24h * 365 * 8, time_point::max()};
  for (const token_bucket_options& options :
       {token_bucket_options{.refill = {.tokens = 1e9}, .capacity = token_bucket::most_tokens},
        token_bucket_options{.refill = {.tokens = 1, .per = 24h * 365 * 4}, .capacity = 1},
        token_bucket_options{.refill = {.tokens = 1e-6, .per = 1min}, .capacity = 2}}) {
    for (const time_point made : moments) {
      token_bucket bucket(options, made);
      for (const time_point now : moments) {
        (void)bucket.try_take(options.capacity, now);
        bucket.take(huge, now);
        bucket.take(huge, now);
        CHECK(bucket.level(now) <= options.capacity);
        CHECK(bucket.when(huge, now) >= now);
        bucket.set_rate({.tokens = 5e8}, now);
        bucket.set_rate(options.refill, now);
        CHECK(bucket.try_take(options.capacity, now) >= now);
        for (int i = 0; i < 10; ++i) bucket.give_back(huge);
        CHECK(bucket.level(made) <= options.capacity);
      }
    }
  }
}

TEST_CASE("a bucket agrees with a ten-line model of itself") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const std::int64_t capacity = 1 + static_cast<std::int64_t>(random() % 50);
    const double tokens = 1 + static_cast<double>(random() % 1'000'000) / 7;
    const auto interval = static_cast<std::int64_t>(std::ceil(8e9 / tokens));
    token_bucket bucket({.refill = {.tokens = tokens, .per = 1s}, .capacity = capacity}, bucket_start);
    plain_bucket plain{capacity, interval, capacity * interval, 0};
    std::int64_t now = 0;
    for (int step = 0; step < 2'000; ++step) {
      now += static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(interval));
      plain.fill(now);
      const time_point moment = bucket_start + duration(now);
      const std::int64_t cost = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(capacity + 1));
      switch (random() % 8) {
        case 0:
          bucket.take(cost, moment);
          plain.take(cost);
          break;
        case 1:
          bucket.give_back(cost);
          plain.give_back(cost);
          break;
        default: {
          const std::int64_t wait = plain.wait_for(cost);
          REQUIRE(bucket.when(cost, moment) == moment + duration(wait));
          REQUIRE(bucket.try_take(cost, moment) == moment + duration(wait));
          if (wait == 0) plain.take(cost);
        }
      }
    }
  }
}

TEST_CASE("however fast it is, a bucket never grants more than rate * time + capacity") {
  for (const double tokens : {1e9, 999'999'999.0, 333'333'333.3, 7e7, 1e6}) {
    token_bucket bucket({.refill = {.tokens = tokens, .per = 1s}, .capacity = 100}, bucket_start);
    std::int64_t granted = 0;
    for (int step = 0; step < 20'000; ++step) {
      const time_point now = bucket_start + step * 7ns;
      while (bucket.try_take(3, now) == now) granted += 3;
      REQUIRE(static_cast<double>(granted) <= 100 + tokens * step * 7e-9);
    }
    CHECK(static_cast<double>(granted) >= 0.85 * tokens * 20'000 * 7e-9);
  }
}

TEST_CASE("token_bucket_options that are out of range are refused with the member's name") {
  CHECK(fault_of_bucket({}) == "none");
  CHECK(fault_of_bucket({.capacity = 0}) == "token_bucket_options::capacity must be 1 to 1e12, is 0");
  CHECK(fault_of_bucket({.capacity = token_bucket::most_tokens + 1}) == "token_bucket_options::capacity must be 1 to 1e12, is 1000000000001");
  for (const double bad : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    CHECK_THAT(fault_of_bucket({.refill = {.tokens = bad}}), Catch::Matchers::StartsWith("token_bucket_options::refill.tokens must be more than 0"));
  CHECK(fault_of_bucket({.refill = {.per = 0s}}) == "token_bucket_options::refill.per must be more than 0");
  CHECK(fault_of_bucket({.refill = {.tokens = 1.01e9}}) == "token_bucket_options::refill must be at most 1e9 tokens a second");
  CHECK(fault_of_bucket({.refill = {.tokens = 1, .per = 24h}, .capacity = 2000}) ==
        "token_bucket_options::refill must fill the capacity within 4 years");
}

TEST_CASE("a bucket's rate cannot be set to what its options could not have") {
  token_bucket bucket({.refill = {.tokens = 10, .per = 1s}, .capacity = 5}, bucket_start);
  CHECK_THROWS_AS(bucket.set_rate({.tokens = 0}, bucket_start), std::invalid_argument);
  CHECK_THROWS_AS(bucket.set_rate({.tokens = 1, .per = 24h * 365}, bucket_start), std::invalid_argument);
  REQUIRE(bucket.try_take(5, bucket_start) == bucket_start);
  CHECK(bucket.try_take(1, bucket_start) == bucket_start + 100ms);
}

TEST_CASE("threads that take and give back at once never get more than rate * time + capacity", "[concurrency]") {
  constexpr std::int64_t capacity = 1000;
  constexpr double tokens = 2e6;
  const time_point begin = catena::clock::now();
  token_bucket bucket({.refill = {.tokens = tokens, .per = 1s}, .capacity = capacity}, begin);
  std::atomic<std::int64_t> granted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      std::int64_t mine = 0;
      for (int i = 0; i < 30'000; ++i) {
        const std::int64_t cost = 1 + static_cast<std::int64_t>(random() % 20);
        const time_point now = catena::clock::now();
        if (bucket.try_take(cost, now) != now) continue;
        if (random() % 4 == 0) bucket.give_back(cost);
        else mine += cost;
      }
      granted += mine;
    });
  for (auto& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(catena::clock::now() - begin).count();
  CHECK(granted > capacity / 2);
  CHECK(static_cast<double>(granted) <= capacity + tokens * seconds);
}

TEST_CASE("takes that race with changes of rate get no more than the fastest of them allows", "[concurrency]") {
  constexpr std::int64_t capacity = 100;
  const time_point begin = catena::clock::now();
  token_bucket bucket({.refill = {.tokens = 1e6, .per = 1s}, .capacity = capacity}, begin);
  std::atomic<bool> done{false};
  std::thread changer([&] {
    for (int i = 0; !done; ++i) bucket.set_rate({.tokens = i % 2 ? 1e6 : 1e3, .per = 1s}, catena::clock::now());
  });
  std::int64_t granted = 0;
  for (int i = 0; i < 100'000; ++i) {
    const time_point now = catena::clock::now();
    if (bucket.try_take(1, now) == now) ++granted;
  }
  done = true;
  changer.join();
  const double seconds = std::chrono::duration<double>(catena::clock::now() - begin).count();
  CHECK(static_cast<double>(granted) <= capacity + 1e6 * seconds);
}
