// SPDX-License-Identifier: BSL-1.0
/// \file
/// Documents that are put in force while many threads run what they are about.
#include <catena/cache/cache.hpp>
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/policy.hpp>
#include <catena/runtime/published.hpp>
#include <catena/schedule/admission.hpp>

#include <boost/asio/thread_pool.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

/// Asks again and again, so many at once, until it is told to stop.
struct reload_load {
  explicit reload_load(chain<int, int> of) : asked(std::move(of)) {}
  void begin() {
    begun.fetch_add(1);
    asked.async_run(static_cast<int>(begun.load() % 97), [this](result<int> r) {
      if (r) answered.fetch_add(1);
      else failed.fetch_add(1);
      if (stops.load()) idle.count_down();
      else begin();
    });
  }
  chain<int, int> asked;
  std::atomic<std::size_t> begun{0}, answered{0}, failed{0};
  std::atomic<bool> stops{false};
  static constexpr int at_once = 16;
  std::latch idle{at_once};
};

}  // namespace

TEST_CASE("a thousand documents are put in force under load, and no request is lost or fails", "[concurrency]") {
  boost::asio::thread_pool threads(2);
  const runtime rt(threads.get_executor());
  const circuit_breaker breaker({.consecutive = 0, .bad_share = 0});
  const cache<int> kept(rt, {.capacity_count = 64, .capacity_bytes = 0});
  const shared_bucket bucket(rt, "b", {.refill = {.tokens = 1e9}, .capacity = 1'000'000});
  const admission gate(rt, {.name = "g", .buckets = {bucket}});
  const auto m = make_model<int, int>(rt, {.name = "m", .batch = {.max_size = 8}}, [](batch<int, int>& b) {
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i));
  });
  // Every second time the inner stage fails, and is tried again.
  std::atomic<unsigned> calls{0};
  const auto flaky = [&calls](int i) -> result<int> {
    if (calls.fetch_add(1) % 2 == 0) return failure(errc::stage_failed);
    return i;
  };
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    return in >> stage("flaky", flaky).retry({.retries = 90, .first_wait = {}, .longest_wait = {}, .budget = retry_budget({.share = 10, .per_second = 1e6})}).breaker(breaker).queue({}) >>
           stage("kept", [](int i) { return i; }).cache(kept).limit(gate) >> stage("model", m).timeout(1h);
  });
  reload_load load(c);
  for (int i = 0; i < reload_load::at_once; ++i) load.begin();

  const std::array documents{
      policy_document::read(R"({"stages": {
        "c/flaky": {"retry": {"retries": 100, "factor": 1, "budget": {"per_second": 900000}}, "breaker": {"consecutive": 0, "bad_share": 0}, "queue": {"consumers": 3}},
        "c/kept": {"cache": {"capacity_count": 8, "ttl": "1ms"}, "limit": {"g": {"line_capacity": 2000, "buckets": {"b": {"tokens": 5e8}}}}},
        "c/model": {"timeout": "2h"}}, "models": {"m": {"batch": {"max_size": 2, "max_delay": "10us"}, "queue": {"capacity": 100}}}})").value(),
      policy_document::read(R"({"stages": {"c/flaky": {"breaker": {"consecutive": 0, "bad_share": 0}, "queue": {"consumers": 1}}, "c/kept": {"cache": {"negative_ttl": "1s"}}}})").value()};
  for (std::size_t i = 0; i < 1000; ++i) {
    const auto applied = apply_policies(rt, documents[i % 2]);
    CHECK(applied.has_value());
    const std::size_t before = load.answered.load();
    while (load.answered.load() == before && load.failed.load() == 0) std::this_thread::yield();
  }
  load.stops = true;
  load.idle.wait();
  CHECK(load.failed == 0);
  CHECK(load.answered == load.begun);
  threads.join();
}

TEST_CASE("who reads published numbers has all of one writing", "[concurrency]") {
  struct numbers {
    std::uint64_t a, b, c, d, e;
  };
  published<numbers> shared(numbers{0, 0, 0, 0, 0});
  std::atomic<bool> done{false};
  std::atomic<bool> whole{true};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!done.load()) {
        const numbers n = shared.load();
        if (n.a != n.b || n.b != n.c || n.c != n.d || n.d != n.e || n.a < last) whole = false;
        last = n.a;
      }
    });
  for (std::uint64_t i = 1; i <= 20'000; ++i) shared.store({i, i, i, i, i});
  done = true;
  for (std::thread& t : readers) t.join();
  CHECK(whole);
  CHECK(shared.load().a == 20'000);
}
