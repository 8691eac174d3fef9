// SPDX-License-Identifier: BSL-1.0
/// \file
/// Balancing policies: the order they deal in, the shares that come of it, and whom they avoid.
#include <catena/balance/balancing_policies.hpp>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

/// Replicas of given weights, and a clock that the test moves.
struct balance_bench {
  explicit balance_bench(const std::vector<double>& weights) : loads(weights.size()) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      loads[i].weight = weights[i];
      from.push_back(&loads[i]);
    }
  }

  template <class Policy>
  [[nodiscard]] std::string order(Policy& policy, int count) {
    std::string letters;
    while (count-- > 0) letters += static_cast<char>('a' + policy.choose(from, now));
    return letters;
  }
  /// How often each is chosen, when all requests end at once.
  template <class Policy>
  [[nodiscard]] std::vector<int> shares(Policy policy, int count) {
    std::vector<int> chosen(loads.size());
    while (count-- > 0) ++chosen[policy.choose(from, now)];
    return chosen;
  }

  std::vector<replica_load> loads;
  std::vector<replica_load*> from;
  time_point now{1h};
};

}  // namespace

TEST_CASE("round robin goes on where it was, also when a replica is away for a while") {
  balance_bench here({1, 1, 1});
  round_robin policy;
  CHECK(here.order(policy, 7) == "abcabca");
  here.from = {&here.loads[0], &here.loads[2]};
  CHECK(here.order(policy, 3) == "bab");
  here.from = {&here.loads[0], &here.loads[1], &here.loads[2]};
  CHECK(here.order(policy, 4) == "bacb");
}

TEST_CASE("weighted round robin deals by weight, in the most even order") {
  balance_bench here({5, 1, 1});
  weighted_round_robin policy;
  CHECK(here.order(policy, 14) == "aabacaaaabacaa");
  CHECK(balance_bench({4, 2, 1, 1}).shares(policy, 8000) == std::vector<int>{4000, 2000, 1000, 1000});
  CHECK(balance_bench({0.5, 0.25, 0.25}).shares(policy, 400) == std::vector<int>{200, 100, 100});
}

TEST_CASE("response time weighting gives weight / (1 + mean / base_time)") {
  balance_bench here({1, 1, 3});
  here.loads[0].latency.answered(100ms, here.now);
  here.loads[1].latency.answered(300ms, here.now);
  here.loads[2].latency.answered(200ms, here.now);
  // 1/2, 1/4 and 3/3
  CHECK(here.shares(response_time_weighting{.base_time = 100ms}, 7000) == std::vector<int>{2000, 1000, 4000});
}

TEST_CASE("response time weighting counts one of which nothing is known as quick") {
  balance_bench here({1, 1});
  here.loads[0].latency.answered(100ms, here.now);
  CHECK(here.shares(response_time_weighting{.base_time = 100ms}, 300) == std::vector<int>{100, 200});
}

TEST_CASE("least outstanding chooses who has least to do for its weight, and goes around among equals") {
  balance_bench here({1, 1, 1});
  least_outstanding policy;
  CHECK(here.order(policy, 6) == "abcabc");
  here.loads[0].outstanding = 3;
  here.loads[1].outstanding = 1;
  here.loads[2].outstanding = 2;
  CHECK(here.order(policy, 3) == "bbb");
  balance_bench weighted({1, 4});
  weighted.loads[0].outstanding = 1;
  weighted.loads[1].outstanding = 6;
  CHECK(weighted.order(policy, 2) == "bb");
  weighted.loads[1].outstanding = 8;
  CHECK(weighted.order(policy, 2) == "aa");
}

TEST_CASE("power of two choices never chooses the slowest, and shares among equals") {
  balance_bench here({1, 1, 1, 1});
  for (std::size_t i = 0; i < 4; ++i) here.loads[i].latency.answered(i == 2 ? 2ms : 1ms, here.now);
  const auto chosen = here.shares(power_of_two_choices(1), 12000);
  CHECK(chosen[2] == 0);
  for (const std::size_t i : {0U, 1U, 3U}) CHECK(chosen[i] == Catch::Approx(4000).epsilon(0.06));
}

TEST_CASE("power of two choices prefers the slower one where the quicker one has that much more to do") {
  balance_bench here({1, 1});
  here.loads[0].latency.answered(1ms, here.now);
  here.loads[1].latency.answered(10ms, here.now);
  power_of_two_choices policy;
  here.loads[0].outstanding = 8;
  CHECK(here.order(policy, 3) == "aaa");
  here.loads[0].outstanding = 10;
  CHECK(here.order(policy, 3) == "bbb");
}

TEST_CASE("power of two choices gives one of which nothing is known a single request until it has answered") {
  balance_bench here({1, 1});
  here.loads[0].latency.answered(1ms, here.now);
  power_of_two_choices policy;
  CHECK(here.order(policy, 1) == "b");
  here.loads[0].outstanding = 50;
  here.loads[1].outstanding = 1;
  CHECK(here.order(policy, 3) == "aaa");
}

TEST_CASE("power of two choices is the same course for the same seed") {
  balance_bench here({1, 1, 1, 1, 1});
  power_of_two_choices first(7), second(7), other(8);
  const std::string course = here.order(first, 50);
  CHECK(here.order(second, 50) == course);
  CHECK(here.order(other, 50) != course);
}

TEST_CASE("power of two choices tries one that was slow again when its peak has faded, if nothing is outstanding there") {
  balance_bench here({1, 1});
  here.loads[0].latency.answered(10ms, here.now);
  power_of_two_choices policy;
  here.now += 23s;
  here.loads[1].latency.answered(1ms, here.now);
  CHECK(here.order(policy, 3) == "bbb");
  here.now += 1s;
  here.loads[1].latency.answered(1ms, here.now);
  CHECK(here.order(policy, 3) == "aaa");
  here.loads[0].outstanding = 1;
  CHECK(here.order(policy, 3) == "bbb");
}

TEST_CASE("a latency estimate rises at once and falls slowly; its mean is weighted by time") {
  latency_estimate e(10s);
  time_point now{1h};
  CHECK(!e.is_known());
  CHECK(e.mean() == 0ns);
  e.answered(10ms, now);
  CHECK(e.mean() == 10ms);
  CHECK(e.peak() == 10ms);
  now += 10s;
  e.answered(1ms, now);
  CHECK(e.mean() / 1us == Catch::Approx(1000 + 9000 / 2.718).epsilon(0.01));
  CHECK(e.peak() == e.mean());
  e.answered(50ms, now);
  CHECK(e.peak() == 50ms);
  CHECK(e.mean() < 5ms);
  CHECK(e.peak(now + 10s) / 1us == Catch::Approx(50000 / 2.718).epsilon(0.01));
}

TEST_CASE("an attempt that is given up raises a latency estimate, and never lowers it") {
  latency_estimate e(10s);
  time_point now{1h};
  e.answered(10ms, now);
  e.given_up(5ms, now);
  CHECK(e.peak() == 10ms);
  e.given_up(50ms, now);
  CHECK(e.peak() == 50ms);
  CHECK(e.mean() == 10ms);
}

TEST_CASE("a balancing policy is a value: its copy goes on by itself") {
  balance_bench here({1, 1, 1, 1, 1});
  balancing_policy first = power_of_two_choices(3);
  (void)here.order(first, 10);
  balancing_policy second = first;
  CHECK(here.order(first, 20) == here.order(second, 20));
}
