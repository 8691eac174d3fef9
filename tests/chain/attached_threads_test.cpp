// SPDX-License-Identifier: BSL-1.0
/// \file
/// Gates and caches in front of stages, models and chains, on real threads: run at once, cancelled, out of time, killed.
#include <catena/cache.hpp>
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/schedule/admission.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// Buckets that are always short, a cache of few keys, a model; every run passes all of them, most beside each other.
struct attached {
  explicit attached(const runtime& rt)
      : tokens(rt, "tokens", {.refill = {.tokens = 300'000}, .capacity = 4}),
        gate(rt, {.buckets = {tokens}, .line_capacity = 100'000}),
        kept(rt, {.capacity_count = 64, .ttl = 1ms}),
        subject(write(rt)) {}

  chain<int, int> write(const runtime& rt) {
    auto nap = [rt](call, int i) -> asio::awaitable<int> {
      co_await rt.async_wait_until(rt.now() + 20us, asio::use_awaitable);
      co_return i;
    };
    auto same = [](int i) { return i; };
    auto digit = [](int i) { return i % 5; };
    const auto doubled = make_model<int, int>(rt, {.name = "double", .batch = {.max_size = 8}, .queue = {.capacity = 100'000}},
                                              [](batch<int, int>& b) {
                                                for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, 2 * b.input(i));
                                              }).limit(gate);
    const auto inner = make_chain<int>(rt, "inner", [&](auto in) { return in >> stage("nap", nap) >> stage("same", same); }).limit(gate);
    return make_chain<int>(rt, "subject", [&](auto in) {
      auto few = in >> stage("digit", digit);
      auto a = few >> stage("a", nap).limit(gate, 2, [](int) { return 1; }).cache(kept);
      auto b = few >> stage("b", doubled).cache(kept).timeout(1h);
      auto c = few >> stage("c", inner).limit(gate).queue({.capacity = 100'000, .consumers = 4}).cache(kept);
      auto d = in >> stage("d", same).limit(gate).limit(gate).fallback(same);
      auto e = in >> stage("e", doubled).timeout(1h);
      return join(a, b, c, d, e) >> stage("sum", [](int v, int w, int x, int y, int z) { return v + w + x + y + z; });
    });
  }

  static int answer(int i) { return 4 * (i % 5) + 3 * i; }

  shared_bucket tokens;
  admission gate;
  cache<int> kept;
  chain<int, int> subject;
};

}  // namespace

TEST_CASE("hundreds of runs through gates and caches on two threads all answer right", "[concurrency]") {
  asio::thread_pool pool(2);
  const runtime rt(pool.get_executor());
  const attached all(rt);
  std::vector<std::future<result<int>>> answers;
  for (int i = 0; i < 300; ++i) {
    const run_options options{.deadline = i % 2 == 0 ? no_deadline : rt.now() + 1h, .priority = static_cast<priority>(i % 3)};
    answers.push_back(all.subject.async_run(i, options, asio::use_future));
  }
  for (int i = 0; i < 300; ++i) {
    const auto answered = answers[static_cast<std::size_t>(i)].get();
    REQUIRE(answered);
    CHECK(*answered == attached::answer(i));
  }
  rt.async_drain(no_deadline, asio::use_future).get().value();
  pool.join();
  CHECK(all.kept.stats().in_flight_count == 0);
  CHECK(all.gate.waiting_count() == 0);
}

TEST_CASE("runs through gates and caches that are cancelled at any moment end once, and disturb no other", "[concurrency]") {
  asio::thread_pool pool(2);
  const runtime rt(pool.get_executor());
  const attached all(rt);
  std::atomic<int> ended{0};
  std::atomic<int> wrong{0};
  constexpr int count = 300;
  std::vector<std::unique_ptr<asio::cancellation_signal>> signals;
  for (int i = 0; i < count; ++i) {
    signals.push_back(std::make_unique<asio::cancellation_signal>());
    auto* signal = signals.back().get();
    auto strand = asio::make_strand(pool.get_executor());
    const auto check = [&, i](const result<int>& r) {
      const bool may_be_cancelled = i % 3 != 0;
      if (r ? *r != attached::answer(i) : !may_be_cancelled || !r.error().is(errc::cancelled)) ++wrong;
      ++ended;
    };
    asio::post(strand, [&, i, strand, signal, check] {
      all.subject.async_run(i, asio::bind_cancellation_slot(signal->slot(), asio::bind_executor(strand, check)));
      if (i % 3 == 0) return;
      rt.async_wait_until(rt.now() + std::chrono::microseconds(i * 5), asio::bind_executor(strand, [signal](boost::system::error_code) {
                            signal->emit(asio::cancellation_type::terminal);
                          }));
    });
  }
  pool.join();
  CHECK(ended == count);
  CHECK(wrong == 0);
  CHECK(all.kept.stats().in_flight_count == 0);
  CHECK(all.gate.waiting_count() == 0);
}

TEST_CASE("runs through gates and caches whose deadline passes at any moment end once", "[concurrency]") {
  asio::thread_pool pool(2);
  const runtime rt(pool.get_executor());
  const attached all(rt);
  std::vector<std::future<result<int>>> answers;
  for (int i = 0; i < 300; ++i)
    answers.push_back(all.subject.async_run(i, run_options{.deadline = rt.now() + std::chrono::microseconds(i * 10)}, asio::use_future));
  for (int i = 0; i < 300; ++i) {
    const auto answered = answers[static_cast<std::size_t>(i)].get();
    if (answered) CHECK(*answered == attached::answer(i));
    else CHECK((answered.error().is(errc::deadline_exceeded) || answered.error().is(errc::not_admitted)));
  }
  pool.join();
  CHECK(all.kept.stats().in_flight_count == 0);
}

TEST_CASE("a thread pool that is stopped with runs at gates and in caches frees them all", "[concurrency]") {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> called{0};
    {
      asio::thread_pool pool(2);
      const runtime rt(pool.get_executor());
      const attached all(rt);
      for (int i = 0; i < 50; ++i) all.subject.async_run(i, [&](const result<int>&) { ++called; });
      std::this_thread::sleep_for(std::chrono::microseconds(50 * round));
      pool.stop();
      pool.join();
    }
    CHECK(called <= 50);
  }
}
