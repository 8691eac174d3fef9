// SPDX-License-Identifier: BSL-1.0
/// \file
/// .bulkhead
#include <catena/chain.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/faults.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

struct bulkhead_world {
  [[nodiscard]] auto target() {
    return [this](call, const int& i) -> asio::awaitable<int> {
      most = std::max(most, ++inside);
      const auto ending = std::shared_ptr<void>(nullptr, [this](void*) { --inside; });
      ++calls;
      co_await rt.async_wait_until(rt.now() + 5ms, asio::use_awaitable);
      if (fails) throw std::runtime_error("no");
      co_return i;
    };
  }
  template <class Stage>
  [[nodiscard]] chain<int, int> one(Stage s) const {
    return make_chain<int>(rt, "c", [&](auto in) { return in >> std::move(s); });
  }
  test::outcome<int>& begin(const chain<int, int>& c, run_options options = {}) {
    auto& end = ends.emplace_back();
    c.async_run(7, options, end.take());
    return end;
  }

  testing::manual_world world;
  runtime rt = world.runtime();
  std::deque<test::outcome<int>> ends;
  int inside = 0, most = 0, calls = 0;
  bool fails = false;
};

}  // namespace

TEST_CASE("so many runs are in a stage at once, the next one is refused at once, and a place is free when one has ended") {
  bulkhead_world here;
  const auto c = here.one(stage("s", here.target()).bulkhead(3));
  for (int i = 0; i < 3; ++i) here.begin(c);
  here.world.run_until_idle();
  auto& refused = here.begin(c);
  here.world.run_until_idle();
  CHECK(refused.why().is(errc::queue_full));
  CHECK(refused.why().message() == "all 3 places of its bulkhead are taken");
  CHECK(refused.path() == "c/s");
  here.world.run();
  CHECK(here.ends[0].value() + here.ends[1].value() + here.ends[2].value() == 21);
  CHECK(here.calls == 3);
  here.begin(c);
  here.world.run();
  CHECK(here.ends.back().value() == 7);
}

TEST_CASE("stages that share a bulkhead share its places, and each of several must have one") {
  bulkhead_world here;
  const bulkhead both(2), first(1);
  const auto a = here.one(stage("a", here.target()).bulkhead(both).bulkhead(first));
  const auto b = here.one(stage("b", here.target()).bulkhead(both));
  auto& one = here.begin(a);
  here.world.run_until_idle();
  auto& second = here.begin(a);  // its place among both is given back
  here.world.run_until_idle();
  auto& other = here.begin(b);
  here.world.run_until_idle();
  CHECK(second.why().message() == "all 1 places of its bulkhead are taken");
  CHECK(both.in_flight_approx() == 2);
  CHECK(here.begin(b).count() == 0);
  here.world.run();
  CHECK(here.ends.back().why().message() == "all 2 places of its bulkhead are taken");
  CHECK(one.value() == other.value());
  CHECK(both.in_flight_approx() == 0);
  CHECK(first.in_flight_approx() == 0);
}

TEST_CASE("one that fails, is cancelled, is late or loses its executor gives its place back") {
  for (const int how : {0, 1, 2, 3}) {
    bulkhead_world here;
    const bulkhead places(1);
    const auto c = here.one(stage("s", here.target()).bulkhead(places));
    here.fails = how == 0;
    asio::cancellation_signal signal;
    test::outcome<int> end;
    c.async_run(7, {.deadline = how == 2 ? here.world.now() + 1ms : no_deadline}, asio::bind_cancellation_slot(signal.slot(), end.take()));
    here.world.run_until_idle();
    CHECK(places.in_flight_approx() == 1);
    if (how == 1) signal.emit(asio::cancellation_type::terminal);
    if (how == 3) here.world.destroy_executor();
    else here.world.run();
    CHECK(end.count() == (how == 3 ? 0 : 1));
    CHECK(places.in_flight_approx() == 0);
  }
}

TEST_CASE("a refusal can fall back and be tried again, says nothing to the breaker, and stands behind the stage's queue") {
  bulkhead_world here;
  const circuit_breaker breaker({.consecutive = 1});
  const bulkhead places(1);
  const auto fallen_back = here.one(stage("s", here.target()).bulkhead(places).breaker(breaker).fallback([](const int&) { return 0; }));
  here.begin(fallen_back);
  here.begin(fallen_back);
  here.world.run();
  CHECK(here.ends[0].value() + here.ends[1].value() == 7);
  CHECK(breaker.state() == breaker_state::closed);

  const auto retried = here.one(stage("s", here.target()).bulkhead(places).effects(effects::once).retry({.first_wait = 10ms, .jitter = jitter::none}));
  here.begin(retried);
  here.begin(retried);
  here.world.run();
  CHECK(here.ends[2].value() + here.ends[3].value() == 14);

  const auto queued = here.one(stage("s", here.target()).bulkhead(1).queue({.capacity = 9}));
  for (int i = 0; i < 5; ++i) here.begin(queued);
  here.world.run();
  for (int i = 4; i < 9; ++i) CHECK(here.ends[static_cast<std::size_t>(i)].value() == 7);
  CHECK(here.most == 1);
}

TEST_CASE("what was refused at each of its attempts has never begun, for whoever has it done once") {
  bulkhead_world here;
  const bulkhead places(1);
  const auto refused_twice = here.one(stage("s", here.target()).bulkhead(places).retry({.retries = 1, .first_wait = 1ms, .jitter = jitter::none}));
  const auto once = here.one(stage("o", refused_twice).effects(effects::once).retry({.retries = 3, .first_wait = 5ms, .jitter = jitter::none}));
  here.begin(here.one(stage("s", here.target()).bulkhead(places)));
  auto& end = here.begin(once);
  here.world.run();
  CHECK(end.value() == 7);
  CHECK(here.calls == 2);
}

TEST_CASE("what is stopped between two attempts that were refused has never begun, and costs nothing") {
  bulkhead_world here;
  const bulkhead places(1);
  const shared_bucket bucket(here.rt, "tokens", {.refill = {.tokens = 1}, .capacity = 1});
  const admission tokens(here.rt, {.buckets = {bucket}});
  const auto refused = here.one(stage("s", here.target()).bulkhead(places).retry({.retries = 1, .first_wait = 1ms, .jitter = jitter::none}));
  const auto limited = here.one(stage("o", refused).limit(tokens));
  here.begin(here.one(stage("s", here.target()).bulkhead(places)));
  asio::cancellation_signal signal;
  test::outcome<int> stopped;
  limited.async_run(7, asio::bind_cancellation_slot(signal.slot(), stopped.take()));
  here.world.run_until_idle();
  signal.emit(asio::cancellation_type::terminal);
  here.world.run();
  CHECK(stopped.why().is(errc::cancelled));
  // The one token is there again.
  const time_point before = here.world.now();
  CHECK(here.begin(limited).count() == 0);
  here.world.run();
  CHECK(here.ends.back().value() == 7);
  CHECK(here.world.now() - before == 5ms);
}

TEST_CASE("nobody waits at a bulkhead: a timeout for a function that runs inline behind one is a fault all the same") {
  bulkhead_world here;
  const bulkhead places(1);
  const auto inline_work = [](const int& i) { return 2 * i; };
  const auto c = here.one(stage("s", inline_work).bulkhead(places));
  const auto ask = [&]() -> test::outcome<int>& {
    auto& end = here.begin(c);
    here.world.run_until_idle();
    return end;
  };
  CHECK(ask().value() == 14);
  CHECK(places.in_flight_approx() == 0);
  here.begin(here.one(stage("other", here.target()).bulkhead(places)));
  CHECK(ask().why().is(errc::queue_full));
  CHECK(here.ends.back().path() == "c/s");
  here.world.run();
  CHECK(ask().value() == 14);
  CHECK(places.in_flight_approx() == 0);

  for (const bool waits : {false, true}) {
    const auto faults = test::faults_when([&] {
      auto behind = stage("s", inline_work).bulkhead(places).timeout(5ms);
      return waits ? here.one(std::move(behind).queue({})) : here.one(std::move(behind));
    });
    CHECK(faults.empty() == waits);
    if (!waits) CHECK(faults == std::vector<std::string>{"stage 's': .timeout() cannot end a function that runs inline: say .on(executor) as well"});
  }
  CHECK(test::faults_when([&] { return here.one(stage("s", inline_work).bulkhead(places).hedge()); }).size() == 1);
}

TEST_CASE("a bulkhead has a place at least") {
  CHECK_THROWS_WITH(bulkhead(0), "a bulkhead must have at least 1 place");
}

TEST_CASE("a bulkhead that many threads run into is never overfilled, and is empty in the end", "[concurrency]") {
  const bulkhead places(4);
  std::atomic<int> inside{0}, most{0}, ended{0};
  {
    asio::thread_pool pool(3);
    const runtime rt{pool.get_executor()};
    const auto c = make_chain<int>(rt, "c", [&](auto in) {
      return in >> stage("s", [&](call, const int& i) -> asio::awaitable<int> {
               const int now = ++inside;
               for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {}
               co_await rt.async_yield(asio::use_awaitable);
               --inside;
               co_return i;
             }).bulkhead(places);
    });
    for (int i = 0; i < 2000; ++i)
      c.async_run(1, [&](const result<int>& r) { ended += r || r.error().is(errc::queue_full) ? 1 : 0; });
    pool.join();
  }
  CHECK(ended == 2000);
  CHECK(most <= 4);
  CHECK(places.in_flight_approx() == 0);
}
