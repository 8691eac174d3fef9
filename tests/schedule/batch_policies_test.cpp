// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/batch_options.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

constexpr time_point policy_start{1h};

std::string fault_of(const batch_options& options) {
  try {
    check(options);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "none";
}

waiting_requests waiting(std::size_t count) { return {.count = count, .oldest = policy_start}; }

/// A user's own policy: pairs, and what is late.
struct in_pairs {
  [[nodiscard]] batch_decision form(const waiting_requests& w, const batch_limits&, time_point) const {
    return {.take = w.count < 2 ? 0U : 2U};
  }
};

}  // namespace

TEST_CASE("greedy batching without max_delay takes whatever waits at once, at most max_size") {
  const greedy_batching greedy;
  const batch_limits limits{.max_size = 8};
  for (const std::size_t count : {1, 7, 8}) CHECK(greedy.form(waiting(count), limits, policy_start).take == count);
  CHECK(greedy.form(waiting(1000), limits, policy_start).take == 8);
  CHECK(greedy.form({}, limits, policy_start) == batch_decision{});
}

TEST_CASE("greedy batching with max_delay waits until the oldest has waited that long, or max_size is reached") {
  const greedy_batching greedy;
  const batch_limits limits{.max_size = 8, .max_delay = 5ms};
  CHECK(greedy.form({}, limits, policy_start) == batch_decision{});
  CHECK(greedy.form(waiting(3), limits, policy_start + 4ms) == batch_decision{.take = 0, .look_again = policy_start + 5ms});
  CHECK(greedy.form(waiting(3), limits, policy_start + 5ms).take == 3);
  CHECK(greedy.form(waiting(8), limits, policy_start).take == 8);
}

TEST_CASE("preferred batching takes the largest size that is reached, and all that is late") {
  const preferred_batching preferred({16, 4});
  const batch_limits limits{.max_size = 64, .max_delay = 5ms};
  CHECK(preferred.form(waiting(3), limits, policy_start) == batch_decision{.take = 0, .look_again = policy_start + 5ms});
  CHECK(preferred.form(waiting(3), limits, policy_start + 5ms).take == 3);
  CHECK(preferred.form(waiting(4), limits, policy_start).take == 4);
  CHECK(preferred.form(waiting(15), limits, policy_start).take == 4);
  CHECK(preferred.form(waiting(40), limits, policy_start).take == 16);
  CHECK_THROWS_AS(preferred_batching({}), std::invalid_argument);
  CHECK_THROWS_AS(preferred_batching({0}), std::invalid_argument);
}

TEST_CASE("window batching waits for min(max_size, max(min_size, int(avg_qps * window)))") {
  const batch_limits limits{.max_size = 64};
  window_batching window(8, 100ms);
  CHECK(window.target(limits) == 8);
  CHECK(window.form(waiting(7), limits, policy_start) == batch_decision{.take = 0, .look_again = policy_start + 100ms});
  CHECK(window.form(waiting(7), limits, policy_start + 100ms).take == 7);
  CHECK(window.form(waiting(8), limits, policy_start).take == 8);
  for (int i = 0; i <= 2'000; ++i) window.arrived(policy_start + i * 5ms);  // 200 a second: 20 in a window
  CHECK(window.target(limits) >= 20);
  CHECK(window.target(limits) <= 21);
  for (int i = 0; i <= 20'000; ++i) window.arrived(policy_start + 10s + i * 1ms);  // 1000 a second: 100 in a window
  CHECK(window.target(limits) == 64);
  CHECK_THROWS_AS(window_batching(0), std::invalid_argument);
  CHECK_THROWS_AS(window_batching(8, 0ms), std::invalid_argument);
}

TEST_CASE("a user's own policy is a value like those that are there") {
  static_assert(batch_policy_value<in_pairs> && !batch_policy_value<int>);
  batch_policy mine = in_pairs{};
  batch_policy copy = mine;
  CHECK(copy.form(waiting(3), {}, policy_start).take == 2);
  CHECK_FALSE(copy.watches_arrivals());
  CHECK(batch_policy(window_batching()).watches_arrivals());
  mine = batch_policy(greedy_batching{});
  CHECK(mine.form(waiting(3), {}, policy_start).take == 3);
}

TEST_CASE("models do not share what their policies learn") {
  batch_policy first = window_batching(8, 100ms);
  const batch_policy second = first;
  for (int i = 0; i <= 20'000; ++i) first.arrived(policy_start + i * 1ms);
  CHECK(first.form(waiting(8), {}, policy_start).take == 0);
  CHECK(second.form(waiting(8), {}, policy_start).take == 8);
}

TEST_CASE("batch_options that are out of range are refused with the member's name") {
  CHECK(fault_of({}) == "none");
  CHECK(fault_of({.max_size = 0}) == "batch_options::max_size must be 1 to 65536, is 0");
  CHECK(fault_of({.max_size = 65'537}) == "batch_options::max_size must be 1 to 65536, is 65537");
  CHECK(fault_of({.max_delay = -1ms}) == "batch_options::max_delay must be 0 to 1 hour");
  CHECK(fault_of({.max_delay = 61min}) == "batch_options::max_delay must be 0 to 1 hour");
  CHECK(fault_of({.max_shapes = 0}) == "batch_options::max_shapes must be 1 to 1024, is 0");
  CHECK(fault_of({.allowed_sizes = {1, 8, 64}}) == "none");
  CHECK(fault_of({.allowed_sizes = {0, 64}}) == "batch_options::allowed_sizes must be ascending and at least 1");
  CHECK(fault_of({.allowed_sizes = {8, 8, 64}}) == "batch_options::allowed_sizes must be ascending and at least 1");
  CHECK(fault_of({.allowed_sizes = {1, 8, 16}}) == "batch_options::allowed_sizes must reach max_size (64), the last is 16");
}
