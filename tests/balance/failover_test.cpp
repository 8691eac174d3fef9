// SPDX-License-Identifier: BSL-1.0
/// \file
/// A request that fails at one replica is tried at another.
#include <string>
#include <vector>

#include "balance/pool.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using test::pool_world;
using mood = test::fake_replica::mood;

/// They are asked in turn, and none is ejected.
replica_pool_options in_turn(std::size_t failovers) {
  return {.balancing = round_robin{}, .breaker = {.consecutive = 0, .bad_share = 0}, .failovers = failovers};
}

std::vector<int> asked(pool_world& here) {
  std::vector<int> counts;
  for (std::size_t i = 0; i < here.replicas.size(); ++i) counts.push_back(here.replica(i).asked);
  return counts;
}

void all_fail(pool_world& here, failure why = errc::stage_failed) {
  for (std::size_t i = 0; i < here.replicas.size(); ++i) {
    here.replica(i).how = mood::fails;
    here.replica(i).why = why;
  }
}

using counts = std::vector<int>;

}  // namespace

TEST_CASE("a request that fails at one replica is answered by another, at once, and each is told what it did") {
  pool_world here(3, in_turn(1));
  here.replica(0).how = mood::fails;
  here.replica(1).how = mood::fails;
  const time_point began = here.world.now();
  auto& saved = here.begin(5);
  here.world.run();
  CHECK(saved.why().is(errc::stage_failed));  // both
  auto& other = here.begin(6);
  here.world.run();
  CHECK(other.value() == 6);
  CHECK(here.world.now() - began == 3ms);
  CHECK(here.stats("a").failures == 1);
  CHECK(here.stats("b").failures == 1);
  CHECK(here.stats("c").failures == 0);
  for (const auto& s : here.pool.stats()) CHECK(s.outstanding == 0);
}

TEST_CASE("a request is tried at as many others as may be, at each once, and fails as the last one did") {
  for (const std::size_t most : {0U, 1U, 2U, 7U}) {
    pool_world here(4, in_turn(most));
    all_fail(here);
    auto& end = here.begin(1);
    here.world.run();
    int sum = 0;
    for (const int n : asked(here)) {
      CHECK(n <= 1);
      sum += n;
    }
    CHECK(sum == 1 + std::min<int>(static_cast<int>(most), 3));
    CHECK(end.path() == "pool/" + std::string(1, static_cast<char>('a' + sum - 1)));
  }
}

TEST_CASE("what somebody else would not do either is not tried elsewhere, and a refused connection is") {
  for (const errc why : {errc::invalid_input, errc::timed_out, errc::queue_full, errc::cancelled}) {
    pool_world here(3, in_turn(2));
    all_fail(here, why);
    auto& end = here.begin(1);
    here.world.run();
    CHECK(end.why().is(why));
    CHECK(asked(here) == counts{1, 0, 0});
  }
  pool_world here(2, in_turn(2));
  here.replica(0).how = mood::fails;
  here.replica(0).why = failure(boost::asio::error::connection_refused);
  auto& end = here.begin(1);
  here.world.run();
  CHECK(end.value() == 1);
}

TEST_CASE("who is ejected is not failed over to, and who serves alone is not asked twice") {
  auto options = in_turn(3);
  options.breaker.consecutive = 1;
  options.panic_share = 0;
  pool_world here(3, options);
  all_fail(here);
  here.begin(1);
  here.world.run();
  CHECK(asked(here) == counts{1, 1, 1});
  CHECK(here.begin(1).why().is(errc::unavailable));
  here.world.advance(1s);
  here.begin(1);  // a probe, and nobody else serves
  here.world.run();
  CHECK(asked(here) == counts{2, 1, 1});
}

TEST_CASE("in a retry each failover takes one of the retries that are left, and pauses come when all others have failed, too") {
  const retry_options twice{.retries = 2, .first_wait = 10ms, .factor = 1, .jitter = jitter::none};
  for (const std::size_t most : {1U, 3U}) {
    pool_world here(4, in_turn(most));
    all_fail(here);
    const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("s", here.pool).retry(twice); });
    test::outcome<int> end;
    const time_point began = here.world.now();
    c.async_run(1, end.take());
    here.world.run();
    CHECK(end.why().is(errc::stage_failed));
    int sum = 0;
    for (const int n : asked(here)) sum += n;
    CHECK(sum == 3);  // not 3 * 2, nor 3 * 4
    CHECK(here.world.now() - began == (most == 1 ? 13ms : 3ms));
  }
}

TEST_CASE("the second replica sees what the first one was given, and both may take it") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  const replica_pool<std::string, std::string> pool(rt, {.balancing = round_robin{}, .failovers = 1});
  pool.add(stage("a", [](std::string s) -> result<std::string> { return failure(errc::stage_failed, std::move(s)); }));
  pool.add(stage("b", [rt](call, std::string s) -> boost::asio::awaitable<std::string> {
    co_await rt.async_yield(boost::asio::use_awaitable);
    co_return s;
  }));
  const auto c = make_chain<int>(rt, "c", [&](auto in) { return in >> stage("make", [](int) { return std::string(100, 'x'); }) >> stage("s", pool); });
  for (int i = 0; i < 2; ++i) {
    test::outcome<std::string> end;
    c.async_run(i, end.take());
    world.run();
    CHECK(end.value() == std::string(100, 'x'));
  }
}

TEST_CASE("a request that is cancelled or out of time is not tried elsewhere") {
  pool_world here(2, in_turn(1));
  all_fail(here);
  here.replica(0).takes = 5ms;
  auto& late = here.begin(1, {.deadline = here.world.now() + 5ms});
  here.world.run();
  CHECK(late.why().is(errc::deadline_exceeded));
  CHECK(here.replica(1).asked == 0);
  here.replica(1).how = mood::hangs;
  auto& end = here.begin(1);  // the second's turn
  here.cancel_last();
  here.world.run();
  CHECK(end.why().is(errc::cancelled));
  CHECK(here.replica(0).asked == 1);
}
