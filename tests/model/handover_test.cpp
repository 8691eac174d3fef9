// SPDX-License-Identifier: BSL-1.0
// How answers travel from a model: together, and on to the next model without a detour.
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/testing/recording_sink.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <string>
#include <tuple>

#include "model/held_model.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using catena::batch;
using catena::errc;
using catena::make_chain;
using catena::make_model;
using catena::stage;
using catena::test::answering;
using catena::test::outcome;
using catena::testing::manual_world;

auto adding(const catena::runtime& rt, std::string name, int n) {
  return make_model<int, int>(rt, {.name = std::move(name), .queue = {.capacity = 4096}}, answering<int, int>([n](int x) { return x + n; }));
}

/// The steps that one run takes: begun inside the executor, ended by its handler.
std::size_t steps_of(manual_world& world, const catena::chain<int, int>& c, int expected) {
  outcome<int> o;
  asio::post(world.get_executor(), [&] { c.async_run(0, o.take()); });
  const std::size_t steps = world.run_until_idle();
  CHECK(o.value() == expected);
  return steps;
}

}  // namespace

TEST_CASE("a row goes from one model to the next without visiting its executor") {
  manual_world world;
  const auto rt = world.runtime();
  const auto one = make_chain<int>(rt, "one", [&](auto in) { return in >> stage("a", adding(rt, "a", 1)); });
  const auto three = make_chain<int>(rt, "three", [&](auto in) {
    return in >> stage("a", adding(rt, "a", 1)) >> stage("b", adding(rt, "b", 10)) >> stage("c", adding(rt, "c", 100));
  });
  // In virtual time a batch is a step of the executor: two more models are two more steps, and no step home between them.
  CHECK(steps_of(world, three, 111) == steps_of(world, one, 1) + 2);
}

TEST_CASE("a row goes home between models where a function stands, where values meet and where they part") {
  manual_world world;
  const auto rt = world.runtime();
  const auto function = make_chain<int>(rt, "function", [&](auto in) {
    return in >> stage("a", adding(rt, "a", 1)) >> stage("f", [](int x) { return 2 * x; }) >> stage("b", adding(rt, "b", 10));
  });
  CHECK(steps_of(world, function, 12) > 0);
  const auto both = make_model<std::tuple<int, int>, int>(
      rt, {.name = "both"}, answering<std::tuple<int, int>, int>([](const auto& t) { return std::get<0>(t) * std::get<1>(t); }));
  const auto diamond = make_chain<int>(rt, "diamond", [&](auto in) {
    auto a = in >> stage("a", adding(rt, "a", 1));
    auto left = a >> stage("left", adding(rt, "left", 1));
    auto right = a >> stage("right", adding(rt, "right", 2));
    return join(left, right).as_tuple() >> stage("both", both);
  });
  CHECK(steps_of(world, diamond, 6) > 0);
}

TEST_CASE("a row that is refused by the next model fails its run at home, with the path") {
  manual_world world;
  const auto rt = world.runtime();
  catena::test::held_batches<int, int> held;
  const auto full = make_model<int, int>(rt, {.name = "full", .batch = {.max_size = 1}, .queue = {.capacity = 1}}, held.instance());
  const auto c = make_chain<int>(rt, "c", [&](auto in) { return in >> stage("a", adding(rt, "a", 1)) >> stage("b", full); });
  std::array<outcome<int>, 3> o;
  for (auto& one : o) {
    c.async_run(0, one.take());
    world.run_until_idle();
  }
  CHECK(o[2].why().is(errc::queue_full));
  CHECK(o[2].path() == "c/b");
  while (!held.all.empty()) {
    auto b = held.take();
    b.answer(0, b.input(0));
    b.done();
    world.run_until_idle();
  }
  CHECK(o[0].value() == 1);
  CHECK(o[1].value() == 1);
}

TEST_CASE("a run that is stopped while its row is computed is not handed to the next model") {
  manual_world world;
  const auto rt = world.runtime();
  const auto second = adding(rt, "second", 10);
  asio::cancellation_signal signal;
  const auto first = make_model<int, int>(rt, {.name = "first"}, [&](batch<int, int>& b) {
    b.answer(0, 1);
    signal.emit(asio::cancellation_type::terminal);  // the answer is on its way
  });
  const auto c = make_chain<int>(rt, "c", [&](auto in) { return in >> stage("a", first) >> stage("b", second); });
  outcome<int> o;
  c.async_run(0, asio::bind_cancellation_slot(signal.slot(), o.take()));
  world.run_until_idle();
  CHECK(o.why().is(errc::cancelled));
  CHECK(second.stats().row_count == 0);
}

TEST_CASE("stages of models that follow each other are timed one after the other") {
  const auto sink = std::make_shared<catena::testing::recording_sink>();
  manual_world world;
  const auto rt = world.runtime({.observer = sink});
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    return in >> stage("a", adding(rt, "a", 1)) >> stage("b", adding(rt, "b", 10));
  });
  outcome<int> o;
  c.async_run(0, o.take());
  world.run_until_idle();
  const auto records = sink->records();
  REQUIRE(records.size() == 1);
  REQUIRE(records[0].stages.size() == 2);
  for (const auto& s : records[0].stages) CHECK(s.ended());
  CHECK(records[0].stages[0].span.ended <= records[0].stages[1].span.began);
}

TEST_CASE("the answers of a batch come home together") {
  manual_world world;
  const auto rt = world.runtime();
  catena::test::held_batches<int, int> held;
  int calls = 0;
  const auto m = make_model<int, int>(rt, {.name = "m", .batch = {.max_delay = 1ms}}, [&](batch<int, int>& b) {
    ++calls;
    for (std::size_t i = 0; i < b.size(); ++i) {
      b.answer(i, b.input(i));
      CHECK(world.context().ready_count() == 0);
    }
  });
  std::array<outcome<int>, 8> o;
  for (auto& one : o) m.async_run(1, one.take());
  world.advance(1ms);
  CHECK(calls == 1);
  for (auto& one : o) CHECK(one.value() == 1);
}

TEST_CASE("hand_over sends what has been answered before the function returns", "[concurrency]") {
  asio::io_context io;
  const catena::runtime rt(io.get_executor());
  std::latch first_is_home(1);
  const auto m = make_model<int, int>(rt, {.name = "m", .batch = {.max_size = 2, .max_delay = 1h}}, [&](batch<int, int>& b) {
    b.answer(0, 1);
    b.hand_over();
    first_is_home.wait();
    b.answer(1, 2);
  });
  outcome<int> second;
  m.async_run(0, [&](catena::result<int> r) {
    CHECK(*r == 1);
    first_is_home.count_down();
  });
  m.async_run(0, second.take());
  io.run();
  CHECK(second.value() == 2);
}

TEST_CASE("an executor does not run out of work while a row goes from one model to the next", "[concurrency]") {
  asio::io_context io;
  const catena::runtime rt(io.get_executor());
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    return in >> stage("a", adding(rt, "a", 1)) >> stage("b", adding(rt, "b", 10)) >> stage("c", adding(rt, "c", 100));
  });
  for (int i = 0; i < 2'000; ++i) {
    outcome<int> o;
    c.async_run(i, o.take());
    io.run();
    io.restart();
    REQUIRE(o.count() == 1);
    REQUIRE(o.value() == i + 111);
  }
}

TEST_CASE("rows that go from model to model on several threads are neither lost nor doubled", "[concurrency]") {
  asio::thread_pool pool(2);
  const catena::runtime rt(pool.get_executor(), {.compute_thread_count = 3, .spin = 5us});
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    return in >> stage("a", adding(rt, "a", 1)) >> stage("b", adding(rt, "b", 10)) >> stage("c", adding(rt, "c", 100));
  });
  constexpr int runs = 3'000;
  std::atomic<int> right{0};
  std::latch all(runs);
  for (int i = 0; i < runs; ++i)
    c.async_run(i, catena::run_options{.deadline = i % 3 ? catena::no_deadline : rt.now() + 10s}, [&, i](catena::result<int> r) {
      if (r && *r == i + 111) ++right;
      all.count_down();
    });
  all.wait();
  CHECK(right == runs);
}
