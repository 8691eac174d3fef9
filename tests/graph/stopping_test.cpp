// SPDX-License-Identifier: BSL-1.0
/// \file
/// Between two stages of a run: whoever stopped it meanwhile, no further stage begins.
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/testing/recording_sink.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "model/held_model.hpp"
#include "support/noticing_time.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

struct stopping_world {
  explicit stopping_world(std::shared_ptr<sink> observer = {}) : rt(world.runtime({.observer = std::move(observer)})) {}

  /// Runs a chain whose first stage cancels its own run, and says how often the second one ran.
  int runs_after_cancelling(bool suspending, run_options options = {}) {
    int ran = 0;
    const auto c = make_chain<int>(rt, "c", [&](auto in) {
      auto first = in >> stage("cancel", [&](int i) {
                     signal.emit(asio::cancellation_type::terminal);
                     return i;
                   })
                      >> stage("next", [&](int i) { return ++ran, i; });
      auto yields = stage("yield", [rt = rt](int i) -> asio::awaitable<int> {
        co_await rt.async_yield(asio::use_awaitable);
        co_return i;
      });
      return suspending ? first >> yields : first >> stage("last", [](int i) { return i; });
    });
    c.async_run(1, options, asio::bind_cancellation_slot(signal.slot(), end.take()));
    world.run();
    CHECK(end.count() == 1);
    CHECK(end.why().is(errc::cancelled));
    return ran;
  }

  testing::manual_world world;
  runtime rt;
  asio::cancellation_signal signal;
  test::outcome<int> end;
};

/// Cancels a run between the last look whether it is stopped and the beginning of its second stage.
struct beginning_world {
  testing::manual_world world;
  std::shared_ptr<test::noticing_time> time = std::make_shared<test::noticing_time>(world.time());
  runtime rt{world.get_executor(), {.time = time}};
  int begun = 0;

  [[nodiscard]] auto function() {
    return [this](int i) { return ++begun, i; };
  }
  [[nodiscard]] auto coroutine() {
    return [this](int i) -> asio::awaitable<int> {
      ++begun;
      co_return i;
    };
  }
  [[nodiscard]] auto operation() {
    return [this](int, auto token) {
      ++begun;
      return rt.async_yield(std::move(token));
    };
  }
  template <class Stage>
  void check_not_begun(Stage second) {
    asio::cancellation_signal signal;
    test::outcome<int> end;
    const auto c = make_chain<int>(rt, "c", [&](auto in) {
      return in >> stage("first", [&](int i) {
               time->at_next_reading([&] { signal.emit(asio::cancellation_type::terminal); });
               return i;
             })
                >> std::move(second) >> stage("last", [](const auto&) { return 1; });
    });
    c.async_run(1, {.deadline = world.now() + 1h}, asio::bind_cancellation_slot(signal.slot(), end.take()));
    world.run_until_idle();
    CHECK(end.count() == 1);
    CHECK(end.why().is(errc::cancelled));
    CHECK(begun == 0);
    CHECK(world.context().outstanding_work_count() == 0);
  }
};

}  // namespace

TEST_CASE("a run that is cancelled just when a stage is to begin does not begin it, whatever its kind") {
  beginning_world here;
  const auto inner = make_chain<int>(here.rt, "inner", [&](auto in) { return in >> stage("co", here.coroutine()); });
  const auto m = make_model<int, int>(here.rt, {.name = "m"}, [&](batch<int, int>&) { ++here.begun; });
  const auto other = here.rt.get_executor();
  here.check_not_begun(stage("co", here.coroutine()));
  here.check_not_begun(stage("operation", here.operation()));
  here.check_not_begun(stage("away", here.function()).on(other));
  here.check_not_begun(stage("co away", here.coroutine()).on(other));
  here.check_not_begun(stage("inner", inner));
  here.check_not_begun(stage("m", m));
  here.check_not_begun(stage("queued", here.function()).queue({}));
  here.check_not_begun(stage("timed", here.coroutine()).timeout(1s));
  here.check_not_begun(first_of("race", stage("a", here.coroutine()), stage("b", here.function())));
  here.check_not_begun(branch("branch", [](int) { return true; }, stage("a", here.coroutine()), stage("b", here.function())));
  here.check_not_begun(cascade("cascade", stage("a", here.coroutine()), stage("b", here.function()), [](int) { return true; }));
}

TEST_CASE("a run that one part of a stage cancels begins no other part of it") {
  stopping_world here;
  int begun = 0;
  const auto cancel = [&](int) -> result<int> {
    here.signal.emit(asio::cancellation_type::terminal);
    return failure(errc::invalid_input);
  };
  const auto cancel_and_answer = [&](int i) {
    here.signal.emit(asio::cancellation_type::terminal);
    return i;
  };
  const auto other = [&](int i) { return ++begun, i; };
  const auto check_alone = [&](auto second) {
    const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
      return in >> stage("items", [](int i) { return std::vector<int>{i, i, i}; }) >> std::move(second)
                >> stage("last", [](const auto&) { return 1; });
    });
    test::outcome<int> end;
    c.async_run(1, asio::bind_cancellation_slot(here.signal.slot(), end.take()));
    here.world.run();
    CHECK(end.why().is(errc::cancelled));
  };
  const auto each_of = [](auto f) { return [f](const std::vector<int>& all) { return f(all.front()); }; };
  int seen = 0;
  check_alone(each("each", stage("item", [&](int i) { return ++seen, cancel(i); })));
  CHECK(seen == 1);
  check_alone(first_of("race", stage("a", each_of(cancel)), stage("b", each_of(other))));
  check_alone(cascade("cascade", stage("a", each_of(cancel_and_answer)), stage("b", each_of(other)), [](int) { return false; }));
  check_alone(stage("guarded", each_of(cancel)).fallback(each_of(other)));
  CHECK(begun == 0);
}

TEST_CASE("an early exit does not answer a run that has been cancelled before") {
  stopping_world here;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("cancel and leave", [&](int) -> or_exit<int, int> {
             here.signal.emit(asio::cancellation_type::terminal);
             return exit_with(100);
           });
  });
  c.async_run(1, asio::bind_cancellation_slot(here.signal.slot(), here.end.take()));
  here.world.run();
  CHECK(here.end.why().is(errc::cancelled));
}

TEST_CASE("a run that one of its own functions cancels does not begin the next one") {
  CHECK(stopping_world().runs_after_cancelling(false) == 0);
}

TEST_CASE("a run with a far deadline that one of its own functions cancels does not begin the next one") {
  stopping_world here;
  CHECK(here.runs_after_cancelling(false, {.deadline = here.world.now() + 1h}) == 0);
}

TEST_CASE("an observed run that one of its own functions cancels does not begin the next one") {
  CHECK(stopping_world(std::make_shared<testing::recording_sink>()).runs_after_cancelling(false) == 0);
}

TEST_CASE("a run with suspending stages that one of its own functions cancels does not begin the next one") {
  CHECK(stopping_world().runs_after_cancelling(true) == 0);
}
