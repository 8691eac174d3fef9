// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <array>
#include <memory>
#include <vector>

#include "model/batching.hpp"
#include "support/noticing_time.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using catena::batch;
using catena::errc;
using catena::make_model;
using catena::run_options;
using catena::stage;
using catena::test::batching;
using catena::test::held_batches;
using catena::test::outcome;
using catena::testing::manual_world;

}  // namespace

TEST_CASE("an idle instance never waits when max_delay is zero") {
  batching b({.name = "risk", .batch = {.max_size = 8}});
  b.ask(1);
  REQUIRE(b.held.all.size() == 1);
  CHECK(b.held.all.front().size() == 1);
}

TEST_CASE("requests that come while the instance works form the next batch") {
  batching b({.name = "risk", .batch = {.max_size = 8}});
  b.ask(1);
  b.ask(5);
  CHECK(b.held.all.size() == 1);
  CHECK(b.m.stats().queue_depth == 5);
  b.answer();
  REQUIRE(b.held.all.size() == 1);
  CHECK(b.inputs_of(b.held.all.front()) == std::vector<int>{1, 2, 3, 4, 5});
  b.answer();
  for (int i = 0; i < 6; ++i) CHECK(b.asked[static_cast<std::size_t>(i)]->value() == 10 * i);
}

TEST_CASE("a batch never has more than max_size rows") {
  batching b({.name = "risk", .batch = {.max_size = 4}});
  b.ask(1);
  b.ask(10);
  b.answer();
  CHECK(b.held.all.front().size() == 4);
  b.answer();
  CHECK(b.held.all.front().size() == 4);
  b.answer();
  CHECK(b.held.all.front().size() == 2);
}

TEST_CASE("with max_delay a request waits for others until max_size is reached") {
  batching b({.name = "risk", .batch = {.max_size = 3, .max_delay = 5ms}});
  b.ask(2);
  CHECK(b.held.all.empty());
  b.ask(1);
  REQUIRE(b.held.all.size() == 1);
  CHECK(b.held.all.front().size() == 3);
}

TEST_CASE("with max_delay the oldest request waits no longer than that") {
  batching b({.name = "risk", .batch = {.max_size = 3, .max_delay = 5ms}});
  b.ask(1);
  b.world.advance(3ms);
  b.ask(1);
  b.world.advance(1999us);
  CHECK(b.held.all.empty());
  b.world.advance(1us);
  REQUIRE(b.held.all.size() == 1);
  CHECK(b.held.all.front().size() == 2);
}

TEST_CASE("the delay is counted anew from the oldest that is left") {
  batching b({.name = "risk", .batch = {.max_size = 3, .max_delay = 5ms}});
  b.ask(3);
  b.answer();
  b.ask(1);
  b.world.advance(4ms);
  CHECK(b.held.all.empty());
  b.world.advance(1ms);
  CHECK(b.held.all.size() == 1);
}

TEST_CASE("a model that waits for nothing keeps no alarm set") {
  batching b({.name = "risk", .batch = {.max_size = 3, .max_delay = 1h}});
  b.ask(1);
  CHECK(b.world.time()->next_alarm() == b.rt.now() + 1h);
  b.ask(2);
  CHECK(b.world.time()->next_alarm() == catena::no_deadline);
}

TEST_CASE("a request that finds the queue full fails at once with queue_full and retry_after") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .queue = {.capacity = 2}});
  b.ask(1);
  b.ask(2);
  b.ask(1);
  REQUIRE(b.asked[3]->count() == 1);
  const catena::failure why = b.asked[3]->why();
  CHECK(why.is(errc::queue_full));
  CHECK(why.message() == "model 'risk': its queue is full at 2");
  CHECK(why.code() == catena::make_error_condition(catena::condition::retry_later));
  CHECK(why.retry_after() > 0ms);
  CHECK(b.m.stats().refused_count == 1);
  while (!b.held.all.empty()) b.answer();
  for (std::size_t i = 0; i < 3; ++i) CHECK(b.asked[i]->answered());
}

TEST_CASE("retry_after is how long a batch has been taking") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .queue = {.capacity = 1}});
  b.ask(1);
  b.world.advance(40ms);
  b.answer();
  b.ask(3);
  CHECK(b.asked[3]->why().retry_after() == 40ms);
}

TEST_CASE("one quick batch does not make retry_after forget the slow ones before") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .queue = {.capacity = 1}});
  for (const auto took : {40ms, 8ms}) {
    b.ask(1);
    b.world.advance(took);
    b.answer();
  }
  b.ask(3);
  CHECK(b.asked[4]->why().retry_after() == 36ms);
}

TEST_CASE("a batch of which every request has expired says nothing of how long batches take") {
  manual_world world;
  const auto time = std::make_shared<catena::test::noticing_time>(world.time());
  const catena::runtime rt(world.get_executor(), {.time = time});
  held_batches<int, int> held;
  const auto m = make_model<int, int>(rt, {.name = "risk", .batch = {.max_size = 1}, .queue = {.capacity = 1}}, held.instance());
  std::array<outcome<int>, 5> ends;
  const auto ask = [&](std::size_t i, run_options options = {}) {
    m.async_run(0, options, ends[i].take());
    world.run_until_idle();
  };
  ask(0);
  world.elapse(40ms);
  ask(1, {.deadline = world.now() + 5ms});
  held.take().answer(0, 0);  // and done: the next batch is on its way
  time->at_next_reading([&] { world.elapse(5ms); });
  world.run_until_idle();
  CHECK(m.stats().expired_count == 1);
  CHECK(m.stats().batch_count == 1);
  for (std::size_t i = 2; i < 5; ++i) ask(i);
  CHECK(ends[4].why().retry_after() == 40ms);
}

TEST_CASE("a model whose executor is gone refuses a run on another one") {
  manual_world other;
  batching b;
  b.world.destroy_executor();
  outcome<int> end;
  b.m.async_run(1, asio::bind_executor(other.get_executor(), end.take()));
  other.run_until_idle();
  CHECK(end.count() == 1);
  CHECK(end.why().is(errc::cancelled));
  CHECK(end.why().message() == "model 'risk': its executor is gone");
}

TEST_CASE("a higher priority is computed first") {
  batching b({.name = "risk", .batch = {.max_size = 1}});
  b.ask(1);
  b.ask(1, {.priority = catena::priority::low});
  b.ask(1);
  b.ask(1, {.priority = catena::priority::high});
  std::vector<int> order;
  for (; !b.held.all.empty(); b.answer()) order.push_back(b.held.all.front().input(0));
  CHECK(order == std::vector<int>{0, 3, 2, 1});
}

TEST_CASE("a request that is cancelled while it is queued leaves at once") {
  batching b({.name = "risk", .batch = {.max_size = 8}});
  b.ask(1);
  asio::cancellation_signal signal;
  outcome<int> o;
  b.m.async_run(5, asio::bind_cancellation_slot(signal.slot(), o.take()));
  b.world.run_until_idle();
  CHECK(b.m.stats().queue_depth == 1);
  signal.emit(asio::cancellation_type::terminal);
  CHECK(b.m.stats().queue_depth == 0);
  b.world.run_until_idle();
  CHECK(o.count() == 1);
  CHECK(o.why().is(errc::cancelled));
  b.answer();
  CHECK(b.m.stats().row_count == 1);
  CHECK(b.rt.wasted_count() == 0);
}

TEST_CASE("a request that is cancelled on its way to the queue does not enter it") {
  manual_world world;
  const auto time = std::make_shared<catena::test::noticing_time>(world.time());
  const catena::runtime rt(world.get_executor(), {.time = time});
  held_batches<int, int> held;
  const auto m = make_model<int, int>(rt, {.name = "risk", .batch = {.max_delay = 5ms}}, held.instance());
  asio::cancellation_signal signal;
  outcome<int> end;
  m.async_run(1, asio::bind_cancellation_slot(signal.slot(), end.take()));
  time->at_next_reading([&] { signal.emit(asio::cancellation_type::terminal); });
  world.run();
  CHECK(end.count() == 1);
  CHECK(end.why().is(errc::cancelled));
  CHECK(held.all.empty());
  CHECK(rt.wasted_count() == 0);
  CHECK(m.stats().queue_depth == 0);
}

TEST_CASE("a request that is cancelled while it waits for others takes the alarm with it") {
  batching b({.name = "risk", .batch = {.max_size = 8, .max_delay = 1h}});
  asio::cancellation_signal signal;
  outcome<int> o;
  b.m.async_run(5, asio::bind_cancellation_slot(signal.slot(), o.take()));
  b.world.run_until_idle();
  CHECK(b.world.time()->next_alarm() == b.rt.now() + 1h);
  signal.emit(asio::cancellation_type::terminal);
  b.world.run_until_idle();
  CHECK(b.world.time()->next_alarm() == catena::no_deadline);
  CHECK(o.why().is(errc::cancelled));
}

TEST_CASE("a request whose deadline passes in the queue fails right then") {
  batching b({.name = "risk", .batch = {.max_size = 8}});
  b.ask(1);
  b.ask(1, {.deadline = b.rt.now() + 5ms});
  b.world.advance(5ms);
  CHECK(b.asked[1]->count() == 1);
  CHECK(b.asked[1]->why().is(errc::deadline_exceeded));
  CHECK(b.m.stats().queue_depth == 0);
  b.answer();
  CHECK(b.m.stats().row_count == 1);
}

TEST_CASE("a request whose deadline has passed when its batch is formed is not computed") {
  // The clock moves on, but the alarm's turn has not come yet when the batch is formed: both are pieces of ready work,
  // and some seeds draw the batch first.
  bool batch_was_first = false;
  for (std::uint64_t seed = 0; seed < 32; ++seed) {
    manual_world world{seed};
    const auto rt = world.runtime();
    held_batches<int, int> held;
    const auto m = make_model<int, int>(rt, {.name = "risk"}, held.instance());
    outcome<int> busy;
    outcome<int> late;
    m.async_run(0, busy.take());
    world.run_until_idle();
    m.async_run(1, run_options{.deadline = rt.now() + 5ms}, late.take());
    world.run_until_idle();
    held.take().answer(0, 0);  // and done: the next batch is on its way
    world.elapse(5ms);
    world.run_until_idle();
    CHECK(held.all.empty());
    CHECK(late.count() == 1);
    CHECK(late.why().is(errc::deadline_exceeded));
    CHECK(m.stats().row_count == 1);
    batch_was_first = batch_was_first || m.stats().expired_count == 1;
  }
  CHECK(batch_was_first);
}

TEST_CASE("a request that is cancelled while it is computed is not waited for, and counted as waste") {
  batching b;
  asio::cancellation_signal signal;
  outcome<int> o;
  b.m.async_run(5, asio::bind_cancellation_slot(signal.slot(), o.take()));
  b.world.run_until_idle();
  auto computing = b.held.take();
  CHECK(computing.is_wanted(0));
  signal.emit(asio::cancellation_type::terminal);
  b.world.run_until_idle();
  CHECK(o.count() == 1);
  CHECK(o.why().is(errc::cancelled));
  CHECK(!computing.is_wanted(0));
  CHECK(computing.input(0) == 5);
  CHECK(b.rt.wasted_count() == 0);
  computing.answer(0, 1);
  CHECK(b.rt.wasted_count() == 1);
  computing.done();
  b.world.run_until_idle();
  CHECK(o.count() == 1);
}

TEST_CASE("a deadline that passes while the request is computed ends the run then") {
  batching b;
  b.ask(1, {.deadline = b.rt.now() + 5ms});
  b.world.advance(5ms);
  CHECK(b.asked[0]->why().is(errc::deadline_exceeded));
  b.answer();
  CHECK(b.rt.wasted_count() == 1);
}

TEST_CASE("a batch mixes requests of different chains") {
  batching b({.name = "risk", .batch = {.max_size = 2, .max_delay = 1s}});
  const auto one = catena::make_chain<int>(b.rt, "one", [&](auto in) { return in >> stage("score", b.m); });
  const auto two = catena::make_chain<int>(b.rt, "two", [&](auto in) { return in >> stage("judge", b.m); });
  outcome<int> o[2];
  one.async_run(1, o[0].take());
  two.async_run(2, o[1].take());
  b.world.run_until_idle();
  REQUIRE(b.held.all.size() == 1);
  auto mixed = b.held.take();
  REQUIRE(mixed.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    if (mixed.input(i) == 1) mixed.answer(i, 1);
    else mixed.fail(i, errc::invalid_input);
  }
  mixed.done();
  b.world.run_until_idle();
  CHECK(o[0].value() == 1);
  CHECK(o[1].path() == "two/judge");
}

TEST_CASE("several instances compute at once, each one batch at a time") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .instances = 2});
  b.ask(3);
  CHECK(b.held.all.size() == 2);
  CHECK(b.m.stats().queue_depth == 1);
  b.answer();
  CHECK(b.held.all.size() == 2);
  b.answer();
  b.answer();
  CHECK(b.held.all.empty());
  for (const auto& o : b.asked) CHECK(o->answered());
}

TEST_CASE("the instance that has become idle last works first") {
  manual_world world;
  const auto rt = world.runtime();
  std::array<held_batches<int, int>, 2> held;
  const catena::model<int, int> m(rt, {.name = "risk", .instances = 2}, std::vector{held[0].instance(), held[1].instance()});
  std::array<outcome<int>, 4> ends;
  const auto ask = [&](std::size_t i) {
    m.async_run(0, ends[i].take());
    world.run_until_idle();
  };
  const auto answer = [&](std::size_t instance) {
    held[instance].take().answer(0, 0);
    world.run_until_idle();
  };
  for (const std::size_t last : {0U, 1U}) {
    ask(2 * last);
    ask(2 * last + 1);
    answer(1 - last);
    answer(last);
    outcome<int> end;
    m.async_run(0, end.take());
    world.run_until_idle();
    REQUIRE(held[last].all.size() == 1);
    answer(last);
  }
}

TEST_CASE("a model tells its batches, rows, mean batch size and queue depth") {
  batching b({.name = "risk", .batch = {.max_size = 3}});
  CHECK(b.m.stats().mean_batch_size() == 0.0);
  b.ask(1);
  b.ask(5);
  CHECK(b.m.stats().queue_depth == 5);
  while (!b.held.all.empty()) b.answer();
  const auto stats = b.m.stats();
  CHECK(stats.batch_count == 3);
  CHECK(stats.row_count == 6);
  CHECK(stats.mean_batch_size() == 2.0);
  CHECK(stats.queue_depth == 0);
}

TEST_CASE("a model tells how long its policy took to learn") {
  batching b;
  for (int i = 0; i < 40 && b.m.stats().learning_time == catena::duration{}; ++i) {
    b.ask(1);
    b.world.elapse(1ms);
    b.answer();
  }
  CHECK(b.m.stats().learning_time > 10ms);
  CHECK(b.m.stats().learning_time < 30ms);
  const auto learnt = b.m.stats().learning_time;
  b.ask(1);
  b.answer();
  CHECK(b.m.stats().learning_time == learnt);
}

TEST_CASE("a fallback answers for a model whose queue is full") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .queue = {.capacity = 1}});
  const auto chain = catena::make_chain<int>(b.rt, "c", [&](auto in) {
    return in >> stage("score", b.m).fallback([](int x) { return -x; });
  });
  b.ask(2);
  outcome<int> o;
  chain.async_run(3, o.take());
  b.world.run_until_idle();
  CHECK(o.value() == -3);
}

TEST_CASE("a stage's timeout reaches the queue of its model") {
  batching b;
  const auto chain = catena::make_chain<int>(b.rt, "c", [&](auto in) { return in >> stage("score", b.m).timeout(5ms); });
  b.ask(1);
  outcome<int> o;
  chain.async_run(3, o.take());
  b.world.run_until_idle();
  CHECK(b.m.stats().queue_depth == 1);
  b.world.advance(5ms);
  CHECK(b.m.stats().queue_depth == 0);
  CHECK(o.why().is(errc::timed_out));
  CHECK(o.path() == "c/score");
}

TEST_CASE("drain waits for requests of models, and stops new ones") {
  batching b;
  b.ask(1);
  bool drained = false;
  b.rt.async_drain(catena::no_deadline, [&](catena::result<void>) { drained = true; });
  b.world.run_until_idle();
  CHECK(!drained);
  b.ask(1);
  CHECK(b.asked[1]->why().is(errc::shutting_down));
  b.answer();
  CHECK(drained);
}

TEST_CASE("what a batch takes is told from when its instance was free for it and requests waited") {
  std::vector<std::pair<std::size_t, catena::duration>> told;
  batching b({.name = "risk", .batch = {.policy = catena::test::noting_policy{&told}}});
  b.world.elapse(7ms);  // idle for want of requests
  b.ask(3);
  b.world.elapse(2ms);
  auto first = b.held.take();
  first.done();
  b.world.elapse(1ms);  // the next one is on its way to a compute thread
  b.world.run_until_idle();
  b.world.elapse(4ms);
  b.answer();
  CHECK(told == std::vector<std::pair<std::size_t, catena::duration>>{{1, 2ms}, {2, 5ms}});
}
