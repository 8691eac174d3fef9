// SPDX-License-Identifier: BSL-1.0
/// \file
/// Deep, wide and deeply nested chains: no stack, no quadratic cost.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <functional>
#include <string>
#include <vector>

#include "support/outcome.hpp"
#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace catena;
namespace asio = boost::asio;

struct deep_world {
  testing::manual_world world;
  runtime rt = world.runtime();

  [[nodiscard]] auto step() const {
    return [](long i) { return i + 1; };
  }
  [[nodiscard]] auto hop() const {
    return [rt = rt](long i) -> asio::awaitable<long> {
      co_await rt.async_yield(asio::use_awaitable);
      co_return i + 1;
    };
  }
  [[nodiscard]] auto operation() const {
    return [](long i, auto token) {
      return asio::async_initiate<decltype(token), void(long)>([](auto handler, long v) { std::move(handler)(v + 1); }, token, i);
    };
  }
  [[nodiscard]] auto at_once() const {
    return [](long i) -> asio::awaitable<long> { co_return i + 1; };
  }
  template <class F>
  [[nodiscard]] chain<long, long> line(std::size_t length, F f) const {
    return make_chain<long>(rt, "line", [&](auto in) {
      auto n = in >> stage("0", f);
      for (std::size_t i = 1; i < length; ++i) n = n >> stage(std::to_string(i), f);
      return n;
    });
  }
  long answer(const chain<long, long>& c, long in, run_options options = {}) {
    test::outcome<long> end;
    c.async_run(in, options, end.take());
    world.run();
    REQUIRE(end.count() == 1);
    return end.value();
  }
};

}  // namespace

TEST_CASE("ten thousand stages in a row run without a deep stack, whatever their kind") {
  deep_world here;
  const run_options timed{.deadline = here.world.now() + std::chrono::hours(1)};
  CHECK(here.answer(here.line(10'000, here.step()), 0) == 10'000);
  CHECK(here.answer(here.line(10'000, here.hop()), 0) == 10'000);
  CHECK(here.answer(here.line(10'000, here.at_once()), 0) == 10'000);
  CHECK(here.answer(here.line(10'000, here.operation()), 0) == 10'000);
  CHECK(here.answer(here.line(10'000, here.step()), 0, timed) == 10'000);
  CHECK(here.answer(here.line(10'000, here.hop()), 0, timed) == 10'000);
  CHECK(here.answer(here.line(10'000, here.at_once()), 0, timed) == 10'000);
  CHECK(here.answer(here.line(10'000, here.operation()), 0, timed) == 10'000);
}

TEST_CASE("a stage may have ten thousand consumers") {
  deep_world here;
  const auto c = make_chain<long>(here.rt, "wide", [&](auto in) {
    auto start = in >> stage("start", here.hop());
    std::vector<node<long>> all;
    for (int i = 0; i < 10'000; ++i) {
      if (i % 2 == 0) all.push_back(start >> stage("hop " + std::to_string(i), here.hop()));
      else all.push_back(start >> stage("step " + std::to_string(i), here.step()));
    }
    return join(all) >> stage("sum", [](const std::vector<long>& v) {
             long sum = 0;
             for (const long x : v) sum += x;
             return sum;
           });
  });
  CHECK(here.answer(c, 0) == 20'000);
}

TEST_CASE("each over a hundred thousand items, inline and suspending, and the last one failing") {
  deep_world here;
  constexpr long many = test::times(100'000L, 20'000L);
  auto last_fails = [hop = here.hop()](long i) -> asio::awaitable<result<long>> {
    long v = co_await hop(i);
    if (v == many) co_return failure(errc::invalid_input);
    co_return v;
  };
  auto make = [](long n) {
    std::vector<long> all;
    for (long i = 0; i < n; ++i) all.push_back(i);
    return all;
  };
  auto count = [](const std::vector<long>& v) { return static_cast<long>(v.size()); };
  const auto inline_items = make_chain<long>(here.rt, "c", [&](auto in) {
    return in >> stage("make", make) >> each(stage("step", here.step())) >> stage("count", count);
  });
  const auto operations = make_chain<long>(here.rt, "c", [&](auto in) {
    return in >> stage("make", make) >> each(stage("op", here.operation()), 1) >> stage("count", count);
  });
  const auto suspending = make_chain<long>(here.rt, "c", [&](auto in) {
    return in >> stage("make", make) >> each(stage("hop", last_fails), 100) >> stage("count", count);
  });
  CHECK(here.answer(inline_items, many) == many);
  CHECK(here.answer(operations, many) == many);
  CHECK(here.answer(suspending, many - 1) == many - 1);
  test::outcome<long> end;
  suspending.async_run(many, end.take());
  here.world.run();
  CHECK(end.path() == "c/each[" + std::to_string(many - 1) + "]/hop");
}

TEST_CASE("chains nest a hundred and a thousand deep") {
  deep_world here;
  for (const int depth : {100, 1000}) {
    for (const bool suspends : {false, true}) {
      auto c = suspends ? here.line(2, here.hop()) : here.line(2, here.step());
      for (int i = 1; i < depth; ++i)
        c = make_chain<long>(here.rt, "level", [&](auto in) { return in >> stage("inner", c) >> stage("after", here.step()); });
      CHECK(here.answer(c, 0) == depth + 1);
      CHECK(here.answer(c, 0, {.deadline = here.world.now() + std::chrono::hours(1)}) == depth + 1);
    }
  }
}

TEST_CASE("a thousand nested chains are cancelled and killed as one") {
  deep_world here;
  auto forever = [rt = here.rt](long i) -> asio::awaitable<long> {
    co_await rt.async_wait_until(rt.now() + std::chrono::hours(9), asio::use_awaitable);
    co_return i;
  };
  auto c = make_chain<long>(here.rt, "innermost", [&](auto in) { return in >> stage("wait", forever); });
  for (int i = 1; i < 1000; ++i) c = make_chain<long>(here.rt, "level", [&](auto in) { return in >> stage("inner", c); });
  test::outcome<long> end;
  c.async_run(0, {.deadline = here.world.now() + std::chrono::milliseconds(1)}, end.take());
  here.world.run();
  CHECK(end.why().is(errc::deadline_exceeded));
  test::outcome<long> killed;
  c.async_run(0, killed.take());
  here.world.run_until_idle();
  here.world.destroy_executor();
  CHECK(killed.count() == 0);
}

TEST_CASE("a coroutine stage may loop a thousand times over a chain") {
  deep_world here;
  const auto inner = here.line(3, here.hop());
  auto loop = [inner](call c, long n) -> asio::awaitable<long> {
    long v = 0;
    for (long i = 0; i < n; ++i) v = co_await inner(c, v);
    co_return v;
  };
  const auto c = make_chain<long>(here.rt, "c", [&](auto in) { return in >> stage("loop", loop); });
  CHECK(here.answer(c, 1000) == 3000);
}

TEST_CASE("a hundred thousand runs that wait in a stage's queue are freed without a deep stack") {
  deep_world here;
  const auto c = make_chain<long>(here.rt, "c", [&](auto in) {
    return in >> stage("wait", [rt = here.rt](long i) -> asio::awaitable<long> {
             co_await rt.async_wait_until(rt.now() + std::chrono::hours(1), asio::use_awaitable);
             co_return i;
           }).queue({.capacity = 100'000});
  });
  for (int i = 0; i < 100'000; ++i) c.async_run(i, [](result<long>) { FAIL("called"); });
  here.world.run_until_idle();
  here.world.destroy_executor();
}
