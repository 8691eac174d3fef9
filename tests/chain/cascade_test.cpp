// SPDX-License-Identifier: BSL-1.0
/// \file
/// cascade: whose answer counts when the near stage's does not do and the far one is away.
#include <catena/chain.hpp>
#include <catena/recover/away.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/faults.hpp"
#include "support/outcome.hpp"
#include "support/tracked.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// Near and far take so long, and then answer 1 and 2 or fail.
struct cascade_world {
  struct side {
    duration takes = 1ms;
    failure why = {};
    int calls = 0;
  };

  [[nodiscard]] auto ask(side& s, int answer) {
    return [this, &s, answer](call, const int&) -> asio::awaitable<result<int>> {
      ++s.calls;
      co_await rt.async_wait_until(rt.now() + s.takes, asio::use_awaitable);
      if (s.why.is_set()) co_return s.why;
      co_return answer;
    };
  }
  [[nodiscard]] chain<int, int> written(duration reserve = {}) {
    return make_chain<int>(rt, "c", [&](auto in) {
      return in >> cascade("pick", stage("near", ask(near, 1)), stage("far", ask(far, 2)), [this](const int&) { return accepts; }, reserve);
    });
  }
  test::outcome<int>& run(duration reserve = {}, time_point deadline = no_deadline) {
    end = {};
    notes = {};
    began = world.now();
    written(reserve).async_run(0, {.deadline = deadline, .notes = &notes}, end.take());
    world.run();
    REQUIRE(end.count() == 1);
    return end;
  }
  [[nodiscard]] duration elapsed() const { return world.now() - began; }

  testing::manual_world world;
  runtime rt = world.runtime();
  side near, far;
  bool accepts = false;
  run_notes notes;
  time_point began{};
  test::outcome<int> end;
};

}  // namespace

TEST_CASE("an answer of near's that does is the cascade's, and far is not asked") {
  cascade_world here;
  here.accepts = true;
  CHECK(here.run().value() == 1);
  CHECK(here.far.calls == 0);
  CHECK_FALSE(here.notes.degraded);
}

TEST_CASE("one that does not do is replaced by far's, and that is not degraded, nor is far's where near fails") {
  cascade_world here;
  CHECK(here.run().value() == 2);
  CHECK_FALSE(here.notes.degraded);
  here.near.why = failure(errc::invalid_input);
  CHECK(here.run().value() == 2);
  CHECK_FALSE(here.notes.degraded);
  CHECK(here.far.calls == 2);
}

TEST_CASE("where far is away near's answer does after all, and the run is degraded; what far says of the input fails it") {
  struct example {
    boost::system::error_code code;
    bool is_away;
  };
  const std::vector<example> table{
      {errc::timed_out, true},          {errc::unavailable, true},      {errc::not_admitted, true},
      {errc::queue_full, true},         {errc::expired, true},          {errc::stage_failed, true},
      {errc::shutting_down, true},      {errc::model_failed, true},     {errc::device_memory, true},
      {errc::device_unavailable, true}, {errc::row_unanswered, true},   {errc::deadline_exceeded, true},
      {errc::model_not_found, true},    {errc::model_invalid, true},    {errc::unsupported, true},
      {asio::error::connection_refused, true},
      {errc::invalid_input, false},     {errc::shape_mismatch, false},  {errc::dtype_mismatch, false},
      {errc::cancelled, false},         {asio::error::operation_aborted, false},
  };
  cascade_world here;
  for (const example& e : table) {
    INFO(e.code.message());
    here.far.why = failure(e.code, "as told");
    CHECK(is_away(here.far.why) == e.is_away);
    auto& end = here.run();
    CHECK(end.answered() == e.is_away);
    CHECK(here.notes.degraded == e.is_away);
    if (e.is_away) CHECK(end.value() == 1);
    else CHECK((end.path() == "c/pick/far" && end.why().code() == e.code));
  }
}

TEST_CASE("where both fail the cascade fails as far did") {
  cascade_world here;
  here.near.why = failure(errc::stage_failed, "near");
  here.far.why = failure(errc::unavailable, "far");
  CHECK(here.run().why().message() == "far");
  CHECK(here.end.path() == "c/pick/far");
}

TEST_CASE("the time kept for near's answer is taken from far, which is told to stop then; without it the run's deadline passes") {
  cascade_world here;
  here.far.takes = 1h;
  CHECK(here.run({}, here.world.now() + 50ms).why().is(errc::deadline_exceeded));
  CHECK_FALSE(here.notes.degraded);
  CHECK(here.run(20ms, here.world.now() + 50ms).value() == 1);
  CHECK(here.notes.degraded);
  CHECK(here.elapsed() == 30ms);
  CHECK(here.run(60ms, here.world.now() + 50ms).value() == 1);  // there is none left for far
  CHECK(here.elapsed() == 1ms);
}

TEST_CASE("nothing is kept where near has no answer, and nothing where the run has no deadline") {
  cascade_world here;
  here.far.takes = 40ms;
  here.near.why = failure(errc::stage_failed);
  CHECK(here.run(20ms, here.world.now() + 50ms).value() == 2);
  here.near.why = {};
  CHECK(here.run(20ms).value() == 2);
  CHECK_FALSE(here.notes.degraded);
}

TEST_CASE("far's own timeout, an open breaker and a full queue leave near's answer, and a cancelled run none") {
  cascade_world here;
  const circuit_breaker breaker({.consecutive = 1, .first_wait = 1h, .longest_wait = 1h});
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> cascade("pick", stage("near", here.ask(here.near, 1)),
                         stage("far", here.ask(here.far, 2)).queue({.capacity = 0}).attempt_timeout(5ms).breaker(breaker), [](const int&) { return false; });
  });
  const auto ask = [&] {
    here.notes = {};
    test::outcome<int> end;
    c.async_run(0, {.notes = &here.notes}, end.take());
    here.world.run();
    return end.value();
  };
  here.far.takes = 3ms;
  CHECK(ask() == 2);
  test::outcome<int> first, second;
  c.async_run(0, first.take());
  c.async_run(0, second.take());  // finds the place taken
  here.world.run();
  CHECK(first.value() + second.value() == 3);
  here.far.takes = 9ms;
  CHECK(ask() == 1);
  CHECK(here.notes.degraded);
  const int calls = here.far.calls;
  CHECK(ask() == 1);
  CHECK(here.notes.degraded);
  CHECK(here.far.calls == calls);

  cascade_world other;
  asio::cancellation_signal signal;
  other.far.takes = 1h;
  other.written(5ms).async_run(0, asio::bind_cancellation_slot(signal.slot(), other.end.take()));
  other.world.advance(10ms);
  signal.emit(asio::cancellation_type::terminal);
  other.world.run_until_idle();
  CHECK(other.end.why().is(errc::cancelled));
}

TEST_CASE("near's answer dies with the cascade, whoever answers, fails or is killed meanwhile") {
  for (int steps = 0; steps < 30; ++steps) {
    for (const int how : {0, 1, 2}) {
      INFO("step " << steps << ", how " << how);
      test::ledger book;
      {
        testing::manual_world world(static_cast<std::uint64_t>(steps) + 1);
        std::optional<runtime> rt(world.runtime());
        const auto make = [&](int value, duration takes, errc why) {
          return [rt = *rt, &book, value, takes, why](call, const int&) -> asio::awaitable<result<test::tracked>> {
            co_await rt.async_wait_until(rt.now() + takes, asio::use_awaitable);
            if (why != errc{}) co_return failure(why);
            co_return test::tracked(value, book);
          };
        };
        const errc far = how == 0 ? errc{} : how == 1 ? errc::unavailable : errc::invalid_input;
        test::outcome<int> end;
        make_chain<int>(*rt, "c", [&](auto in) {
          return in >> cascade("pick", stage("near", make(1, 1ms, errc{})), stage("far", make(2, 2ms, far)),
                               [](const test::tracked&) { return false; }) >> stage("look", [](const test::tracked& t) { return t.value; });
        }).async_run(0, end.take());
        for (int i = 0; i < steps; ++i) static_cast<void>(world.step_in_time());
        rt.reset();
        if (end.count() == 0) world.destroy_executor();
        else CHECK(end.answered() == (how != 2));
      }
      CHECK(book.alive == 0);
    }
  }
}

TEST_CASE("a cascade cannot keep less than no time") {
  cascade_world here;
  CHECK(test::faults_when([&] { static_cast<void>(here.written(-1ms)); }) ==
        std::vector<std::string>{"stage 'pick': the cascade's reserve must be zero or more"});
}
