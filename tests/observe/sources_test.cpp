// SPDX-License-Identifier: BSL-1.0
#include <catena/catena.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

struct source_world {
  catena::testing::manual_world world;
  catena::runtime rt = world.runtime();

  template <class Chain>
  void ask(const Chain& c, int i) {
    catena::test::outcome<int> end;
    c.async_run(i, end.take());
    world.run();
  }
  double told(const char* name, const char* labels) const { return rt.metrics().value(name, labels); }
};

catena::incident source_incident(std::string path) {
  catena::incident what;
  what.path = std::move(path);
  return what;
}

int source_echo(const int& i) { return i; }

}  // namespace

TEST_CASE("a cache's look-ups are told by outcome, under its name") {
  source_world here;
  const catena::cache<int> kept(here.rt, {.name = "answers"});
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) { return in >> catena::stage("echo", source_echo).cache(kept); });
  for (const int i : {1, 1, 1, 2}) here.ask(c, i);
  CHECK(here.told("catena_cache_lookups", R"(cache="answers",outcome="hit")") == 2);
  CHECK(here.told("catena_cache_lookups", R"(cache="answers",outcome="miss")") == 2);
  CHECK(here.told("catena_cache_entries", R"(cache="answers")") == 2);
}

TEST_CASE("gates tell how many they refused, and a bucket what is in it") {
  source_world here;
  const catena::shared_bucket bucket(here.rt, "gpu", {.refill = {.tokens = 1}, .capacity = 3});
  const catena::admission gate(here.rt, {.name = "asking", .buckets = {bucket}, .line_capacity = 0});
  const catena::concurrency_limit limit(here.rt, {.name = "at once", .policy = catena::fixed_limit{.count = 7}});
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) { return in >> catena::stage("echo", source_echo).limit(gate).limit(limit); });
  for (int i = 0; i < 5; ++i) here.ask(c, i);
  CHECK(here.told("catena_gate_refused", R"(gate="asking")") == 2);
  CHECK(here.told("catena_bucket_tokens", R"(bucket="gpu")") == 0);
  CHECK(here.told("catena_gate_limit", R"(gate="at once")") == 7);
  CHECK(here.told("catena_gate_in_flight", R"(gate="at once")") == 0);
}

TEST_CASE("a stage tells how full its bulkhead is of runs of all its stages, and how often it refused a run there") {
  source_world here;
  const catena::bulkhead both(2);
  const auto hold = [rt = here.rt](catena::call, const int& i) -> asio::awaitable<int> {
    co_await rt.async_wait_until(rt.now() + 5ms, asio::use_awaitable);
    co_return i;
  };
  const auto a = catena::make_chain<int>(here.rt, "a", [&](auto in) { return in >> catena::stage("find", hold).bulkhead(both); });
  const auto b = catena::make_chain<int>(here.rt, "b", [&](auto in) { return in >> catena::stage("read", hold).bulkhead(both).fallback(source_echo); });
  const auto expect = [&](const char* stage, double places, double taken, double refused) {
    INFO(stage);
    CHECK(here.told("catena_stage_bulkhead_places", stage) == places);
    CHECK(here.told("catena_stage_bulkhead_taken", stage) == taken);
    CHECK(here.told("catena_stage_bulkhead_refused", stage) == refused);
  };
  const char* const of_a = R"(chain="a",stage="find")";
  const char* const of_b = R"(chain="b",stage="read")";
  expect(of_a, 2, 0, 0);
  const auto same = catena::make_chain<int>(here.rt, "a", [&](auto in) { return in >> catena::stage("find", hold).bulkhead(both); });
  for (const auto* chain : {&a, &b, &b, &same, &b}) chain->async_run(1, [](const catena::result<int>&) {});
  here.world.run_until_idle();
  expect(of_a, 2, 2, 1);
  expect(of_b, 2, 2, 2);
  both.set_places(5);
  here.world.run();
  expect(of_a, 5, 0, 1);
}

TEST_CASE("what notifiers made of failed runs is told of each once, however many stages have it") {
  source_world here;
  int calls = 0;
  const auto breaks = [&](const catena::incident&) {
    if (++calls == 2) throw std::runtime_error("the pager is broken");
  };
  const catena::notifier us({.sinks = {breaks}, .dead_letters = {[](const catena::incident&) {}}, .capacity = 4});
  const auto fails = [](int) -> catena::result<int> { return catena::failure(catena::errc::busy); };
  const auto failing = [&](const char* name) {
    return catena::make_chain<int>(here.rt, name, [&](auto in) { return in >> catena::stage("pay", fails).notify(us); });
  };
  const auto expect = [&](double told, double suppressed, double taken, double failed, double dropped, double waiting) {
    CHECK(here.told("catena_incidents", R"(outcome="told")") == told);
    CHECK(here.told("catena_incidents", R"(outcome="suppressed")") == suppressed);
    CHECK(here.told("catena_notices", R"(outcome="taken")") == taken);
    CHECK(here.told("catena_notices", R"(outcome="failed")") == failed);
    CHECK(here.told("catena_notices", R"(outcome="dropped")") == dropped);
    CHECK(here.told("catena_notices_waiting", "") == waiting);
  };
  const auto first = failing("first"), second = failing("second");
  CHECK(here.rt.metrics().find("catena_notices", R"(outcome="taken")") != nullptr);
  for (const auto* chain : {&first, &second, &first}) us.tell(here.rt.state(), source_incident(chain->name() + "/pay"));
  expect(2, 1, 0, 0, 0, 2);
  here.world.run();
  expect(2, 1, 1, 1, 0, 0);
  for (int i = 0; i < 5; ++i) us.bury(here.rt.state(), source_incident("first/pay"));
  expect(2, 1, 1, 1, 1, 4);
  here.world.run();
  expect(2, 1, 5, 1, 1, 0);
  here.ask(second, 1);  // a failure of another code is told, and kept
  expect(3, 1, 7, 1, 1, 0);
}

TEST_CASE("replicas and versions are told by name") {
  source_world here;
  catena::replica_pool<int, int> pool(here.rt, {.name = "pool"});
  pool.add(catena::stage("a", source_echo));
  catena::versions<int, int> versions(here.rt, {.name = "risk"});
  versions.add("1", catena::stage("echo", source_echo));
  here.ask(pool, 1);
  here.ask(versions, 1);
  CHECK(here.told("catena_replica_requests", R"(pool="pool",replica="a")") == 1);
  CHECK(here.told("catena_version_requests", R"(name="risk",version="1",outcome="answered")") == 1);
  CHECK(here.told("catena_version_label", R"(name="risk",version="1",label="stable")") == 1);
}

TEST_CASE("the process and the runtime are told of, and a source only while it lives") {
  source_world here;
  CHECK(here.told("process_resident_memory_bytes", "") > 1e6);
  CHECK(here.told("process_open_fds", "") >= 3);
  CHECK(here.told("process_start_time_seconds", "") > 1.6e9);
  CHECK(here.told("catena_runtime_runs", "") == 0);
  { const catena::cache<int> gone(here.rt, {.name = "gone"}); }
  CHECK(here.rt.metrics().find("catena_cache_entries", R"(cache="gone")") == nullptr);
}
