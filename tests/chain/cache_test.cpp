// SPDX-License-Identifier: BSL-1.0
/// \file
/// .cache: a stage's answers are kept, and identical requests are computed once.
#include <catena/cache.hpp>
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/testing/fake_model.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/every_step.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// Chains from int to int with a cache, and how often their stages ran.
struct kept_world {
  explicit kept_world(std::uint64_t seed = 1, cache_options options = {}) : world(seed), kept(rt, options) {}

  testing::manual_world world;
  runtime rt = world.runtime();
  cache<int> kept;
  int ran = 0;
  std::deque<test::outcome<int>> ends;
  std::deque<asio::cancellation_signal> signals;

  /// Answers ten times its input, after a while.
  [[nodiscard]] auto slow(duration d = 5ms) {
    return [this, d](call, int i) -> asio::awaitable<int> {
      ++ran;
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      co_return 10 * i;
    };
  }
  [[nodiscard]] auto quick() {
    return [this](int i) { return ++ran, 10 * i; };
  }
  template <class Stage>
  [[nodiscard]] chain<int, int> one(Stage s) const {
    return make_chain<int>(rt, "c", [&](auto in) { return in >> std::move(s); });
  }
  template <class Callable>
  test::outcome<int>& begin(const Callable& c, int in, run_options options = {}) {
    auto& end = ends.emplace_back();
    c.async_run(in, options, end.take());
    world.run_until_idle();  // so that runs come one after the other
    return end;
  }
  template <class Callable>
  test::outcome<int>& begin_cancellable(const Callable& c, int in) {
    auto& end = ends.emplace_back();
    c.async_run(in, asio::bind_cancellation_slot(signals.emplace_back().slot(), end.take()));
    world.run_until_idle();
    return end;
  }
  void cancel(std::size_t which) { signals[which].emit(asio::cancellation_type::terminal); }
  [[nodiscard]] duration elapsed() const { return world.now() - testing::manual_time::start; }
};

/// Five runs that ask the same of a stage that takes a while; two of them run on another executor.
struct cache_scene : test::stoppable_scene<int, 5> {
  cache_scene(std::uint64_t seed, test::caller how) : stoppable_scene(seed), kept(*rt) {
    const auto slow = [this](int i) -> asio::awaitable<int> {
      ++ran;
      co_await rt->async_wait_until(rt->now() + 1ms, asio::use_awaitable);
      co_return i;
    };
    const auto c = make_chain<int>(*rt, "c", [&](auto in) { return in >> stage("s", slow).cache(kept); });
    for (std::size_t i = 0; i < 5; ++i) {
      const test::caller by = i < 3 ? how : test::caller::on_a_strand;
      begin(i, by, [&](auto token) { c.async_run(1, std::move(token)); }, [c] { return c.try_run(1); });
    }
  }
  void check_undisturbed() const {
    check_completed_once();
    for (const auto& end : ends) CHECK(end.answered());
    CHECK(ran == 1);
    CHECK(kept.stats().in_flight_count == 0);
  }

  cache<int> kept;
  int ran = 0;
};

int cache_same(int i) { return i; }

}  // namespace

TEST_CASE("an answer is computed once, and a hit needs no step") {
  kept_world here;
  const auto c = here.one(stage("s", here.quick()).cache(here.kept));
  CHECK(here.begin(c, 4).value() == 40);
  const std::size_t before = here.world.steps();
  test::outcome<int> again;
  c.async_run(4, again.take());
  here.world.step();
  CHECK(again.value() == 40);
  CHECK(here.world.steps() == before + 1);
  CHECK(here.ran == 1);
  CHECK(here.kept.stats().hits == 1);
  CHECK(here.begin(c, 5).value() == 50);
  CHECK(here.ran == 2);
}

TEST_CASE("identical requests in flight are computed once, different ones beside each other") {
  kept_world here;
  const auto c = here.one(stage("s", here.slow()).cache(here.kept));
  for (const int i : {1, 1, 2, 1, 2}) here.begin(c, i);
  here.world.run();
  CHECK(here.ran == 2);
  CHECK(here.elapsed() == 5ms);
  for (std::size_t i = 0; i < 5; ++i) CHECK(here.ends[i].value() == (i == 2 || i == 4 ? 20 : 10));
  CHECK(here.kept.stats().waits == 3);
  CHECK(here.kept.stats().in_flight_count == 0);
}

TEST_CASE("a waiter that is cancelled ends at once and disturbs no other") {
  kept_world here;
  const auto c = here.one(stage("s", here.slow()).cache(here.kept));
  auto& leader = here.begin_cancellable(c, 1);
  auto& second = here.begin_cancellable(c, 1);
  auto& third = here.begin(c, 1);
  here.cancel(1);
  here.world.run_until_idle();
  CHECK(second.why().is(errc::cancelled));
  here.world.run();
  CHECK(leader.value() == 10);
  CHECK(third.value() == 10);
  CHECK(here.ran == 1);
}

TEST_CASE("a waiter whose deadline or timeout passes ends at that moment and disturbs no other") {
  kept_world here;
  const auto c = here.one(stage("s", here.slow()).cache(here.kept));
  const auto timed = here.one(stage("s", here.slow()).cache(here.kept).timeout(3ms));
  auto& leader = here.begin(c, 1);
  auto& hasty = here.begin(c, 1, {.deadline = here.world.now() + 2ms});
  auto& impatient = here.begin(timed, 1);
  here.world.advance(2ms);
  CHECK(hasty.why().is(errc::deadline_exceeded));
  CHECK(impatient.count() == 0);
  here.world.advance(1ms);
  CHECK(impatient.why().is(errc::timed_out));
  CHECK(impatient.path() == "c/s");
  here.world.run();
  CHECK(leader.value() == 10);
  CHECK(here.ran == 1);
}

TEST_CASE("a leader that is cancelled fails no waiter: one of them takes over") {
  kept_world here;
  const auto c = here.one(stage("s", here.slow()).cache(here.kept));
  auto& leader = here.begin_cancellable(c, 1);
  auto& second = here.begin(c, 1);
  auto& third = here.begin(c, 1);
  here.world.advance(1ms);
  here.cancel(0);
  here.world.run();
  CHECK(leader.why().is(errc::cancelled));
  CHECK(second.value() == 10);
  CHECK(third.value() == 10);
  CHECK(here.ran == 2);
  CHECK(here.elapsed() == 6ms);
  CHECK(here.kept.stats().takeovers == 1);
}

TEST_CASE("a leader's deadline or timeout fails no waiter") {
  kept_world here;
  const auto c = here.one(stage("s", here.slow()).cache(here.kept));
  const auto timed = here.one(stage("s", here.slow()).timeout(3ms).cache(here.kept));
  auto& hasty = here.begin(c, 1, {.deadline = here.world.now() + 2ms});
  auto& impatient = here.begin(timed, 1);
  auto& patient = here.begin(c, 1);
  here.world.run();
  CHECK(hasty.why().is(errc::deadline_exceeded));
  CHECK(impatient.why().is(errc::timed_out));
  CHECK(patient.value() == 10);
  CHECK(here.ran == 3);
}

TEST_CASE("a leader that goes on although it was told to end holds up nobody who asks the same, and its answer is not kept") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    kept_world here(seed);
    const auto deaf_at_first = [&](call, int i) -> asio::awaitable<int> {
      const int number = here.ran++;
      if (number == 0) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      co_await here.rt.async_wait_until(here.rt.now() + (number == 0 ? 50ms : 5ms), asio::use_awaitable);
      co_return 10 * i + number;
    };
    const auto c = here.one(stage("s", deaf_at_first).cache(here.kept));
    auto& leader = here.begin(c, 1, {.deadline = here.world.now() + 4ms});
    auto& waiter = here.begin(c, 1, {.deadline = here.world.now() + 10ms});
    here.world.advance(4ms);
    CHECK(leader.why().is(errc::deadline_exceeded));
    here.world.advance(6ms);
    CHECK(waiter.value() == 11);
    here.world.run();
    CHECK(here.elapsed() == 50ms);
    auto& later = here.begin(c, 1);
    here.world.run();
    CHECK(later.value() == 11);
    CHECK(here.kept.stats().in_flight_count == 0);
  }
}

TEST_CASE("a leader that is refused its admission fails no waiter that has more time") {
  kept_world here;
  const shared_bucket bucket(here.rt, "tokens", {.refill = {.tokens = 1000}, .capacity = 10});
  const admission gate(here.rt, {.buckets = {bucket}});
  (void)gate.try_admit(10).value();
  const auto c = here.one(stage("s", here.quick()).limit(gate, 5).cache(here.kept));
  test::outcome<int> hasty, patient;
  c.async_run(1, {.deadline = here.world.now() + 2ms}, hasty.take());
  c.async_run(1, patient.take());
  here.world.run();
  CHECK(hasty.why().is(errc::not_admitted));
  CHECK(patient.value() == 10);
}

TEST_CASE("a leader's failure reaches all who wait once, and is forgotten") {
  kept_world here(1, {.negative_ttl = 1h});
  const auto fails = [&](call c, int i) -> asio::awaitable<result<int>> {
    (void)c;
    ++here.ran;
    co_await here.rt.async_wait_until(here.rt.now() + 5ms, asio::use_awaitable);
    if (here.ran == 1) co_return failure(errc::invalid_input, "as told");
    co_return i;
  };
  const auto c = here.one(stage("s", fails).cache(here.kept));
  for (int i = 0; i < 3; ++i) here.begin(c, 1);
  here.world.run();
  CHECK(here.ran == 1);
  for (const auto& end : here.ends) {
    CHECK(end.why().is(errc::invalid_input));
    CHECK(end.path() == "c/s");
  }
  here.begin(c, 1);
  here.world.run();
  CHECK(here.ends.back().value() == 1);
}

TEST_CASE("a failure is remembered where that is asked for, and a stage that throws is one") {
  kept_world here(1, {.negative_ttl = 1h});
  const auto throws = [&](int) -> int {
    ++here.ran;
    throw std::runtime_error("boom");
  };
  const auto c = here.one(stage("s", throws).cache(here.kept, {.failures = failure_memory::remember}));
  for (int i = 0; i < 3; ++i) CHECK(here.begin(c, 1).why().message() == "boom");
  CHECK(here.ran == 1);
  CHECK(here.kept.stats().negative_hits == 2);
}

TEST_CASE("the answers of one tenant are not another's, and those of nobody in particular are nobody's") {
  kept_world here;
  const auto c = here.one(stage("s", here.quick()).cache(here.kept));
  for (const std::uint32_t tenant : {0U, 1U, 2U, 1U, 0U}) here.begin(c, 1, {.tenant = tenant});
  CHECK(here.ran == 3);
  CHECK(here.kept.stats().hits == 2);
}

TEST_CASE("all inputs are part of the key") {
  kept_world here;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto a = in >> stage("a", [](int i) { return std::string(static_cast<std::size_t>(i % 10), 'x'); });
    auto b = in >> stage("b", [](int i) { return std::vector<int>{i / 10}; });
    return join(a, b) >> stage("s", [&](const std::string& s, const std::vector<int>& v) {
             ++here.ran;
             return static_cast<int>(s.size()) + v[0];
           }).cache(here.kept);
  });
  for (const int i : {12, 12, 13, 22, 21}) here.begin(c, i);
  CHECK(here.ran == 4);
}

TEST_CASE("stages share a cache by name and version") {
  kept_world here;
  const auto ask = [&](auto s) { return here.begin(here.one(std::move(s)), 1).value(); };
  ask(stage("s", here.quick()).cache(here.kept));
  ask(stage("s", here.quick()).cache(here.kept));
  CHECK(here.ran == 1);
  ask(stage("other", here.quick()).cache(here.kept));
  CHECK(here.ran == 2);
  ask(stage("s", here.quick()).cache(here.kept, {.version = "2"}));
  CHECK(here.ran == 3);
  ask(stage("whatever", here.quick()).cache(here.kept, {.name = "s", .version = "2"}));
  CHECK(here.ran == 3);
}

TEST_CASE("a model's answers are known by its own name and version, whatever its stages are called") {
  kept_world here;
  const auto doubled = [&](batch<int, int>& b) {
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, ++here.ran);
  };
  const auto first = make_model<int, int>(here.rt, {.name = "m", .version = "1"}, doubled);
  const auto second = make_model<int, int>(here.rt, {.name = "m", .version = "2"}, doubled);
  const auto ask = [&](const auto& m, const char* name) {
    auto& end = here.begin(here.one(stage(name, m).cache(here.kept)), 1);
    here.world.run_until([&] { return end.count() == 1; });
    return end.value();
  };
  CHECK(ask(first, "a") == 1);
  CHECK(ask(first, "b") == 1);
  CHECK(ask(second, "a") == 2);
}

TEST_CASE("a hit enters no queue and pays no admission") {
  kept_world here;
  const shared_bucket bucket(here.rt, "tokens", {.refill = {.tokens = 1000}, .capacity = 10});
  const admission gate(here.rt, {.buckets = {bucket}});
  const auto c = here.one(stage("s", here.slow()).limit(gate, 4).queue({.capacity = 0}).cache(here.kept));
  here.begin(c, 1);
  here.world.run();
  CHECK(here.begin(c, 1).value() == 10);
  CHECK(bucket.level() == 10);  // 6, and time has passed
  CHECK(gate.try_admit(4).has_value());
  here.begin(c, 2);
  CHECK(bucket.level() == 2);
  CHECK(here.begin(c, 1).value() == 10);              // the queue is full, and nobody asks it
  CHECK(here.begin(c, 3).why().is(errc::queue_full));
  CHECK(here.ends.back().path() == "c/s");
  here.world.run();
}

TEST_CASE("what a fallback answers is not kept") {
  kept_world here;
  bool is_down = true;
  const auto sometimes = [&](int i) -> result<int> {
    if (is_down) return failure(errc::model_failed);
    return i;
  };
  const auto c = here.one(stage("s", sometimes).fallback([](int) { return -1; }).cache(here.kept));
  CHECK(here.begin(c, 1).value() == -1);
  is_down = false;
  CHECK(here.begin(c, 1).value() == 1);
  is_down = true;
  CHECK(here.begin(c, 1).value() == 1);
}

TEST_CASE("every kind of stage can be cached: function, coroutine, operation, model, chain, on another executor") {
  kept_world here;
  testing::fake_model<int, int> fake(here.rt);
  const auto inner = here.one(stage("inner", here.slow(1ms)));
  const auto operation = [rt = here.rt](int, auto token) { return rt.async_yield(std::move(token)); };
  const cache<unit> done(here.rt);
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto a = in >> stage("function", cache_same).cache(here.kept);
    auto b = a >> stage("coroutine", here.slow(1ms)).cache(here.kept);
    auto d = b >> stage("chain", inner).cache(here.kept);
    auto e = d >> stage("model", fake.model()).cache(here.kept);
    auto f = e >> stage("away", cache_same).on(here.world.get_executor()).cache(here.kept);
    auto g = f >> stage("operation", operation).cache(done);
    return join(f, g) >> stage("end", [](int i, unit) { return i; });
  });
  auto& end = here.begin(c, 5);
  here.world.run_until([&] { return fake.batch_count() == 1; });
  fake.answer([](int i) { return i + 1; });
  here.world.run_until([&] { return end.count() == 1; });
  CHECK(end.value() == 501);
  const std::size_t before = here.world.steps();
  CHECK(here.begin(c, 5).value() == 501);
  CHECK(here.world.steps() == before + 1);
  CHECK(fake.batch_count() == 0);
}

TEST_CASE("an early exit is not kept, and who waited for it computes for itself") {
  kept_world here;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("leave", [&](call, int i) -> asio::awaitable<or_exit<int, int>> {
             ++here.ran;
             co_await here.rt.async_wait_until(here.rt.now() + 1ms, asio::use_awaitable);
             co_return exit_with(i + 1);
           }).cache(here.kept)
              >> stage("never", cache_same);
  });
  here.begin(c, 5);
  here.begin(c, 5);
  here.world.run();
  for (auto& end : here.ends) CHECK(end.value() == 6);
  CHECK(here.ran == 2);
}

TEST_CASE("what is kept owns its memory, and those who ask get copies") {
  kept_world here;
  const cache<std::string> texts(here.rt);
  int ran = 0;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("text", [&](int i) { return ++ran, std::string(100, static_cast<char>('a' + i)); }).cache(texts)
              >> stage("change", [](std::string s) { return s.replace(0, 50, 50, '!'), s; });
  });
  for (int i = 0; i < 2; ++i) {
    test::outcome<std::string> end;
    c.async_run(1, end.take());
    here.world.run();
    CHECK(end.value() == std::string(50, '!') + std::string(50, 'b'));
  }
  CHECK(ran == 1);
}

TEST_CASE("an answer that cannot be stored fails for all who asked, and one that cannot be copied for who copies") {
  kept_world here;
  const cache<int> broken(here.rt, {}, [](const int&) -> std::size_t { throw std::runtime_error("no size"); });
  const auto c = here.one(stage("s", here.slow()).cache(broken));
  here.begin(c, 1);
  here.begin(c, 1);
  here.world.run();
  for (const auto& end : here.ends) CHECK(end.why().message() == "no size");
  CHECK(here.ran == 1);
  CHECK(broken.stats().in_flight_count == 0);
}

TEST_CASE("who waits for another one's answer keeps its executor busy, and who finds one does not") {
  kept_world here;
  testing::manual_world other;
  const auto c = here.one(stage("s", here.slow()).cache(here.kept));
  const auto busy = [&] { return other.context().outstanding_work_count(); };
  const auto elsewhere = other.runtime();
  const auto same = make_chain<int>(elsewhere, "c", [&](auto in) { return in >> stage("s", cache_same).cache(here.kept); });
  here.begin(c, 1);
  test::outcome<int> waiter;
  same.async_run(1, waiter.take());
  other.run_until_idle();
  CHECK(busy() == 1);
  here.world.run();
  other.run_until_idle();
  CHECK(waiter.value() == 10);
  CHECK(busy() == 0);
}

TEST_CASE("a leader that dies with its executor is followed by a waiter on another one") {
  kept_world here;
  testing::manual_world other;
  const auto elsewhere = other.runtime();
  const auto c = here.one(stage("s", here.slow()).cache(here.kept));
  const auto same = make_chain<int>(elsewhere, "c", [&](auto in) { return in >> stage("s", cache_same).cache(here.kept); });
  here.begin(c, 1);
  test::outcome<int> waiter;
  same.async_run(1, waiter.take());
  other.run_until_idle();
  here.world.destroy_executor();
  other.run_until_idle();
  CHECK(waiter.value() == 1);
  CHECK(here.kept.stats().in_flight_count == 0);
}

TEST_CASE("a stage may have timeout, fallback, cache, queue and limit at once, in any order") {
  kept_world here;
  const shared_bucket bucket(here.rt, "tokens", {.refill = {.tokens = 1000}, .capacity = 10});
  const admission gate(here.rt, {.buckets = {bucket}});
  const auto otherwise = [](int) { return -1; };
  const std::vector<chain<int, int>> chains{
      here.one(stage("a", here.slow()).timeout(3ms).fallback(otherwise).cache(here.kept).queue({}).limit(gate)),
      here.one(stage("b", here.slow()).limit(gate).queue({}).cache(here.kept).fallback(otherwise).timeout(3ms)),
      here.one(stage("d", here.slow()).cache(here.kept).limit(gate).timeout(3ms).queue({}).fallback(otherwise)),
  };
  for (const auto& c : chains) {
    auto& end = here.begin(c, 1);
    const auto began = here.elapsed();
    here.world.run();
    CHECK(end.value() == -1);
    CHECK(here.elapsed() == began + 3ms);
  }
  CHECK(here.kept.stats().count == 0);
  CHECK(here.kept.stats().in_flight_count == 0);
}

TEST_CASE("whoever of those who ask the same is cancelled at whatever step, all others are answered, and one computes at a time") {
  for (const test::caller how : {test::caller::cancellable, test::caller::coroutine}) {
    for (std::size_t victim = 0; victim < 5; ++victim) {
      test::at_every_step_of(
          10, [&](std::uint64_t seed) { return std::make_unique<cache_scene>(seed, how); },
          [&](cache_scene& s) {
            s.cancel(victim);
            s.world.run();
            s.check_completed_once();
            for (std::size_t i = 0; i < 5; ++i)
              CHECK((s.ends[i].answered() || (i == victim && s.ends[i].why().is(errc::cancelled))));
            CHECK(s.ran <= 2);
            CHECK(s.kept.stats().loads == 1);
            CHECK(s.kept.stats().in_flight_count == 0);
          });
    }
  }
}

TEST_CASE("when all who ask the same are cancelled at whatever step, all end at once, and so does the computation") {
  test::at_every_step_of(
      20, [&](std::uint64_t seed) { return std::make_unique<cache_scene>(seed, test::caller::cancellable); },
      [&](cache_scene& s) {
        s.cancel();
        s.world.run_until_idle();
        s.check_completed_once();
        CHECK(s.kept.stats().in_flight_count == 0);
      });
}

TEST_CASE("a flight ends when the executor of all who take part in it is destroyed at whatever step") {
  test::at_every_step_of(
      10, [&](std::uint64_t seed) { return std::make_unique<cache_scene>(seed, test::caller::cancellable); },
      [&](cache_scene& s) {
        const int before = s.completions();
        s.destroy_executor();
        CHECK(s.completions() == before);
        CHECK(s.kept.stats().in_flight_count == 0);
      });
}

TEST_CASE("runs on threads that ask the same end once each, whether those who compute hear that they are to stop or not", "[concurrency]") {
  constexpr int runs = 1000;
  std::atomic<int> ended{0}, begun{0}, under_way{0};
  {
    asio::thread_pool pool(3);
    const runtime rt{pool.get_executor()};
    const cache<int> kept(rt, {.ttl = 100us});
    const auto work = [&](call, int i) -> asio::awaitable<int> {
      const int number = ++begun;
      ++under_way;
      const auto ending = std::shared_ptr<void>(nullptr, [&under_way](void*) { --under_way; });
      if (number % 3 == 0) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      co_await rt.async_wait_until(rt.now() + std::chrono::microseconds(100 + number % 7 * 200), asio::use_awaitable);
      co_return i;
    };
    const auto c = make_chain<int>(rt, "c", [&](auto in) { return in >> stage("s", work).cache(kept); });
    for (int i = 0; i < runs; ++i)
      c.async_run(i % 3, {.deadline = rt.now() + std::chrono::microseconds(100 + i % 11 * 100)}, [&](const result<int>&) { ++ended; });
    pool.join();
    CHECK(kept.stats().in_flight_count == 0);
    CHECK(rt.left_behind_count() == 0);
  }
  CHECK(ended == runs);
  CHECK(under_way == 0);
}

TEST_CASE("a stage fails where its cache holds what has changed, its fallback answers, and the next one computes again") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  const cache<std::shared_ptr<std::string>> kept(rt, {.checked = true});
  int ran = 0;
  const auto work = [&](int i) { return ++ran, std::make_shared<std::string>(std::to_string(i)); };
  const auto make = [&](auto stage) { return make_chain<int>(rt, "c", [&](auto in) { return in >> std::move(stage); }); };
  const auto alone = make(stage("s", work).cache(kept));
  const auto with_fallback = make(stage("s", work).cache(kept).fallback([](int) { return std::make_shared<std::string>("instead"); }));
  const auto ask = [&](const auto& c) {
    test::outcome<std::shared_ptr<std::string>> end;
    c.async_run(1, end.take());
    world.run();
    return end;
  };
  *ask(alone).value() = "changed";
  auto failed = ask(alone);
  CHECK(failed.why().is(errc::corrupt_value));
  CHECK(failed.why().code() == condition::retry_later);
  *ask(alone).value() = "changed";
  CHECK(ran == 2);
  CHECK(*ask(with_fallback).value() == "instead");
  CHECK(*ask(with_fallback).value() == "1");
  CHECK(ran == 3);
}
