// SPDX-License-Identifier: BSL-1.0
#include <catena/catena.hpp>
#include <catena/testing/manual_world.hpp>

#include <chrono>
#include <memory>
#include <string>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;

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
