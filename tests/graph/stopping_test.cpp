// SPDX-License-Identifier: BSL-1.0
/// \file
/// Between two stages of a run: whoever stopped it meanwhile, no further stage begins.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/testing/recording_sink.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <memory>

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

}  // namespace

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
