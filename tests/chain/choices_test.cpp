// SPDX-License-Identifier: BSL-1.0
/// \file
/// first_of and cascade: who is begun, who wins, and what becomes of the others.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <chrono>
#include <cstdint>

#include "support/outcome.hpp"
#include "support/tracked.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

struct choices_world {
  explicit choices_world(std::uint64_t seed = 1) : world(seed) {}

  [[nodiscard]] auto sleep(duration d) const {
    return [rt = rt, d](int i) -> asio::awaitable<int> {
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      co_return i;
    };
  }
  template <class Choice>
  void run(Choice choice) {
    const auto c = make_chain<int>(rt, "c", [&](auto in) { return in >> std::move(choice); });
    c.async_run(1, end.take());
    world.run();
    REQUIRE(end.count() == 1);
  }
  [[nodiscard]] duration elapsed() const { return world.now() - testing::manual_time::start; }

  testing::manual_world world;
  runtime rt = world.runtime();
  test::outcome<int> end;
};

or_exit<int, int> choices_leave(int i) { return exit_with(i + 100); }

}  // namespace

TEST_CASE("a race ends with its first answer and does not wait for the others") {
  choices_world here;
  here.run(first_of("race", stage("slow", here.sleep(9ms)), stage("quick", here.sleep(1ms)), stage("slower", here.sleep(1h))));
  CHECK(here.end.value() == 1);
  CHECK(here.elapsed() == 1ms);
}

TEST_CASE("a race that an inline stage has won begins no further stage") {
  choices_world here;
  int begun = 0;
  here.run(first_of("race", stage("one", [](int) { return 1; }), stage("two", [&](int) { return ++begun, 2; })));
  CHECK(here.end.value() == 1);
  CHECK(begun == 0);
}

TEST_CASE("of two that answer at the same moment one wins, and what the other answered is destroyed") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    choices_world here(seed);
    test::ledger book;
    const auto late = [&](int value) {
      return [rt = here.rt, &book, value](int) -> asio::awaitable<test::tracked> {
        co_await rt.async_wait_until(rt.now() + 1ms, asio::use_awaitable);
        co_return test::tracked(value, book);
      };
    };
    const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
      return in >> first_of("race", stage("one", late(1)), stage("two", late(2))) >>
             stage("look", [](const test::tracked& t) { return t.value; });
    });
    c.async_run(1, here.end.take());
    here.world.run();
    CHECK(here.end.answered());
    CHECK(book.alive == 0);
  }
}

TEST_CASE("an early exit of a stage in a race or of the near stage of a cascade leaves the chain") {
  choices_world race;
  race.run(first_of("race", stage("leave", choices_leave), stage("two", [](int) { return 2; })));
  CHECK(race.end.value() == 101);
  choices_world cascaded;
  cascaded.run(cascade("cascade", stage("leave", choices_leave), stage("far", [](int) { return 2; }), [](int) { return true; }));
  CHECK(cascaded.end.value() == 101);
}
