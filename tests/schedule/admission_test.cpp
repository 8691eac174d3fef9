// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;
using testing::manual_world;

/// A bucket of 5 that gets 10 a second, and its admission.
struct small_gate {
  explicit small_gate(std::size_t line_capacity = 100)
      : bucket(rt, "small", {.refill = {.tokens = 10}, .capacity = 5}),
        gate(rt, {.name = "gate", .buckets = {bucket}, .line_capacity = line_capacity}) {}
  void empty() { REQUIRE(gate.try_admit(5).has_value()); }

  manual_world world;
  runtime rt = world.runtime();
  shared_bucket bucket;
  admission gate;
};

std::string fault_of_making(const runtime& rt, const admission_options& options) {
  try {
    admission gate(rt, options);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "none";
}

/// Counts what is allocated through it and is not freed yet.
template <class T>
struct live_allocator {
  using value_type = T;
  explicit live_allocator(std::ptrdiff_t& n) noexcept : live(&n) {}
  template <class U>
  live_allocator(const live_allocator<U>& other) noexcept : live(other.live) {}  // NOLINT
  T* allocate(std::size_t n) {
    ++*live;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) noexcept {
    --*live;
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(const live_allocator& a, const live_allocator& b) noexcept { return a.live == b.live; }
  std::ptrdiff_t* live;
};

}  // namespace

TEST_CASE("try_admit takes what is there and says when to come again") {
  small_gate s;
  CHECK(s.gate.try_admit(3).has_value());
  CHECK(s.gate.try_admit(2).has_value());
  const auto refused = s.gate.try_admit(2);
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == errc::not_admitted);
  CHECK(refused.error().retry_after == 200ms);
  const failure why = s.gate.why(refused.error());
  CHECK(why.is(errc::not_admitted));
  CHECK(why.code() == condition::retry_later);
  CHECK(why.retry_after() == 200ms);
  CHECK(why.message() == "admission 'gate': there are not enough tokens, or not in time");
  CHECK_THROWS_AS(s.gate.try_admit(2).value(), catena::error);
  s.world.advance(200ms);
  CHECK(s.gate.try_admit(2).has_value());
}

TEST_CASE("try_admit does not overtake a request of its own or a higher priority that waits, and says when it could") {
  small_gate s;
  REQUIRE(s.gate.try_admit(4).has_value());
  test::outcome<permit> waiting;
  s.gate.async_admit(5, waiting.take());
  for (const priority p : {priority::low, priority::normal}) {
    const auto refused = s.gate.try_admit(1, p);
    REQUIRE(refused.has_error());
    CHECK(refused.error().retry_after == 500ms);
  }
  CHECK(s.gate.try_admit(1, priority::high).has_value());
  s.world.run();
  CHECK(waiting.answered());
  CHECK(s.world.now() - testing::manual_time::start == 500ms);
}

TEST_CASE("a cost that a bucket can never hold, or below zero, is refused for good with a clear error") {
  small_gate s;
  test::outcome<permit> refused;
  s.gate.async_admit(6, refused.take());
  s.world.run();
  CHECK(refused.why().is(errc::invalid_input));
  CHECK(refused.why().code() == condition::give_up);
  CHECK(refused.why().message() == "admission 'gate': a cost must be 0 to 5, what its smallest bucket holds");
  CHECK(s.gate.try_admit(6).error().code == errc::invalid_input);
  CHECK(s.gate.try_admit(-1).error().code == errc::invalid_input);
}

TEST_CASE("an admission completes on its handler's executor and never inside the initiating function") {
  small_gate s;
  asio::io_context other;
  int called = 0;
  s.gate.async_admit(5, [&](result<permit>) { ++called; });
  CHECK(called == 0);
  s.world.run_until_idle();
  CHECK(called == 1);
  s.gate.async_admit(1, asio::bind_executor(other, [&](result<permit> p) {
                       CHECK(p.has_value());
                       ++called;
                     }));
  s.world.run();
  CHECK(called == 1);
  other.run();
  CHECK(called == 2);
}

TEST_CASE("an admission that waits keeps its handler's executor from running out of work") {
  small_gate s;
  s.empty();
  asio::io_context other;
  bool called = false;
  s.gate.async_admit(1, asio::bind_executor(other, [&](result<permit>) { called = true; }));
  CHECK(other.poll() == 0);
  CHECK(!other.stopped());
  s.world.run();
  other.run();
  CHECK(called);
}

TEST_CASE("an admission takes one piece of memory from its handler's allocator and frees it before the handler is called") {
  small_gate s;
  s.empty();
  std::ptrdiff_t live = 0;
  bool called = false;
  s.gate.async_admit(1, asio::bind_allocator(live_allocator<std::byte>(live), [&](result<permit>) {
                       CHECK(live == 0);
                       called = true;
                     }));
  CHECK(live == 1);
  s.world.run();
  CHECK(called);
}

TEST_CASE("admit is awaited, and throws where it is refused") {
  small_gate s(0);
  std::vector<std::string> log;
  auto ask = [](small_gate& at, std::vector<std::string>& out) -> asio::awaitable<void> {
    permit p = co_await at.gate.admit(5);
    out.push_back("admitted " + std::to_string(p.cost()));
    try {
      (void)co_await at.gate.admit(1, {.deadline = at.rt.now() + 1s});
    } catch (const catena::error& e) {
      out.push_back(e.why().message());
      CHECK(e.why().is(errc::not_admitted));
      CHECK(e.why().retry_after() == 100ms);
    }
  };
  asio::co_spawn(s.world.get_executor(), ask(s, log), asio::detached);
  s.world.run();
  CHECK(log == std::vector<std::string>{"admitted 5", "admission 'gate': there are not enough tokens, or not in time"});
}

TEST_CASE("a request that cannot be admitted before its deadline is refused at once, without time passing") {
  small_gate s;
  s.empty();
  test::outcome<permit> late, in_time, past;
  s.gate.async_admit(3, {.deadline = s.world.now() + 300ms}, late.take());
  s.gate.async_admit(3, {.deadline = s.world.now() + 301ms}, in_time.take());
  s.gate.async_admit(0, {.deadline = s.world.now()}, past.take());
  s.world.run_until_idle();
  CHECK(late.why().is(errc::not_admitted));
  CHECK(late.why().retry_after() == 300ms);
  CHECK(past.why().is(errc::deadline_exceeded));
  CHECK(in_time.count() == 0);
  s.world.run();
  CHECK(in_time.answered());
  CHECK(s.world.now() - testing::manual_time::start == 300ms);
}

TEST_CASE("an admission that waits is cancelled through its slot, once, and those behind it go earlier") {
  for (const auto type : {asio::cancellation_type::total, asio::cancellation_type::partial, asio::cancellation_type::terminal}) {
    small_gate s;
    s.empty();
    asio::cancellation_signal signal;
    test::outcome<permit> cancelled, behind;
    s.gate.async_admit(5, asio::bind_cancellation_slot(signal.slot(), cancelled.take()));
    s.gate.async_admit(1, behind.take());
    CHECK(s.gate.waiting_count() == 2);
    signal.emit(type);
    CHECK(s.gate.waiting_count() == 1);
    signal.emit(type);
    CHECK(cancelled.count() == 0);
    s.world.run();
    CHECK(cancelled.count() == 1);
    CHECK(cancelled.why().is(errc::cancelled));
    CHECK(behind.answered());
    CHECK(s.world.now() - testing::manual_time::start == 100ms);
    signal.emit(type);
  }
}

TEST_CASE("a cancellation that comes after the decision changes nothing") {
  small_gate s;
  asio::cancellation_signal signal;
  test::outcome<permit> admitted;
  s.gate.async_admit(1, asio::bind_cancellation_slot(signal.slot(), admitted.take()));
  signal.emit(asio::cancellation_type::total);
  s.world.run();
  CHECK(admitted.answered());
  CHECK(s.bucket.level() == 4);
}

TEST_CASE("a permit settles for the true cost, once; left alone it keeps what it took") {
  small_gate s;
  auto p = s.gate.try_admit(5).value();
  CHECK(p.cost() == 5);
  permit moved(std::move(p));
  CHECK(!p.is_open());  // NOLINT(bugprone-use-after-move)
  p.settle(0);
  CHECK(s.bucket.level() == 0);
  moved.settle(3);
  CHECK(s.bucket.level() == 2);
  CHECK(!moved.is_open());
  moved.settle(0);
  moved.refund();
  CHECK(s.bucket.level() == 2);
  auto dear = s.gate.try_admit(1).value();
  dear.settle(9);
  CHECK(s.bucket.level() == -7);
  CHECK(s.gate.try_admit(1).error().retry_after == 800ms);
  s.world.advance(2s);
  { [[maybe_unused]] const auto kept = s.gate.try_admit(5); }
  CHECK(s.bucket.level() == 0);
}

TEST_CASE("a settlement reaches those that wait at once") {
  small_gate s;
  auto first = s.gate.try_admit(5).value();
  test::outcome<permit> waiting;
  s.gate.async_admit(3, waiting.take());
  first.settle(2);
  s.world.run_until_idle();
  CHECK(waiting.answered());
  CHECK(s.world.now() == testing::manual_time::start);
}

TEST_CASE("a refund puts everything back, in buckets that count requests as well; a settlement leaves those") {
  manual_world world;
  const auto rt = world.runtime();
  const shared_bucket tokens(rt, "tokens", {.refill = {.tokens = 1}, .capacity = 100});
  const shared_bucket requests(rt, "requests", {.refill = {.tokens = 1}, .capacity = 10});
  const admission gate(rt, {.buckets = {tokens, {requests, charge::request}}});
  auto settled = gate.try_admit(60).value();
  auto refunded = gate.try_admit(40).value();
  CHECK(tokens.level() == 0);
  CHECK(requests.level() == 8);
  settled.settle(10);
  CHECK(tokens.level() == 50);
  CHECK(requests.level() == 8);
  refunded.refund();
  CHECK(tokens.level() == 90);
  CHECK(requests.level() == 9);
}

TEST_CASE("a rate that is set faster admits who waits, slower delays them, and refuses who cannot make it") {
  small_gate s;
  s.empty();
  test::outcome<permit> patient, hasty;
  s.gate.async_admit(5, patient.take());
  s.gate.async_admit(1, {.deadline = s.world.now() + 1s}, hasty.take());
  s.bucket.set_rate({.tokens = 1});
  s.world.run_until_idle();
  CHECK(hasty.why().is(errc::not_admitted));
  CHECK(hasty.why().retry_after() == 6s);
  s.world.advance(1s);
  CHECK(patient.count() == 0);
  s.bucket.set_rate({.tokens = 1000});
  s.world.advance(4ms);
  CHECK(patient.answered());
  CHECK_THROWS_AS(s.bucket.set_rate({.tokens = -1}), std::invalid_argument);
}

TEST_CASE("drain waits for the admissions that wait, and refuses new ones but for parts of what has begun") {
  small_gate s;
  s.empty();
  test::outcome<permit> old, fresh, part;
  test::outcome<void> drained;
  s.gate.async_admit(5, old.take());
  s.rt.async_drain(no_deadline, drained.take());
  s.gate.async_admit(1, fresh.take());
  graph::call_context context;
  s.gate.async_admit(1, call(context, 0).options(), part.take());
  s.world.advance(500ms);
  CHECK(fresh.why().is(errc::shutting_down));
  CHECK(old.answered());
  CHECK(drained.count() == 0);
  s.world.advance(100ms);
  CHECK(part.answered());
  CHECK(drained.answered());
}

TEST_CASE("an admission inside a chain's stage keeps the run's deadline and priority") {
  small_gate s;
  s.empty();
  auto ask = [gate = s.gate](call c, int x) -> asio::awaitable<int> {
    permit p = co_await gate.admit(2, c.options());
    co_return x + static_cast<int>(p.cost());
  };
  const auto chain = make_chain<int>(s.rt, "chain", [&](auto in) { return in >> stage("ask", ask); });
  test::outcome<int> late, served;
  chain.async_run(1, {.deadline = s.world.now() + 100ms}, late.take());
  chain.async_run(1, {.deadline = s.world.now() + 300ms}, served.take());
  s.world.run_until_idle();
  CHECK(late.why().is(errc::not_admitted));
  CHECK(late.path() == "chain/ask");
  s.world.run();
  CHECK(served.value() == 3);
}

TEST_CASE("admission_options that are out of range are refused with the member's name") {
  manual_world world;
  const auto rt = world.runtime();
  const auto other = world.runtime();
  const shared_bucket a(rt, "a", {.capacity = 5});
  const shared_bucket b(other, "b", {.capacity = 5});
  CHECK(fault_of_making(rt, {.buckets = {a}}) == "none");
  CHECK(fault_of_making(rt, {}) == "admission_options::buckets must be 1 to 8, are 0");
  CHECK(fault_of_making(rt, {.buckets = {a, a}}) == "admission_options::buckets must differ, 'a' is there twice");
  CHECK(fault_of_making(rt, {.buckets = {a, b}}) == "admission_options::buckets must belong to one runtime");
  CHECK(fault_of_making(rt, {.buckets = {b}}) == "admission_options::buckets must belong to the admission's runtime");
  CHECK(fault_of_making(rt, {.buckets = {a}, .line_capacity = 1'048'577}) ==
        "admission_options::line_capacity must be 0 to 1048576, is 1048577");
  std::vector<charged_bucket> nine;
  for (int i = 0; i < 9; ++i) nine.emplace_back(shared_bucket(rt, std::to_string(i), {.capacity = 5}));
  CHECK(fault_of_making(rt, {.buckets = nine}) == "admission_options::buckets must be 1 to 8, are 9");
  CHECK_THROWS_AS(shared_bucket(rt, "bad", {.capacity = 0}), std::invalid_argument);
}

TEST_CASE("handles may go in any order while requests wait") {
  manual_world world;
  std::optional rt(world.runtime());
  std::optional bucket(shared_bucket(*rt, "b", {.refill = {.tokens = 10}, .capacity = 5}));
  std::optional gate(admission(*rt, {.buckets = {*bucket}}));
  test::outcome<permit> first, second;
  gate->async_admit(5, first.take());
  gate->async_admit(5, second.take());
  rt.reset();
  bucket.reset();
  gate.reset();
  world.run();
  CHECK(first.answered());
  CHECK(second.answered());
  CHECK(world.now() - testing::manual_time::start == 500ms);
}

TEST_CASE("tokens of an admission that the executor's end leaves without a handler are put back") {
  small_gate s;
  test::outcome<permit> decided, waiting;
  s.gate.async_admit(3, decided.take());
  s.gate.async_admit(5, waiting.take());
  s.world.destroy_executor();
  CHECK(decided.count() == 0);
  CHECK(waiting.count() == 0);
  CHECK(s.bucket.level() == 5);
  CHECK(s.gate.waiting_count() == 0);
  CHECK(s.gate.try_admit(5).has_value());
}

TEST_CASE("admissions, settlements, cancellations and changes of rate from several threads all end", "[concurrency]") {
  asio::thread_pool pool(2);
  const runtime rt(pool.get_executor());
  const shared_bucket model(rt, "model", {.refill = {.tokens = 2e5}, .capacity = 20});
  const shared_bucket tenant(rt, "tenant", {.refill = {.tokens = 2e5}, .capacity = 30});
  const admission gate(rt, {.buckets = {model, tenant}, .line_capacity = 64});
  const admission other(rt, {.buckets = {{model, charge::request}}, .line_capacity = 64});
  constexpr int count = 2'000;
  std::atomic<int> ended{0};
  std::vector<std::unique_ptr<asio::cancellation_signal>> signals;
  for (int i = 0; i < count; ++i) signals.push_back(std::make_unique<asio::cancellation_signal>());
  for (int i = 0; i < count; ++i) {
    auto strand = asio::make_strand(pool.get_executor());
    asio::post(strand, [&, strand, i, signal = signals[static_cast<std::size_t>(i)].get()] {
      const run_options options{.deadline = i % 3 ? no_deadline : rt.now() + 300us, .priority = static_cast<priority>(i % 4)};
      auto done = [&ended, i](result<permit> p) {
        if (p && i % 5 == 0) p->settle(p->cost() + i % 3 - 1);
        if (p && i % 5 == 1) p->refund();
        ++ended;
      };
      (i % 2 ? gate : other).async_admit(1 + i % 7, options, asio::bind_cancellation_slot(signal->slot(), asio::bind_executor(strand, done)));
      if (i % 4 == 0) asio::post(strand, [signal] { signal->emit(asio::cancellation_type::total); });
      if (i % 50 == 0) model.set_rate({.tokens = i % 100 ? 1e5 : 4e5});
      (void)gate.try_admit(1);
    });
  }
  pool.join();
  CHECK(ended == count);
  CHECK(gate.waiting_count() == 0);
  CHECK(other.waiting_count() == 0);
}

TEST_CASE("an admission waits for a future in real time", "[concurrency]") {
  asio::thread_pool pool(1);
  const runtime rt(pool.get_executor());
  const shared_bucket bucket(rt, "bucket", {.refill = {.tokens = 1000}, .capacity = 2});
  const admission gate(rt, {.buckets = {bucket}});
  const time_point begin = rt.now();
  for (int i = 0; i < 4; ++i) (void)gate.async_admit(1, asio::use_future).get();
  CHECK(rt.now() - begin >= 2ms);
}
