// SPDX-License-Identifier: BSL-1.0
/// \file
/// .fail_early
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/testing/recording_sink.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "support/faults.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

using early_input = std::shared_ptr<int>;

/// A target that takes as long as the test says.
struct early_world {
  explicit early_world(std::uint64_t seed = 1, runtime_options options = {}) : world(seed), rt(world.runtime(std::move(options))) {}

  [[nodiscard]] auto target() {
    return [this](call, const early_input& i) -> asio::awaitable<int> {
      ++calls;
      const auto ending = std::shared_ptr<void>(nullptr, [this, i](void*) { ended += *i; });
      co_await rt.async_wait_until(rt.now() + takes, asio::use_awaitable);
      co_return *i;
    };
  }
  template <class Stage>
  [[nodiscard]] chain<early_input, int> one(Stage s) const {
    return make_chain<early_input>(rt, "c", [&](auto in) { return in >> std::move(s); });
  }
  test::outcome<int>& begin(const chain<early_input, int>& c, duration within = 1h) {
    auto& end = ends.emplace_back();
    c.async_run(std::make_shared<int>(1), {.deadline = world.now() + within}, end.take());
    return end;
  }
  test::outcome<int>& ask(const chain<early_input, int>& c, duration within = 1h) {
    auto& end = begin(c, within);
    world.run();
    return end;
  }
  /// So many calls, one after the other, that have the time they need.
  void teach(const chain<early_input, int>& c, int count = 100) {
    while (count-- > 0) ask(c);
    ends.clear();
    calls = ended = 0;
  }

  testing::manual_world world;
  runtime rt;
  std::deque<test::outcome<int>> ends;
  duration takes = 100ms;
  int calls = 0, ended = 0;
};

/// Without probes, as far as a few calls can tell.
fail_early_options seldom_probing() { return {.probe_share = 0.001}; }

}  // namespace

TEST_CASE("a run that has next to no chance to end in time fails at once, and says what the stage takes and how much it had") {
  early_world here;
  const auto c = here.one(stage("s", here.target()).fail_early(seldom_probing()));
  here.teach(c, 99);
  CHECK(here.ask(c, 20ms).why().is(errc::deadline_exceeded));  // too little is known
  here.teach(c, 1);
  const time_point began = here.world.now();
  const auto& end = here.ask(c, 20ms);
  CHECK(end.why().is(errc::deadline_unreachable));
  CHECK(end.why().code() == condition::retry_later);
  CHECK(end.why().message() == "next to no chance to end in the 20 ms that it has: half of its calls take 107 ms or less");
  CHECK(end.path() == "c/s");
  CHECK(here.world.now() == began);
  CHECK(here.calls == 0);
  CHECK(here.ask(c, 101ms).answered());
}

TEST_CASE("the nearest deadline counts: the run's, the stage's, the attempt's") {
  early_world here;
  const auto staged = here.one(stage("s", here.target()).fail_early(seldom_probing()).timeout(50ms));
  const auto attempted = here.one(stage("s", here.target()).fail_early(seldom_probing()).attempt_timeout(50ms));
  const auto apart = here.one(stage("s", here.target()).fail_early(seldom_probing()).attempt_timeout(50ms).queue({.consumers = 99}));
  for (const auto& c : {staged, attempted, apart}) {
    here.takes = 40ms;
    here.teach(c);
    CHECK(here.ask(c, 20ms).why().is(errc::deadline_unreachable));
    here.takes = 100ms;
    for (int i = 0; i < 1000; ++i) here.ask(c);
    here.calls = 0;
    CHECK(here.ask(c).why().is(errc::deadline_unreachable));
    CHECK(here.calls == 0);
  }
}

TEST_CASE("it has not begun: it can fall back, is not tried again, and says nothing to the breaker") {
  early_world here;
  const circuit_breaker breaker({.consecutive = 1});
  const auto retried = here.one(stage("s", here.target()).fail_early(seldom_probing()).breaker(breaker).retry({.first_wait = 1ms}));
  here.teach(retried);
  CHECK(here.ask(retried, 20ms).why().is(errc::deadline_unreachable));
  CHECK(here.ends.back().why().attempt() == 1);
  CHECK(breaker.state() == breaker_state::closed);
  const auto around = make_chain<early_input>(here.rt, "o", [&](auto in) { return in >> stage("inner", retried).breaker(breaker); });
  CHECK(here.ask(around, 20ms).why().is(errc::deadline_unreachable));
  CHECK(breaker.state() == breaker_state::closed);

  const auto fallen_back = here.one(stage("s", here.target()).fail_early(seldom_probing()).fallback([](const early_input&) { return 7; }));
  here.teach(fallen_back);
  CHECK(here.ask(fallen_back, 20ms).value() == 7);
  CHECK(here.calls == 0);
}

TEST_CASE("where times are recorded the failure says which stages the run's time went into") {
  early_world here(1, {.observer = std::make_shared<testing::recording_sink>()});
  duration before = 1ms;
  const auto wait = [&](const early_input& i) -> asio::awaitable<early_input> {
    co_await here.rt.async_wait_until(here.rt.now() + before, asio::use_awaitable);
    co_return i;
  };
  const auto inner = make_chain<early_input>(here.rt, "inner", [&](auto in) {
    return in >> stage("parse", wait) >> stage("s", here.target()).fail_early(seldom_probing());
  });
  const auto c = make_chain<early_input>(here.rt, "c", [&](auto in) {
    auto beside = in >> stage("beside", wait);
    return join(in >> stage("fetch", wait) >> stage("more", [](early_input i) { return i; }) >> stage("inner", inner), beside) >>
           stage("end", [](int i, const early_input&) { return i; });
  });
  const auto alone = make_chain<early_input>(here.rt, "c", [&](auto in) {
    return in >> stage("fetch", wait) >> stage("s", here.target()).fail_early(seldom_probing());
  });
  here.teach(alone);
  before = 40ms;
  CHECK(here.ask(alone, 60ms).why().message() ==
        "next to no chance to end in the 20 ms that it has: half of its calls take 107 ms or less; spent before: fetch 40 ms");
  before = 1ms;
  here.teach(c);
  before = 40ms;
  CHECK(here.ask(c, 100ms).why().message() ==
        "next to no chance to end in the 20 ms that it has: half of its calls take 107 ms or less; spent before: fetch 40 ms, parse 40 ms");
}

TEST_CASE("waiting is predicted apart: who would wait too long in the stage's queue is refused, and not when the queue is short again") {
  early_world here;
  const auto c = here.one(stage("s", here.target()).fail_early(seldom_probing()).queue({.consumers = 1}));
  here.takes = 10ms;
  here.teach(c);
  for (int i = 0; i < 20; ++i) here.begin(c);
  here.world.advance(100ms);
  auto& refused = here.begin(c, 50ms);
  here.world.run_until_idle();
  CHECK(refused.why().is(errc::deadline_unreachable));
  CHECK(refused.why().message().find("of which it would wait") != std::string::npos);
  auto& patient = here.begin(c, 400ms);
  here.world.run();
  CHECK(patient.answered());
  here.world.advance(1s);
  CHECK(here.ask(c, 50ms).answered());
}

TEST_CASE("an attempt's own limit is for its work alone: waiting before it is not taken from that") {
  early_world here;
  const auto c = here.one(stage("s", here.target()).fail_early(seldom_probing()).attempt_timeout(50ms).queue({.consumers = 1}));
  here.takes = 10ms;
  here.teach(c);
  for (int i = 0; i < 20; ++i) here.begin(c);
  here.world.advance(100ms);
  auto& late = here.begin(c, 60ms);
  auto& patient = here.begin(c);
  here.world.run_until_idle();
  CHECK(late.why().is(errc::deadline_unreachable));  // but from the time until a deadline it is
  CHECK(late.why().message().starts_with("next to no chance to end in the 60 ms that it has, of which it would wait "));
  here.world.run();
  CHECK(patient.answered());
}

TEST_CASE("what was cut short, by a deadline or by whoever does not want it any more, is not taken for quick") {
  early_world here;
  const auto c = here.one(stage("s", here.target()).fail_early(seldom_probing()));
  asio::cancellation_signal signal;
  for (int i = 0; i < 100; ++i) {
    test::outcome<int> end;
    c.async_run(std::make_shared<int>(1), asio::bind_cancellation_slot(signal.slot(), end.take()));
    here.world.advance(50ms);
    signal.emit(asio::cancellation_type::terminal);
    here.world.run();
  }
  for (int i = 0; i < 60; ++i) here.ask(c, 50ms);
  CHECK(here.ask(c, 40ms).why().is(errc::deadline_unreachable));
  CHECK(here.ask(c, 200ms).answered());
}

TEST_CASE("a target that has recovered is noticed by the probes") {
  for (const bool is_queued : {false, true}) {
    early_world here;
    const auto c = is_queued ? here.one(stage("s", here.target()).fail_early().queue({.consumers = 4})) : here.one(stage("s", here.target()).fail_early());
    here.teach(c);
    here.takes = 1ms;
    int refused = 0, in_a_row = 0;
    while (in_a_row < 50 && refused < 2000) {
      if (here.ask(c, 20ms).answered()) ++in_a_row;
      else ++refused, in_a_row = 0;
    }
    CHECK(in_a_row == 50);
    CHECK(refused > 20);
    CHECK(refused < 1000);
  }
}

TEST_CASE("a run that is judged and measured ends when it is cancelled, at its deadline, and with its executor, at every step") {
  for (int step = 0; step < 25; ++step) {
    for (const int how : {0, 1, 2, 3}) {
      early_world here(static_cast<std::uint64_t>(step) + 1);
      const auto plain = here.one(stage("s", here.target()).fail_early({.least_count = 10, .probe_share = 0.5}));
      const auto queued = here.one(stage("s", here.target()).fail_early({.least_count = 10, .probe_share = 0.5}).queue({.consumers = 1}).bulkhead(1)
                                       .breaker(circuit_breaker()).retry({.first_wait = 1ms, .jitter = jitter::none}));
      here.teach(plain, 10);
      here.teach(queued, 10);
      std::deque<asio::cancellation_signal> signals;
      const time_point deadline = how == 3 ? here.world.now() + 5ms : here.world.now() + 150ms;
      for (const auto& c : {plain, queued, plain, queued})
        c.async_run(std::make_shared<int>(1), {.deadline = deadline},
                    asio::bind_cancellation_slot(signals.emplace_back().slot(), here.ends.emplace_back().take()));
      for (int i = 0; i < step; ++i) static_cast<void>(here.world.step_in_time());
      if (how == 1)
        for (auto& s : signals) s.emit(asio::cancellation_type::terminal);
      if (how == 2) here.world.destroy_executor();
      else here.world.run();
      for (auto& end : here.ends) CHECK((end.count() == 1 || how == 2));
      CHECK(here.ended == here.calls);
    }
  }
}

TEST_CASE("options of .fail_early that are out of range are faults of the chain") {
  early_world here;
  CHECK(test::faults_when([&] { static_cast<void>(here.one(stage("s", here.target()).fail_early({.chance = 2}))); }) ==
        std::vector<std::string>{"stage 's': fail_early_options::chance must be 0.001 to 0.5"});
}

TEST_CASE("a function that runs inline is judged and measured, too") {
  early_world here;
  const auto c = here.one(stage("s", [&](const early_input& i) {
                            here.world.elapse(100ms);
                            return *i;
                          }).fail_early(seldom_probing()));
  here.teach(c);
  CHECK(here.ask(c, 20ms).why().is(errc::deadline_unreachable));
}
