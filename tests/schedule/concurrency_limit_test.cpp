// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/schedule/concurrency_limit.hpp>
#include <catena/testing/fake_model.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;
using testing::manual_world;

/// Two places, and a line.
struct two_places {
  explicit two_places(std::size_t line_capacity = 4, std::uint64_t seed = 1)
      : world(seed), gate(rt, {.name = "two", .policy = fixed_limit{2}, .line_capacity = line_capacity}) {}

  test::outcome<concurrency_slot>& enter(run_options options = {}) {
    auto& asked = asks.emplace_back();
    gate.async_enter(options, asked.take());
    return asked;
  }
  test::outcome<concurrency_slot>& enter_cancellable() {
    auto& asked = asks.emplace_back();
    gate.async_enter(asio::bind_cancellation_slot(signals.emplace_back().slot(), asked.take()));
    return asked;
  }

  manual_world world;
  runtime rt = world.runtime();
  concurrency_limit gate;
  std::deque<test::outcome<concurrency_slot>> asks;
  std::deque<asio::cancellation_signal> signals;
};

}  // namespace

TEST_CASE("try_enter takes a place, and a slot gives it back when its request has ended or it dies") {
  two_places s;
  auto first = s.gate.try_enter();
  {
    const auto second = s.gate.try_enter();
    CHECK(second.has_value());
    CHECK(s.gate.in_flight_approx() == 2);
    CHECK(s.gate.try_enter().has_error());
  }
  CHECK(s.gate.in_flight_approx() == 1);
  s.world.elapse(30ms);
  first->leave(request_outcome::answered);
  CHECK(!first->is_open());
  first->leave(request_outcome::answered);
  CHECK(s.gate.in_flight_approx() == 0);
  concurrency_slot a = std::move(s.gate.try_enter()).value();
  concurrency_slot b = std::move(a);
  CHECK(!a.is_open());  // NOLINT
  CHECK(s.gate.in_flight_approx() == 1);
  b = std::move(s.gate.try_enter()).value();
  CHECK(s.gate.in_flight_approx() == 1);
}

TEST_CASE("a refused request is told when a place may be free, and why") {
  two_places s;
  auto first = s.gate.try_enter();
  auto second = s.gate.try_enter();
  s.world.elapse(30ms);
  first->leave(request_outcome::answered);
  first = s.gate.try_enter();
  const auto refused = s.gate.try_enter();
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == errc::not_admitted);
  CHECK(refused.error().retry_after == 15ms);
  const failure why = s.gate.why(refused.error());
  CHECK(why.is(errc::not_admitted));
  CHECK(why.code() == condition::retry_later);
  CHECK(why.retry_after() == 15ms);
  CHECK(why.message() == "limit 'two': all 2 places are taken, or will be for too long");
}

TEST_CASE("a request waits for a place, and is resumed on its executor and not inside the one that left") {
  two_places s;
  auto& first = s.enter();
  auto& second = s.enter();
  auto& third = s.enter();
  CHECK(first.count() == 0);
  s.world.run_until_idle();
  CHECK(first.answered());
  CHECK(second.answered());
  CHECK(third.count() == 0);
  CHECK(s.gate.waiting_count() == 1);
  s.world.elapse(5ms);
  first.value().leave(request_outcome::answered);
  CHECK(third.count() == 0);
  s.world.run_until_idle();
  REQUIRE(third.answered());
  CHECK(third.value().entered() == s.world.now());
}

TEST_CASE("a full line refuses with queue_full and retry_after") {
  two_places s(1);
  for (int i = 0; i < 3; ++i) s.enter();
  s.world.run_until_idle();
  s.world.elapse(10ms);
  s.asks[0].value().leave(request_outcome::answered);
  s.enter();
  s.world.run_until_idle();
  auto& refused = s.enter();
  s.world.run_until_idle();
  CHECK(refused.why().is(errc::queue_full));
  CHECK(refused.why().retry_after() == 10ms);
  CHECK(refused.why().message() == "limit 'two': its line is full at 1");
}

TEST_CASE("a request that waits leaves at its deadline, by timer") {
  two_places s;
  s.enter();
  s.enter();
  auto& late = s.enter({.deadline = s.world.now() + 20ms});
  s.world.advance(19ms);
  CHECK(late.count() == 0);
  s.world.advance(1ms);
  CHECK(late.why().is(errc::deadline_exceeded));
  CHECK(s.gate.waiting_count() == 0);
}

TEST_CASE("a request that waits for a place can be cancelled, and leaves at once") {
  two_places s;
  s.enter();
  s.enter();
  auto& cancelled = s.enter_cancellable();
  auto& next = s.enter();
  s.world.run_until_idle();
  s.signals.back().emit(asio::cancellation_type::terminal);
  CHECK(s.gate.waiting_count() == 1);
  s.world.run_until_idle();
  CHECK(cancelled.why().is(errc::cancelled));
  CHECK(cancelled.count() == 1);
  s.asks[0].forget();
  s.world.run_until_idle();
  CHECK(next.answered());
}

TEST_CASE("a place granted to a request that is cancelled meanwhile, or dies with its executor, is given back") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    two_places s(4, seed);
    s.enter();
    s.enter();
    s.enter_cancellable();
    s.world.run_until_idle();
    s.asks[0].forget();
    s.signals.back().emit(asio::cancellation_type::terminal);  // too late: it has its place
    s.world.run_until_idle();
    CHECK(s.asks[2].answered());
    s.enter();
    s.asks[1].forget();
    s.world.destroy_executor();
    s.asks.clear();
    CHECK(s.gate.in_flight_approx() == 0);
    CHECK(s.gate.waiting_count() == 0);
  }
}

TEST_CASE("waiting is over when the runtime drains, and nothing new is let in") {
  two_places s;
  s.enter();
  s.enter();
  s.world.run_until_idle();
  auto& waits = s.enter();
  test::outcome<void> drained;
  s.rt.async_drain(no_deadline, drained.take());
  auto& refused = s.enter();
  s.world.run_until_idle();
  CHECK(refused.why().is(errc::shutting_down));
  CHECK(drained.count() == 0);
  s.asks[0].forget();
  s.world.run_until_idle();
  CHECK(waits.answered());
  CHECK(drained.answered());
}

TEST_CASE("entering can be awaited, and throws where it is refused") {
  two_places s(0);
  int entered = 0, refused = 0;
  auto both = [&]() -> asio::awaitable<void> {
    concurrency_slot a = co_await s.gate.enter();
    concurrency_slot b = co_await s.gate.enter();
    ++entered;
    try {
      concurrency_slot c = co_await s.gate.enter();
    } catch (const error& e) {
      refused += e.why().is(errc::not_admitted);
    }
  };
  asio::co_spawn(s.world.get_executor(), both, asio::detached);
  s.world.run();
  CHECK(entered == 1);
  CHECK(refused == 1);
  CHECK(s.gate.in_flight_approx() == 0);
}

TEST_CASE("a handle may go while slots and requests that wait still hold the limit") {
  manual_world world;
  const runtime rt = world.runtime();
  test::outcome<concurrency_slot> first, second;
  {
    const concurrency_limit gate(rt, {.policy = fixed_limit{1}, .line_capacity = 1});
    gate.async_enter(first.take());
    gate.async_enter(second.take());
  }
  world.run();
  CHECK(first.answered());
  CHECK(second.count() == 0);
  first.forget();
  world.run();
  CHECK(second.answered());
}

TEST_CASE("what a failure says about the load depends on its code") {
  for (const errc sign : {errc::deadline_exceeded, errc::timed_out, errc::queue_full, errc::expired})
    CHECK(outcome_of(sign) == request_outcome::overloaded);
  for (const errc other : {errc::cancelled, errc::not_admitted, errc::stage_failed, errc::invalid_input, errc::model_failed})
    CHECK(outcome_of(other) == request_outcome::ignored);
}

TEST_CASE("concurrency_limit_options are checked") {
  manual_world world;
  const runtime rt = world.runtime();
  CHECK_THROWS_WITH(concurrency_limit(rt, {.line_capacity = 1'048'577}),
                    "concurrency_limit_options::line_capacity must be 0 to 1048576, is 1048577");
}

TEST_CASE("a stage behind a limit runs so many at once, and its line keeps the others") {
  manual_world world;
  const runtime rt = world.runtime();
  const concurrency_limit gate(rt, {.name = "gate", .policy = fixed_limit{3}, .line_capacity = 20});
  int running = 0, most = 0;
  const auto work = [&, rt](call, int i) -> asio::awaitable<int> {
    most = std::max(most, ++running);
    co_await rt.async_wait_until(rt.now() + 10ms, asio::use_awaitable);
    --running;
    co_return i;
  };
  const auto c = make_chain<int>(rt, "c", [&](auto in) { return in >> stage("s", work).limit(gate); });
  std::deque<test::outcome<int>> ends;
  for (int i = 0; i < 20; ++i) c.async_run(i, ends.emplace_back().take());
  world.run();
  for (auto& end : ends) CHECK(end.answered());
  CHECK(most == 3);
  CHECK(world.now() - testing::manual_time::start == 70ms);
  CHECK(gate.in_flight_approx() == 0);
}

TEST_CASE("work behind a limit that runs out of time counts as overload, and cancelled work does not") {
  manual_world world;
  const runtime rt = world.runtime();
  struct counts {
    std::shared_ptr<std::vector<request_outcome>> seen = std::make_shared<std::vector<request_outcome>>();
    [[nodiscard]] std::size_t limit() const { return 8; }
    void ended(const ended_request& r, time_point) { seen->push_back(r.outcome); }
  } policy;
  const concurrency_limit gate(rt, {.policy = policy});
  const auto work = [rt](call, int i) -> asio::awaitable<int> {
    co_await rt.async_wait_until(rt.now() + i * 1ms, asio::use_awaitable);
    co_return i;
  };
  const auto c = make_chain<int>(rt, "c", [&](auto in) { return in >> stage("s", work).limit(gate); });
  test::outcome<int> late, cancelled, answered;
  asio::cancellation_signal signal;
  c.async_run(50, run_options{.deadline = world.now() + 10ms}, late.take());
  c.async_run(50, asio::bind_cancellation_slot(signal.slot(), cancelled.take()));
  world.advance(5ms);
  signal.emit(asio::cancellation_type::terminal);
  world.run();
  c.async_run(5, answered.take());
  world.run();
  CHECK(*policy.seen == std::vector{request_outcome::ignored, request_outcome::overloaded, request_outcome::answered});
  CHECK(gate.in_flight_approx() == 0);
}

TEST_CASE("a queue that is full further inside counts as overload, and brings an adaptive limit down") {
  for (const bool behind_the_model : {false, true}) {
    CAPTURE(behind_the_model);
    manual_world world;
    const runtime rt = world.runtime();
    const concurrency_limit gate(rt, {.policy = aimd_limit({.target = 1s, .range = {.first = 16}})});
    testing::fake_model<int, int> fake(rt, {.name = "m", .batch = {.max_size = 1}, .queue = {.capacity = 4}});
    const auto c = make_chain<int>(rt, "c", [&](auto in) {
      auto s = in >> stage("before", [](int i) { return i; });
      if (behind_the_model) return s >> stage("m", fake.model().limit(gate));
      return s >> stage("m", make_chain<int>(rt, "inner", [&](auto x) {
        return x >> stage("first", [](int i) { return i; }) >> stage("m", fake.model());
      })).limit(gate);
    });
    std::deque<test::outcome<int>> ends;
    for (int i = 0; i < 100; ++i) {
      c.async_run(i, ends.emplace_back().take());
      world.advance(1ms);
    }
    CHECK(ends.back().why().is(errc::queue_full));
    CHECK(gate.in_flight_approx() == 5);
    CHECK(gate.limit() < 14);
  }
}

TEST_CASE("ten times as many as a server can answer: an adaptive limit keeps its goodput and the latency of those let in") {
  for (const bool gradient : {false, true}) {
    CAPTURE(gradient);
    manual_world world;
    const runtime rt = world.runtime();
    // 20 places of 50 ms answer 400 a second; 4000 come, and give up after 300 ms.
    const concurrency_limit server(rt, {.policy = fixed_limit{20}, .line_capacity = 100'000});
    const concurrency_limit gate(rt, {.policy = gradient ? limit_policy(gradient_limit{}) : limit_policy(aimd_limit({.target = 100ms})),
                                      .line_capacity = 200});
    const auto work = [rt, server](call c, int i) -> asio::awaitable<int> {
      concurrency_slot place = co_await server.enter();
      co_await rt.async_wait_until(rt.now() + 45ms + (c.id() % 11) * 1ms, asio::use_awaitable);
      co_return i;
    };
    const auto c = make_chain<int>(rt, "c", [&](auto in) { return in >> stage("s", work).limit(gate); });
    std::size_t ended = 0, in_time = 0, asked = 0;
    duration longest{};
    const time_point warm = world.now() + 5s, end = world.now() + 20s;
    while (world.now() < end) {
      world.advance(5ms);
      for (int i = 0; i < 20; ++i, ++asked) {
        const time_point came = world.now();
        const auto p = static_cast<priority>(asked % 4);
        c.async_run(i, run_options{.deadline = came + 300ms, .priority = p}, [&, came](result<int> r) {
          ++ended;
          if (!r || came < warm) return;
          ++in_time;
          longest = std::max(longest, world.now() - came);
        });
      }
    }
    world.run();
    CHECK(ended == asked);
    CHECK(static_cast<double>(in_time) >= 0.97 * 400 * 15);
    CHECK(longest <= 300ms);
    CHECK(gate.in_flight_approx() == 0);
    CHECK(gate.waiting_count() == 0);
  }
}

TEST_CASE("threads that enter and leave never are more than the limit, and none is forgotten", "[concurrency]") {
  constexpr int rounds = 2'000;
  asio::thread_pool pool(4);
  const runtime rt(pool.get_executor());
  const concurrency_limit gate(rt, {.policy = fixed_limit{3}, .line_capacity = 64});
  std::atomic<int> inside{0}, most{0}, left{0};
  const auto one = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < rounds; ++i) {
      concurrency_slot slot = co_await gate.enter();
      const int now = ++inside;
      int seen = most.load();
      while (now > seen && !most.compare_exchange_weak(seen, now)) {}
      if (i % 16 == 0) std::this_thread::yield();
      --inside;
      slot.leave(request_outcome::answered);
      ++left;
    }
  };
  std::vector<std::future<void>> all;
  for (int i = 0; i < 8; ++i) all.push_back(asio::co_spawn(pool, one, asio::use_future));
  for (auto& f : all) f.get();
  CHECK(most <= 3);
  CHECK(left == 8 * rounds);
  CHECK(gate.in_flight_approx() == 0);
  CHECK(gate.waiting_count() == 0);
}

TEST_CASE("requests are cancelled while threads let them in, and each ends exactly once", "[concurrency]") {
  asio::thread_pool pool(3);
  const runtime rt(pool.get_executor());
  const concurrency_limit gate(rt, {.policy = aimd_limit({.target = 1s, .range = {.most = 2, .first = 1}}), .line_capacity = 3000});
  std::atomic<int> ended{0}, granted{0};
  struct request {
    explicit request(asio::thread_pool& on) : strand(asio::make_strand(on)) {}
    asio::strand<asio::thread_pool::executor_type> strand;
    asio::cancellation_signal signal;
  };
  std::deque<request> requests;
  constexpr int count = 3'000;
  for (int i = 0; i < count; ++i) {
    auto& r = requests.emplace_back(pool);
    asio::post(r.strand, [&] {
      gate.async_enter(asio::bind_cancellation_slot(r.signal.slot(), asio::bind_executor(r.strand, [&](result<concurrency_slot> s) {
        ++ended;
        granted += s.has_value();
      })));
    });
    asio::post(r.strand, [&, i] {
      if (i % 2) r.signal.emit(asio::cancellation_type::terminal);
    });
  }
  pool.join();
  CHECK(ended == count);
  CHECK(granted >= count / 2);
  CHECK(gate.in_flight_approx() == 0);
  CHECK(gate.waiting_count() == 0);
}
