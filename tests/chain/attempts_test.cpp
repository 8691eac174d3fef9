// SPDX-License-Identifier: BSL-1.0
/// \file
/// .retry, .attempt_timeout, .breaker and .effects.
#include <catena/cache/cache.hpp>
#include <catena/chain.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/testing/recording_sink.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/faults.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// The same wait before each retry.
retry_options after(duration wait, std::size_t retries = 5) {
  return {.retries = retries, .first_wait = wait, .factor = 1, .longest_wait = 30s, .jitter = jitter::none};
}

struct attempts_world {
  /// A function that fails so many times with `why`, and notes when it is called.
  [[nodiscard]] auto failing(int times, failure why = errc::stage_failed) {
    return [this, left = std::make_shared<int>(times), why](int i) -> result<int> {
      calls.push_back(elapsed());
      if ((*left)-- > 0) return why;
      return i;
    };
  }
  [[nodiscard]] auto sleeping(std::vector<duration> each) {
    return [this, each, next = std::make_shared<std::size_t>(0)](call, const int& i) -> asio::awaitable<int> {
      calls.push_back(elapsed());
      const duration d = each[std::min((*next)++, each.size() - 1)];
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      co_return i;
    };
  }
  template <class Stage>
  [[nodiscard]] chain<int, int> one(Stage s) const {
    return make_chain<int>(rt, "c", [&](auto in) { return in >> std::move(s); });
  }
  test::outcome<int>& begin(const chain<int, int>& c, int in = 1, run_options options = {}) {
    auto& end = ends.emplace_back();
    c.async_run(in, options, end.take());
    return end;
  }
  [[nodiscard]] duration elapsed() const { return world.now() - testing::manual_time::start; }
  [[nodiscard]] run_options until(duration d) const { return {.deadline = world.now() + d}; }

  testing::manual_world world;
  std::shared_ptr<testing::recording_sink> recorded = std::make_shared<testing::recording_sink>();
  runtime rt = world.runtime({.observer = recorded});
  std::deque<test::outcome<int>> ends;
  std::vector<duration> calls;
};

using moments = std::vector<duration>;

}  // namespace

TEST_CASE("a stage that fails is tried again after a pause, and answers when it does") {
  attempts_world here;
  auto& end = here.begin(here.one(stage("s", here.failing(2)).retry({.jitter = jitter::none})));
  here.world.run();
  CHECK(end.value() == 1);
  CHECK(here.calls == moments{0s, 1s, 3s});
}

TEST_CASE("a stage that never answers fails with its last failure, which says which attempt it was") {
  attempts_world here;
  auto& end = here.begin(here.one(stage("s", here.failing(99, failure(errc::expired, "no"))).retry(after(10ms, 3))));
  here.world.run();
  CHECK(end.why().is(errc::expired));
  CHECK(end.why().attempt() == 4);
  CHECK(end.path() == "c/s");
  CHECK(here.calls == moments{0ms, 10ms, 20ms, 30ms});
}

TEST_CASE("what is not worth another attempt is not tried again, by its condition or by what the options say") {
  attempts_world here;
  auto& bad = here.begin(here.one(stage("s", here.failing(9, errc::invalid_input)).retry()));
  here.world.run();
  CHECK(bad.why().is(errc::invalid_input));
  CHECK(here.calls.size() == 1);
  auto options = after(1ms);
  options.when = [](const failure& why) { return why.is(errc::invalid_input); };
  auto& again = here.begin(here.one(stage("s", here.failing(2, errc::invalid_input)).retry(options)));
  here.world.run();
  CHECK(again.value() == 1);
  auto& other = here.begin(here.one(stage("s", here.failing(2, errc::expired)).retry(options)));
  here.world.run();
  CHECK(other.why().is(errc::expired));
}

TEST_CASE("a retry waits as long as the failure says") {
  attempts_world here;
  auto& end = here.begin(here.one(stage("s", here.failing(1, failure(errc::queue_full).with_retry_after(70ms))).retry(after(10ms))));
  here.world.run();
  CHECK(end.value() == 1);
  CHECK(here.calls == moments{0ms, 70ms});
}

TEST_CASE("no retry begins at the run's deadline or the stage's timeout, or later: the failure comes at once") {
  attempts_world here;
  auto& hurried = here.begin(here.one(stage("s", here.failing(9)).retry(after(10ms))), 1, here.until(20ms));
  here.world.run();
  CHECK(hurried.why().is(errc::stage_failed));
  CHECK(here.elapsed() == 10ms);
  CHECK(here.calls.size() == 2);
  attempts_world other;
  auto& limited = other.begin(other.one(stage("s", other.sleeping({1ms, 1ms})).retry(after(10ms)).attempt_timeout(500us).timeout(11ms)));
  other.world.run();
  CHECK(limited.why().is(errc::timed_out));
  CHECK(other.calls == moments{0ms, 10500us});
  CHECK(other.elapsed() == 11ms);
}

TEST_CASE("each attempt has a time of its own, and all together have the stage's") {
  attempts_world here;
  auto& end = here.begin(here.one(stage("s", here.sleeping({9ms, 9ms, 1ms})).attempt_timeout(2ms).retry(after(1ms)).timeout(1s)));
  here.world.run();
  CHECK(end.value() == 1);
  CHECK(here.calls == moments{0ms, 3ms, 6ms});
  CHECK(here.elapsed() == 7ms);
  auto& alone = here.begin(here.one(stage("s", here.sleeping({9ms})).attempt_timeout(2ms)));
  here.world.run();
  CHECK(alone.why().is(errc::timed_out));
  CHECK(here.elapsed() == 9ms);
}

TEST_CASE("an attempt's time is the work's alone, and waiting for tokens is not a part of it") {
  attempts_world here;
  const shared_bucket bucket{here.rt, "tokens", {.refill = {.tokens = 100}, .capacity = 1}};
  const admission gate(here.rt, {.buckets = {bucket}});
  const auto c = here.one(stage("s", here.sleeping({1ms})).limit(gate).attempt_timeout(2ms));
  for (int i = 0; i < 3; ++i) here.begin(c);
  here.world.run();
  for (auto& end : here.ends) CHECK(end.value() == 1);
  CHECK(here.calls == moments{0ms, 10ms, 20ms});
}

TEST_CASE("a retry pays again") {
  attempts_world here;
  const shared_bucket bucket{here.rt, "tokens", {.refill = {.tokens = 100}, .capacity = 1}};
  const admission gate(here.rt, {.buckets = {bucket}});
  auto& end = here.begin(here.one(stage("s", here.failing(2)).limit(gate).retry(after(1ms))));
  here.world.run();
  CHECK(end.value() == 1);
  CHECK(here.calls == moments{0ms, 10ms, 20ms});
}

TEST_CASE("what is done once is tried again only if it has not begun") {
  attempts_world here;
  auto& begun = here.begin(here.one(stage("s", here.failing(1)).retry(after(1ms)).effects(effects::once)));
  here.world.run();
  CHECK(begun.why().is(errc::stage_failed));
  CHECK(here.calls.size() == 1);
  here.calls.clear();
  const auto c = here.one(stage("s", here.sleeping({5ms})).queue({.capacity = 0}).retry(after(3ms)).effects(effects::once));
  auto& first = here.begin(c);
  auto& second = here.begin(c);
  here.world.run();
  CHECK(first.value() == 1);
  CHECK(second.value() == 1);
  CHECK(here.calls.size() == 2);
}

TEST_CASE("a retry ends with its run, in the middle of its pause") {
  for (const bool cancelled : {false, true}) {
    attempts_world here;
    asio::cancellation_signal signal;
    auto& end = here.ends.emplace_back();
    const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
      auto a = in >> stage("s", here.failing(9)).retry(after(10ms));
      auto b = in >> stage("bad", [rt = here.rt](call, const int&) -> asio::awaitable<int> {
                 co_await rt.async_wait_until(rt.now() + 5ms, asio::use_awaitable);
                 throw std::runtime_error("boom");
               });
      return join(a, b) >> stage("sum", [](int x, int y) { return x + y; });
    });
    c.async_run(1, asio::bind_cancellation_slot(signal.slot(), end.take()));
    if (cancelled) {
      here.world.advance(3ms);
      signal.emit(asio::cancellation_type::terminal);
    }
    here.world.run();
    CHECK(end.why().is(cancelled ? errc::cancelled : errc::stage_failed));
    CHECK(here.elapsed() == (cancelled ? 3ms : 5ms));
    CHECK(here.calls.size() == 1);
  }
}

TEST_CASE("an executor can be destroyed while a stage pauses before its retry") {
  attempts_world here;
  auto& end = here.begin(here.one(stage("s", here.failing(9)).retry(after(10ms))));
  here.world.advance(5ms);
  here.world.destroy_executor();
  CHECK(end.count() == 0);
}

TEST_CASE("loops in loops do not multiply: what is inside draws on the retries of the outermost") {
  attempts_world here;
  const auto inner = here.one(stage("inner", here.failing(999)).retry(after(1ms, 3)));
  auto& end = here.begin(here.one(stage("outer", inner).retry(after(1ms, 5))));
  here.world.run();
  CHECK(end.why().is(errc::stage_failed));
  CHECK(here.calls.size() == 1 + 5);
  here.calls.clear();
  auto& called = here.begin(here.one(stage("outer", [inner](call c, const int& i) -> asio::awaitable<int> { co_return co_await inner(c, i); }).retry(after(1ms, 5))));
  here.world.run();
  CHECK(called.why().is(errc::stage_failed));
  CHECK(here.calls.size() == 1 + 5);
}

TEST_CASE("a budget that stages share bounds the retries of all of them") {
  attempts_world here;
  const retry_budget budget({.share = 0, .per_second = 4});
  auto options = after(1ms);
  options.budget = budget;
  const auto a = here.one(stage("a", here.failing(999)).retry(options));
  const auto b = here.one(stage("b", here.failing(999)).retry(options));
  here.begin(a);
  here.begin(b);
  here.world.run();
  CHECK(here.calls.size() == 2 + 4);
  for (auto& end : here.ends) CHECK(end.why().is(errc::stage_failed));
}

TEST_CASE("a breaker that opened refuses at once, for all stages that share it, and lets a probe through later") {
  attempts_world here;
  const circuit_breaker breaker({.consecutive = 3, .first_wait = 100ms, .probes = 1});
  const auto bad = here.one(stage("bad", here.failing(3)).breaker(breaker));
  const auto other = here.one(stage("other", here.failing(0)).breaker(breaker));
  for (int i = 0; i < 3; ++i) here.begin(bad);
  here.world.run();
  CHECK(breaker.state() == breaker_state::open);
  auto& refused = here.begin(other);
  here.world.run();
  CHECK(refused.why().is(errc::unavailable));
  CHECK(refused.why().retry_after() == 100ms);
  CHECK(refused.why().message() == "its circuit breaker is open");
  CHECK(here.calls.size() == 3);
  here.world.advance(100ms);
  auto& probe = here.begin(other);
  here.world.run();
  CHECK(probe.value() == 1);
  CHECK(breaker.state() == breaker_state::closed);
}

TEST_CASE("a retry waits until an open breaker lets its probe through") {
  attempts_world here;
  const circuit_breaker breaker({.consecutive = 2, .first_wait = 100ms, .probes = 1});
  auto& end = here.begin(here.one(stage("s", here.failing(2)).breaker(breaker).retry(after(10ms))));
  here.world.run();
  CHECK(end.value() == 1);
  CHECK(here.calls == moments{0ms, 10ms, 110ms});
}

TEST_CASE("an attempt that its own breaker refuses costs nothing of the budget, but is one of the attempts") {
  attempts_world here;
  const circuit_breaker breaker({.consecutive = 1, .bad_share = 0, .first_wait = 10ms, .longest_wait = 10ms, .probes = 1});
  auto options = after(1ms, 3);
  options.budget = retry_budget({.share = 0, .per_second = 1});
  const auto c = here.one(stage("s", here.failing(2)).retry(options).breaker(breaker));
  here.begin(here.one(stage("opens", here.failing(1)).breaker(breaker)));
  here.world.run();
  CHECK(breaker.state() == breaker_state::open);
  here.calls.clear();
  auto& end = here.begin(c);  // is refused, probes at 10 ms, is refused at 11 ms, and has spent nothing until it probes again
  here.world.run();
  CHECK(here.calls.size() == 2);
  CHECK(end.why().attempt() == 4);
  CHECK(end.why().is(errc::stage_failed));

  auto hopeless = after(1ms, 3);
  hopeless.when = [](const failure& why) { return why.is(errc::unavailable); };
  hopeless.budget = retry_budget({.share = 0, .per_second = 0});
  const circuit_breaker other({.consecutive = 1, .bad_share = 0, .first_wait = 1h, .longest_wait = 1h});
  here.begin(here.one(stage("opens", here.failing(1)).breaker(other)));
  here.world.run();
  here.calls.clear();
  auto& ended = here.begin(here.one(stage("s", here.failing(0)).retry(hopeless).breaker(other)), 1, here.until(2h));
  auto& late = here.begin(here.one(stage("s", here.failing(0)).retry(hopeless).breaker(other)), 1, here.until(1min));
  here.world.run();
  CHECK(ended.answered());
  CHECK(late.why().is(errc::unavailable));
  CHECK(here.calls.size() == 1);
}

TEST_CASE("what was left behind draws on the retries that were its own, not on those of a stage that comes later") {
  attempts_world here;
  const auto inner = here.one(stage("deep", here.failing(99)).retry(after(500us, 9)));
  const auto deaf = [inner](call c, const int& i) -> asio::awaitable<int> {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    const run_options options = c.options();
    const result<int> answered = co_await inner.try_run(i, options);
    co_return answered ? *answered : 0;
  };
  const auto raced = here.one(first_of("race", stage("deaf", deaf), stage("quick", [](const int& i) { return i; })));
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("a", raced).retry(after(1ms, 9)) >> stage("b", here.failing(4)).retry(after(1ms, 5));
  });
  auto& end = here.begin(c);
  here.world.run();
  CHECK(end.value() == 1);
}

TEST_CASE("what was refused before it began, was cancelled, or had no time left says nothing to a breaker") {
  attempts_world here;
  const circuit_breaker breaker({.consecutive = 1});
  const auto c = here.one(stage("s", here.sleeping({5ms})).queue({.capacity = 0}).breaker(breaker));
  for (int i = 0; i < 5; ++i) here.begin(c);
  here.world.run();
  CHECK(breaker.state() == breaker_state::closed);
  here.begin(c, 1, here.until(1ms));
  here.world.run();
  CHECK(breaker.state() == breaker_state::closed);
  here.begin(here.one(stage("s", here.sleeping({5ms})).attempt_timeout(1ms).breaker(breaker)));
  here.world.run();
  CHECK(breaker.state() == breaker_state::open);
}

TEST_CASE("a target that hangs until the run's deadline opens a breaker, if the deadline left as much time as an answer takes") {
  attempts_world here;
  const circuit_breaker breaker({.consecutive = 3, .bad_share = 0, .patience = 50ms});
  const auto c = here.one(stage("s", here.sleeping({1h})).breaker(breaker));
  for (int i = 0; i < 3; ++i) {
    here.begin(c, 1, here.until(20ms));
    here.world.run();
  }
  CHECK(breaker.state() == breaker_state::closed);
  for (int i = 0; i < 3; ++i) {
    here.begin(c, 1, here.until(60ms));
    here.world.run();
  }
  CHECK(breaker.state() == breaker_state::open);
}

TEST_CASE("a question about a failure that throws is answered by no") {
  attempts_world here;
  auto options = after(1ms);
  options.when = [](const failure&) -> bool { throw std::runtime_error("what?"); };
  auto& end = here.begin(here.one(stage("s", here.failing(1)).retry(options)));
  here.world.run();
  CHECK(end.why().is(errc::stage_failed));
  CHECK(here.calls.size() == 1);
}

TEST_CASE("several fallbacks answer in their order, and the answer says that it is degraded") {
  attempts_world here;
  const auto minus = [](int i) { return -i; };
  const auto c = here.one(stage("s", here.failing(99)).fallback(here.failing(1)).fallback(minus));
  run_notes first, second, none;
  auto& a = here.begin(c, 1, {.notes = &first});
  here.world.run();
  auto& b = here.begin(c, 1, {.notes = &second});
  here.world.run();
  CHECK(a.value() == -1);
  CHECK(b.value() == 1);
  CHECK(first.degraded);
  CHECK(second.degraded);
  here.begin(here.one(stage("s", here.failing(0)).fallback(minus)), 1, {.notes = &none});
  here.world.run();
  CHECK(!none.degraded);
  const auto records = here.recorded->records();
  CHECK(std::ranges::count_if(records, [](const auto& r) { return r.chain == "c" && r.degraded; }) == 2);
}

TEST_CASE("an answer is degraded however deep the fallback was") {
  attempts_world here;
  const auto inner = here.one(stage("s", here.failing(99)).fallback([](int i) { return -i; }));
  const auto deep = here.one(stage("nested", inner).retry(after(1ms)));
  const auto called = here.one(stage("called", [inner](call c, const int& i) -> asio::awaitable<int> { co_return co_await inner(c, i); }));
  const auto mapped = make_chain<int>(here.rt, "m", [&](auto in) {
    return in >> stage("make", [](int i) { return std::vector<int>{i, i}; }) >> each(stage("one", inner), 2)
              >> stage("sum", [](const std::vector<int>& v) { return v[0] + v[1]; });
  });
  for (const auto& c : {deep, called, mapped}) {
    run_notes notes;
    auto& end = here.begin(c, 1, {.notes = &notes});
    here.world.run();
    CHECK(end.value() < 0);
    CHECK(notes.degraded);
  }
  run_notes awaited;
  asio::co_spawn(
      here.world.get_executor(),
      [&]() -> asio::awaitable<void> {
        run_options options{.notes = &awaited};
        (void)co_await inner(1, options);
      },
      [](const std::exception_ptr& thrown) { CHECK(!thrown); });
  here.world.run();
  CHECK(awaited.degraded);
}

TEST_CASE("a degraded answer is not kept, whether the fallback stood inside of what is cached or around it") {
  attempts_world here;
  const cache<int> kept(here.rt, {.capacity_count = 100});
  const auto inner = here.one(stage("s", here.failing(1)).fallback([](int i) { return -i; }));
  const auto c = here.one(stage("kept", inner).cache(kept));
  std::vector<int> answers;
  for (int i = 0; i < 3; ++i) {
    auto& end = here.begin(c);
    here.world.run();
    answers.push_back(end.value());
  }
  CHECK(answers == std::vector{-1, 1, 1});
  CHECK(here.calls.size() == 2);
}

TEST_CASE("retry, timeout and breaker have their faults told when the chain is built") {
  attempts_world here;
  const auto faults_of = [&](auto s) { return test::faults_when([&] { return here.one(std::move(s)); }); };
  const auto inline_one = [](int i) { return i; };
  using told = std::vector<std::string>;
  CHECK(faults_of(stage("s", inline_one).timeout(1s)) ==
        told{"stage 's': .timeout() cannot end a function that runs inline: say .on(executor) as well"});
  CHECK(faults_of(stage("s", inline_one).attempt_timeout(1s)) ==
        told{"stage 's': .attempt_timeout() cannot end a function that runs inline: say .on(executor) as well"});
  CHECK(faults_of(stage("s", here.sleeping({1ms})).attempt_timeout(-1s)) == told{"stage 's': attempt_timeout must be greater than zero"});
  CHECK(faults_of(stage("s", inline_one).retry({.retries = 500})) == told{"stage 's': retry_options::retries must be 0 to 100"});
  CHECK(faults_of(stage("s", inline_one).on(here.world.get_executor()).timeout(1s)).empty());
}
