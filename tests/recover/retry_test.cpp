// SPDX-License-Identifier: BSL-1.0
/// \file
/// How long a retry waits, what is worth one, and how many there may be.
#include <catena/recover/retry.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <random>
#include <stdexcept>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

/// The waits after one, two, ... failed attempts.
std::vector<duration> waits(const retry_options& options, std::size_t count, double random, const failure& why = errc::stage_failed) {
  std::vector<duration> all;
  for (std::size_t failed = 1; failed <= count; ++failed) all.push_back(backoff(options, why, failed, random));
  return all;
}

/// Whatever was counted in the last second.
struct sliding_second {
  std::deque<time_point> moments;
  void add(time_point now) { moments.push_back(now); }
  [[nodiscard]] std::size_t count(time_point now) {
    while (!moments.empty() && moments.front() <= now - 1s) moments.pop_front();
    return moments.size();
  }
};

}  // namespace

TEST_CASE("a wait is twice as long as the one before, up to the longest") {
  CHECK(waits({.jitter = jitter::none}, 7, 0.7) == std::vector<duration>{1s, 2s, 4s, 8s, 16s, 30s, 30s});
  CHECK(waits({.first_wait = 10ms, .factor = 3, .longest_wait = 50ms, .jitter = jitter::none}, 3, 0) == std::vector<duration>{10ms, 30ms, 50ms});
  CHECK(backoff({.factor = 100, .jitter = jitter::none}, errc::expired, 101, 0) == 30s);
}

TEST_CASE("jitter takes a random share of a wait, or of its second half") {
  CHECK(waits({.jitter = jitter::full}, 2, 0.25) == std::vector<duration>{250ms, 500ms});
  CHECK(waits({.jitter = jitter::equal}, 2, 0.5) == std::vector<duration>{750ms, 1500ms});
  CHECK(waits({.jitter = jitter::equal}, 1, 0) == std::vector<duration>{500ms});
}

TEST_CASE("a wait is never shorter than what the failure says") {
  const failure busy = failure(errc::queue_full).with_retry_after(3s);
  CHECK(waits({.jitter = jitter::none}, 3, 0, busy) == std::vector<duration>{3s, 3s, 4s});
  CHECK(waits({.jitter = jitter::full}, 1, 0, busy) == std::vector<duration>{3s});
}

TEST_CASE("what gives up, was cancelled or had no time left is not worth a retry, and what another library says is") {
  for (const errc code : {errc::timed_out, errc::queue_full, errc::not_admitted, errc::stage_failed, errc::unavailable, errc::model_failed})
    CHECK(worth_retrying(code));
  for (const errc code : {errc::invalid_input, errc::cancelled, errc::deadline_exceeded, errc::deadline_unreachable, errc::model_invalid, errc::shape_mismatch})
    CHECK_FALSE(worth_retrying(code));
  CHECK(worth_retrying(failure(boost::system::error_code(boost::asio::error::connection_refused))));
  CHECK_FALSE(worth_retrying(failure(boost::system::error_code(boost::asio::error::operation_aborted))));
}

TEST_CASE("retry options that are out of range are named") {
  CHECK_THROWS_WITH(check(retry_options{.retries = 101}), "retry_options::retries must be 0 to 100");
  CHECK_THROWS_WITH(check(retry_options{.first_wait = 31s}), "retry_options::first_wait must be 0 to longest_wait");
  CHECK_THROWS_WITH(check(retry_options{.first_wait = -1s}), "retry_options::first_wait must be 0 to longest_wait");
  CHECK_THROWS_WITH(check(retry_options{.factor = 0.5}), "retry_options::factor must be 1 to 100");
  CHECK_THROWS_WITH(check(retry_options{.longest_wait = 25h}), "retry_options::longest_wait must be up to 1 day");
  CHECK_THROWS_WITH(retry_budget({.share = 11}), "retry_budget_options::share must be 0 to 10");
  CHECK_THROWS_WITH(retry_budget({.per_second = -1}), "retry_budget_options::per_second must be 0 to 1000000");
  CHECK_NOTHROW(check(retry_options{}));
}

TEST_CASE("a target that is seldom called has the floor of its budget in each second") {
  retry_allowance a({.share = 0.1, .per_second = 3});
  time_point now{1h};
  for (int second = 0; second < 3; ++second, now += 1050ms) {
    for (int i = 0; i < 3; ++i) CHECK(a.try_extra(now));
    CHECK_FALSE(a.try_extra(now));
    CHECK_FALSE(a.try_extra(now + 990ms));
  }
}

TEST_CASE("while calls come evenly no second has more extra calls than the budget, and nearly as many are granted") {
  for (const double share : {0.05, 0.1, 0.5}) {
    for (const int per_second : {100, 1000, 20'000}) {
      retry_allowance a({.share = share, .per_second = 5});
      sliding_second ordinary, extra;
      const duration gap = duration(1s) / per_second;
      time_point now{1h};
      std::size_t granted = 0;
      double most_over = 0;
      for (int i = 0; i < 4 * per_second; ++i, now += gap) {
        a.began(now);
        ordinary.add(now);
        while (a.try_extra(now)) {  // as many as anybody could want
          extra.add(now);
          ++granted;
        }
        const double allowed = share * static_cast<double>(ordinary.count(now)) + 5;
        most_over = std::max(most_over, static_cast<double>(extra.count(now)) - allowed);
      }
      INFO("share " << share << ", calls a second " << per_second);
      CHECK(most_over <= 0);
      CHECK(static_cast<double>(granted) >= 0.8 * 3 * (share * per_second + 5));
    }
  }
}

TEST_CASE("a budget that was not used is not saved") {
  retry_allowance a({.share = 0.1, .per_second = 0});
  time_point now{1h};
  for (int i = 0; i < 100'000; ++i, now += 100us) a.began(now);
  std::size_t granted = 0;
  while (a.try_extra(now)) ++granted;
  CHECK(granted <= 1000);
  CHECK(granted >= 900);
  now += 5s;
  CHECK_FALSE(a.try_extra(now));
}
