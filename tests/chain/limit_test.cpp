// SPDX-License-Identifier: BSL-1.0
/// \file
/// .limit: a gate in front of a stage, a model or a chain.
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/schedule/concurrency_limit.hpp>
#include <catena/testing/fake_model.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <deque>
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

/// A bucket of 10 tokens that gets one every millisecond, and runs of chains from int to int.
struct limit_world {
  explicit limit_world(std::uint64_t seed = 1) : world(seed) {}

  testing::manual_world world;
  runtime rt = world.runtime();
  shared_bucket bucket{rt, "tokens", {.refill = {.tokens = 1000}, .capacity = 10}};
  admission gate{rt, {.name = "gate", .buckets = {bucket}, .line_capacity = 4}};
  std::deque<test::outcome<int>> ends;
  std::deque<asio::cancellation_signal> signals;

  [[nodiscard]] auto sleep(duration d) const {
    return [rt = rt, d](call, int i) -> asio::awaitable<int> {
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      co_return i;
    };
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
  test::outcome<int>& begin_cancellable(const Callable& c, int in, run_options options = {}) {
    auto& end = ends.emplace_back();
    c.async_run(in, options, asio::bind_cancellation_slot(signals.emplace_back().slot(), end.take()));
    world.run_until_idle();
    return end;
  }
  void cancel_last() { signals.back().emit(asio::cancellation_type::terminal); }
  [[nodiscard]] duration elapsed() const { return world.now() - testing::manual_time::start; }
};

/// Four runs that need two tokens each where three are, of a chain whose stage takes a while.
struct limit_scene : test::stoppable_scene<int, 4> {
  limit_scene(std::uint64_t seed, test::caller how) : stoppable_scene(seed), bucket(*rt, "tokens", {.refill = {.tokens = 1000}, .capacity = 3}) {
    const admission gate(*rt, {.buckets = {bucket}});
    const auto slow = [this](int i) -> asio::awaitable<int> {
      ++ran;
      co_await rt->async_wait_until(rt->now() + 500us, asio::use_awaitable);
      co_return i;
    };
    const auto c = make_chain<int>(*rt, "c", [&](auto in) { return in >> stage("s", slow).limit(gate, 2); });
    for (int i = 0; i < 4; ++i)
      begin(static_cast<std::size_t>(i), how, [&](auto token) { c.async_run(i, std::move(token)); }, [c, i] { return c.try_run(i); });
  }
  void check_undisturbed() const {
    check_completed_once();
    for (const auto& end : ends) CHECK(end.answered());
  }

  shared_bucket bucket;
  int ran = 0;
};

int limit_same(int i) { return i; }
int limit_negative(int i) { return -i; }

}  // namespace

TEST_CASE("a stage takes its tokens before it begins, and needs no step for tokens that are there") {
  limit_world here;
  const auto c = here.one(stage("s", limit_same).limit(here.gate, 4));
  test::outcome<int> end;
  c.async_run(7, end.take());
  here.world.step();
  CHECK(end.value() == 7);
  CHECK(here.bucket.level() == 6);
  CHECK(here.world.steps() == 1);
}

TEST_CASE("a stage whose tokens are not there waits for them in its gate's line, in order") {
  limit_world here;
  std::vector<int> order;
  const auto c = here.one(stage("s", [&](int i) { return order.push_back(i), i; }).limit(here.gate, 10));
  for (int i = 0; i < 3; ++i) here.begin(c, i);
  here.world.run_until_idle();
  CHECK(order == std::vector<int>{0});
  CHECK(here.gate.waiting_count() == 2);
  here.world.advance(10ms);
  CHECK(order == std::vector<int>{0, 1});
  here.world.run();
  CHECK(order == std::vector<int>{0, 1, 2});
  CHECK(here.elapsed() == 20ms);
  for (auto& end : here.ends) CHECK(end.answered());
}

TEST_CASE("a cost may be a function of the stage's inputs") {
  limit_world here;
  const auto by_both = [](int a, const std::string& b) { return a + static_cast<int>(b.size()); };
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto a = in >> stage("a", limit_same);
    auto b = in >> stage("b", [](int) { return std::string("1234"); });
    return join(a, b) >> stage("s", [](int i, std::string&& s) { return i + static_cast<int>(s.size()); }).limit(here.gate, by_both);
  });
  auto& end = here.begin(c, 3);
  here.world.run();
  CHECK(end.value() == 7);
  CHECK(here.bucket.level() == 3);
}

TEST_CASE("a stage that cannot have its tokens before the run's deadline is refused at once and told when to come again") {
  limit_world here;
  const auto c = here.one(stage("s", limit_same).limit(here.gate, 10));
  here.begin(c, 1);
  auto& end = here.begin(c, 2, {.deadline = here.world.now() + 5ms});
  here.world.run_until_idle();
  CHECK(end.why().is(errc::not_admitted));
  CHECK(end.why().retry_after() == 10ms);
  CHECK(end.path() == "c/s");
  CHECK(here.elapsed() == 0ms);
}

TEST_CASE("the time in the line counts against the stage's timeout") {
  limit_world here;
  const auto c = here.one(stage("s", limit_same).limit(here.gate, 10).timeout(5ms));
  here.begin(c, 1);
  auto& end = here.begin(c, 2);
  here.world.run_until_idle();
  CHECK(end.why().is(errc::not_admitted));
  const auto slow = here.one(stage("s", here.sleep(8ms)).limit(here.gate, 10).timeout(12ms));
  auto& late = here.begin(slow, 3);
  here.world.run();
  CHECK(late.why().is(errc::timed_out));
  CHECK(here.elapsed() == 12ms);
}

TEST_CASE("a refused admission can fall back, and so can one whose timeout passes in the line") {
  limit_world here;
  const auto c = here.one(stage("s", limit_same).fallback(limit_negative).limit(here.gate, 10).timeout(5ms));
  auto& first = here.begin(c, 1);
  auto& second = here.begin(c, 2);
  here.world.run_until_idle();
  CHECK(first.value() == 1);
  CHECK(second.value() == -2);
  CHECK(here.elapsed() == 0ms);
  // Its turn would come in time, and then the rate changes.
  const auto patient = here.one(stage("s", limit_same).timeout(15ms).limit(here.gate, 10).fallback(limit_negative));
  auto& third = here.begin(patient, 3);
  here.world.run_until_idle();
  CHECK(third.count() == 0);
  here.bucket.set_rate({.tokens = 1});
  here.world.run_until_idle();
  CHECK(third.value() == -3);
}

TEST_CASE("a line that is full refuses with queue_full") {
  limit_world here;
  const auto c = here.one(stage("s", limit_same).limit(here.gate, 10));
  for (int i = 0; i < 6; ++i) here.begin(c, i);
  here.world.run_until_idle();
  CHECK(here.ends.back().why().is(errc::queue_full));
  CHECK(here.ends.back().why().retry_after() > 0ms);
  here.world.run();
  for (std::size_t i = 0; i < 5; ++i) CHECK(here.ends[i].answered());
}

TEST_CASE("who waits at a gate can be cancelled at once, and makes place for the next") {
  limit_world here;
  const auto c = here.one(stage("s", limit_same).limit(here.gate, 10));
  here.begin(c, 1);
  auto& second = here.begin_cancellable(c, 2);
  auto& third = here.begin(c, 3);
  here.world.run_until_idle();
  CHECK(here.gate.waiting_count() == 2);
  here.cancel_last();
  here.world.run_until_idle();
  CHECK(second.why().is(errc::cancelled));
  CHECK(here.gate.waiting_count() == 1);
  here.world.run();
  CHECK(third.value() == 3);
  CHECK(here.elapsed() == 10ms);
}

TEST_CASE("a higher priority passes the gate before a lower one") {
  limit_world here;
  std::vector<int> order;
  const auto c = here.one(stage("s", [&](int i) { return order.push_back(i), i; }).limit(here.gate, 10));
  here.begin(c, 0);
  here.begin(c, 1, {.priority = priority::low});
  here.begin(c, 2, {.priority = priority::high});
  here.world.run();
  CHECK(order == std::vector<int>{0, 2, 1});
}

TEST_CASE("a run that is cancelled between its admission and its work gets its tokens back") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    limit_world here(seed);
    bool began = false;
    const auto c = here.one(stage("s", [&](int i) { return began = true, i; }).limit(here.gate, 10));
    here.begin(c, 1);
    began = false;
    auto& end = here.begin_cancellable(c, 2);
    here.world.elapse(10ms);
    while (here.gate.waiting_count() != 0) here.world.step();
    CHECK(here.bucket.level() == 0);
    here.cancel_last();
    here.world.run_until_idle();
    INFO("seed " << seed);
    CHECK(end.count() == 1);
    CHECK(!began == !end.answered());
    CHECK(here.bucket.level() == (end.answered() ? 0 : 10));
  }
}

TEST_CASE("a deadline that passes between admission and work gives the tokens back") {
  limit_world here;
  const auto c = here.one(stage("s", limit_same).limit(here.gate, 10));
  here.begin(c, 1);
  auto& end = here.begin(c, 2, {.deadline = here.world.now() + 11ms});
  here.world.run_until_idle();
  here.world.elapse(10ms);
  while (here.gate.waiting_count() != 0) here.world.step();
  here.world.elapse(1ms);
  here.world.run_until_idle();
  CHECK(end.why().is(errc::deadline_exceeded));
  CHECK(here.bucket.level() == 10);
}

TEST_CASE("a model's full queue gives the tokens back, and so does leaving the queue") {
  limit_world here;
  const testing::fake_model<int, int> fake(here.rt, {.name = "m", .batch = {.max_size = 1}, .queue = {.capacity = 1}});
  const auto c = here.one(stage("s", fake.model()).limit(here.gate, 2));
  auto& computed = here.begin_cancellable(c, 1);
  here.world.run_until([&] { return fake.batch_count() == 1; });
  auto& queued = here.begin_cancellable(c, 2);
  auto& refused = here.begin(c, 3);
  here.world.run_until_idle();
  CHECK(refused.why().is(errc::queue_full));
  CHECK(here.bucket.level() == 6);
  here.cancel_last();
  here.world.run_until_idle();
  CHECK(queued.why().is(errc::cancelled));
  CHECK(here.bucket.level() == 8);
  here.signals.front().emit(asio::cancellation_type::terminal);
  here.world.run_until_idle();
  CHECK(computed.why().is(errc::cancelled));
  CHECK(here.bucket.level() == 8);  // it was computed, for nobody
}

TEST_CASE("a stage that fails has cost what it took") {
  limit_world here;
  const auto c = here.one(stage("s", [](int) -> result<int> { return failure(errc::invalid_input); }).limit(here.gate, 4));
  auto& end = here.begin(c, 1);
  here.world.run_until_idle();
  CHECK(end.why().is(errc::invalid_input));
  CHECK(end.path() == "c/s");
  CHECK(here.bucket.level() == 6);
}

TEST_CASE("an estimate is settled with the true cost that the answer tells: what was too much is put back") {
  limit_world here;
  const auto c = here.one(stage("s", here.sleep(1ms)).limit(here.gate, 8, [](const int& used) { return used; }));
  auto& end = here.begin(c, 3);
  here.world.run_until_idle();
  CHECK(here.bucket.level() == 2);
  here.world.run();
  CHECK(end.value() == 3);
  CHECK(here.bucket.level() == 8);  // 2, one more by time, and 5 back
}

TEST_CASE("what an estimate was too low by is taken on top, and may leave a debt") {
  limit_world here;
  const auto c = here.one(stage("s", limit_same).limit(here.gate, 1, [](const int& used) { return used; }));
  here.begin(c, 25);
  here.world.run_until_idle();
  CHECK(here.bucket.level() == -15);
}

TEST_CASE("a cost or a true cost that throws fails its stage") {
  limit_world here;
  const auto bad_cost = [](int) -> int { throw std::runtime_error("no cost"); };
  auto& first = here.begin(here.one(stage("s", limit_same).limit(here.gate, bad_cost)), 1);
  auto& second = here.begin(here.one(stage("s", limit_same).limit(here.gate, 2, bad_cost)), 1);
  here.world.run();
  CHECK(first.why().message() == "no cost");
  CHECK(first.path() == "c/s");
  CHECK(second.why().message() == "no cost");
  CHECK(second.path() == "c/s");
  CHECK(here.bucket.level() == 8);
}

TEST_CASE("a cost that no bucket holds, or a negative one, is an invalid input") {
  limit_world here;
  auto& much = here.begin(here.one(stage("s", limit_same).limit(here.gate, 11)), 1);
  auto& less = here.begin(here.one(stage("s", limit_same).limit(here.gate, [](int i) { return i; })), -1);
  here.world.run();
  CHECK(much.why().is(errc::invalid_input));
  CHECK(less.why().is(errc::invalid_input));
  CHECK_THROWS_AS(here.one(stage("s", limit_same).limit(here.gate, -1)), graph_error);
}

TEST_CASE("a gate of another runtime is a fault of the chain") {
  limit_world here;
  limit_world other;
  CHECK_THROWS_AS(here.one(stage("s", limit_same).limit(other.gate)), graph_error);
}

TEST_CASE("a stage may have several limits: it passes one after the other, as they were said") {
  limit_world here;
  const shared_bucket second(here.rt, "second", {.refill = {.tokens = 100}, .capacity = 1});
  const admission narrow(here.rt, {.name = "narrow", .buckets = {second}});
  const auto c = here.one(stage("s", limit_same).limit(here.gate, 2).limit(narrow));
  auto& first = here.begin(c, 1);
  auto& waits = here.begin_cancellable(c, 2);
  here.world.run_until_idle();
  CHECK(first.value() == 1);
  CHECK(here.bucket.level() == 6);
  here.cancel_last();
  here.world.run_until_idle();
  CHECK(waits.why().is(errc::cancelled));
  CHECK(here.bucket.level() == 8);  // what the second gate did not let in has not begun
}

TEST_CASE("every kind of stage passes a gate: function, coroutine, operation, model, chain, on another executor") {
  limit_world here;
  testing::fake_model<int, int> fake(here.rt);
  const auto inner = here.one(stage("inner", here.sleep(1ms)));
  const auto operation = [rt = here.rt](int, auto token) { return rt.async_wait_until(rt.now() + 1ms, std::move(token)); };
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto a = in >> stage("function", limit_same).limit(here.gate);
    auto b = a >> stage("coroutine", here.sleep(1ms)).limit(here.gate);
    auto d = b >> stage("chain", inner).limit(here.gate);
    auto e = d >> stage("model", fake.model()).limit(here.gate);
    auto f = e >> stage("away", limit_same).on(here.world.get_executor()).limit(here.gate);
    auto g = f >> stage("operation", operation).limit(here.gate);
    return join(f, g) >> stage("end", [](int i, unit) { return i; });
  });
  auto& end = here.begin(c, 5);
  here.world.run_until([&] { return fake.batch_count() == 1; });
  CHECK(here.elapsed() == 2ms);
  CHECK(here.bucket.level() == 8);  // 4 taken, 2 more by time
  fake.answer(limit_same);
  here.world.run_until([&] { return end.count() == 1; });
  CHECK(end.value() == 5);
}

TEST_CASE("a stage that leaves its chain early has passed its gate") {
  limit_world here;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("leave", [](int i) -> or_exit<int, int> { return exit_with(i + 1); }).limit(here.gate)
              >> stage("never", limit_negative);
  });
  auto& end = here.begin(c, 5);
  here.world.run();
  CHECK(end.value() == 6);
  CHECK(here.bucket.level() == 9);
}

TEST_CASE("who waits at a gate keeps its executor busy, and who passes does not") {
  limit_world here;
  const auto busy = [&] { return here.world.context().outstanding_work_count(); };
  const auto c = here.one(stage("s", limit_same).limit(here.gate, 10));
  here.begin(c, 1);
  CHECK(busy() == 0);
  here.begin(c, 2);
  here.world.run_until_idle();
  CHECK(busy() > 0);
  here.world.run();
  CHECK(busy() == 0);
}

TEST_CASE("every request for a model behind a gate pays, whichever chain it comes from, and a direct call as well") {
  limit_world here;
  const auto doubled = make_model<int, int>(here.rt, {.name = "double"}, [](batch<int, int>& b) {
                         for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, 2 * b.input(i));
                       }).limit(here.gate, [](int i) { return i; });
  CHECK(doubled.name() == "double");
  const auto a = here.one(stage("a", doubled));
  const auto b = here.one(stage("b", doubled).timeout(1s));
  const auto answer = [&](test::outcome<int>& end) {
    here.world.run_until([&] { return end.count() == 1; });
    return end.value();
  };
  CHECK(answer(here.begin(a, 2)) == 4);
  CHECK(answer(here.begin(b, 3)) == 6);
  CHECK(answer(here.begin(doubled, 4)) == 8);
  CHECK(here.bucket.level() == 1);
  auto& refused = here.begin(a, 5, {.deadline = here.world.now() + 1ms});
  CHECK(refused.why().is(errc::not_admitted));
  CHECK(refused.path() == "c/a");
  auto& direct = here.begin(doubled, 5, {.deadline = here.world.now() + 1ms});
  CHECK(direct.why().is(errc::not_admitted));
  CHECK(direct.path() == "double");
}

TEST_CASE("a model behind a gate refunds what its queue refuses") {
  limit_world here;
  testing::fake_model<int, int> fake(here.rt, {.name = "m", .batch = {.max_size = 1}, .queue = {.capacity = 1}});
  const auto m = fake.model().limit(here.gate);
  const auto c = here.one(stage("s", m));
  here.begin(c, 1);
  here.world.run_until([&] { return fake.batch_count() == 1; });
  here.begin(m, 2);
  CHECK(here.begin(m, 3).why().is(errc::queue_full));
  CHECK(here.begin(c, 4).why().is(errc::queue_full));
  CHECK(here.bucket.level() == 8);
}

TEST_CASE("a model behind a gate of another runtime, or in a chain of another one, is a fault") {
  limit_world here;
  limit_world other;
  testing::fake_model<int, int> fake(here.rt);
  CHECK_THROWS_AS(fake.model().limit(other.gate), graph_error);
  CHECK_THROWS_AS(other.one(stage("s", fake.model().limit(here.gate))), graph_error);
}

TEST_CASE("a model behind a gate refunds what leaves its queue for others, and what expires there") {
  limit_world here;
  testing::fake_model<int, int> fake(here.rt, {.name = "m", .batch = {.max_size = 1},
                                               .queue = {.capacity = 1, .full = when_full::drop_oldest_of_lowest}});
  const auto m = fake.model().limit(here.gate);
  here.begin(m, 1);
  here.world.run_until([&] { return fake.batch_count() == 1; });
  auto& low = here.begin(m, 2, {.priority = priority::low});
  CHECK(here.bucket.level() == 8);
  auto& high = here.begin(m, 3, {.deadline = here.world.now() + 1ms, .priority = priority::high});
  CHECK(low.why().is(errc::queue_full));
  CHECK(here.bucket.level() == 8);
  // Its batch is formed at its deadline, before its own timer has rung.
  here.world.elapse(1ms);
  fake.answer(limit_same);
  here.world.run_until([&] { return high.count() == 1; });
  CHECK(high.why().is(errc::deadline_exceeded));
  CHECK(here.bucket.level() == 10);  // 9, and one more by time
}

TEST_CASE("a concurrency limit in front of a stage, a model or a chain lets so many in at once") {
  limit_world here;
  const concurrency_limit two(here.rt, {.policy = fixed_limit{.count = 2}, .line_capacity = 1});
  testing::fake_model<int, int> fake(here.rt, {.name = "m", .batch = {.max_size = 1}, .instances = 4});
  const auto m = fake.model().limit(two);
  const auto a = here.one(stage("a", m));
  const auto b = here.one(stage("b", limit_same)).limit(two);
  const auto c = here.one(stage("c", here.sleep(1ms)).limit(two).fallback(limit_negative));
  auto& first = here.begin(a, 1);
  auto& second = here.begin(m, 2);
  here.world.run_until([&] { return fake.batch_count() == 2; });
  auto& third = here.begin(b, 3);
  CHECK(third.count() == 0);
  CHECK(here.begin(a, 4).why().is(errc::queue_full));
  CHECK(here.begin(c, 5).value() == -5);
  fake.answer(limit_same);
  here.world.run_until([&] { return third.count() == 1; });
  CHECK(third.value() == 3);
  fake.answer(limit_same);
  here.world.run_until([&] { return first.count() + second.count() == 2; });
  CHECK(two.in_flight_approx() == 0);
  auto& cancelled = here.begin_cancellable(c, 6);
  CHECK(two.in_flight_approx() == 1);
  here.cancel_last();
  here.world.run_until_idle();
  CHECK(cancelled.why().is(errc::cancelled));
  CHECK(two.in_flight_approx() == 0);
}

TEST_CASE("every run of a chain behind a gate pays before its first stage") {
  limit_world here;
  std::vector<int> ran;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
                   return in >> stage("first", [&](int i) { return ran.push_back(i), i; }) >> stage("second", here.sleep(1ms));
                 }).limit(here.gate, 5, [](int used) { return used; });
  CHECK(c.name() == "c");
  for (int i = 1; i <= 3; ++i) here.begin(c, i);
  CHECK(ran == std::vector<int>{1, 2});
  auto& nested = here.begin(here.one(stage("nested", c)), 4);
  here.world.run();
  CHECK(ran == std::vector<int>{1, 2, 3, 4});
  CHECK(nested.value() == 4);
  // 1, 2, 3 and 4 are what they cost; the third waited for the rests of the first two.
  CHECK(here.bucket.level() <= 10 - 4);
  CHECK(here.elapsed() < 5ms);
}

TEST_CASE("a failure inside a chain behind a gate has the path that it has without") {
  limit_world here;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("first", limit_same) >> stage("bad", [](int) -> result<int> { return failure(errc::invalid_input); });
  });
  CHECK(here.begin(c.limit(here.gate), 1).path() == "c/bad");
  CHECK(here.begin(here.one(stage("nested", c.limit(here.gate))), 1).path() == here.begin(here.one(stage("nested", c)), 1).path());
}

TEST_CASE("whoever of those at a gate is cancelled at whatever step, the others are let in, and only what began was paid") {
  for (const test::caller how : {test::caller::cancellable, test::caller::on_a_strand, test::caller::coroutine}) {
    for (std::size_t victim = 0; victim < 4; ++victim) {
      test::at_every_step_of(
          10, [&](std::uint64_t seed) { return std::make_unique<limit_scene>(seed, how); },
          [&](limit_scene& s) {
            s.cancel(victim);
            s.world.run();
            s.check_completed_once();
            for (std::size_t i = 0; i < 4; ++i)
              CHECK((s.ends[i].answered() || (i == victim && s.ends[i].why().is(errc::cancelled))));
            // Everything is in the bucket again some time after the last one; never before what was taken has been refilled.
            const auto paid = 2 * s.ran;
            const auto refilled = (s.world.now() - testing::manual_time::start) / 1ms;
            CHECK(s.bucket.level() >= 3 - paid);
            CHECK(s.bucket.level() <= std::min<std::int64_t>(3, 3 - paid + refilled));
          });
    }
  }
}

TEST_CASE("when all at a gate are cancelled at whatever step, those that never began have paid nothing") {
  test::at_every_step_of(
      20, [&](std::uint64_t seed) { return std::make_unique<limit_scene>(seed, test::caller::cancellable); },
      [&](limit_scene& s) {
        const auto level_by_time = (s.world.now() - testing::manual_time::start) / 1ms;
        s.cancel();
        s.world.run_until_idle();
        s.check_completed_once();
        CHECK(s.bucket.level() == std::min<std::int64_t>(3, 3 - 2 * s.ran + level_by_time));
      });
}
