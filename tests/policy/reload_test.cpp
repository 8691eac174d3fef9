// SPDX-License-Identifier: BSL-1.0
/// \file
/// Policy documents that are put in force while chains and models serve.
#include <catena/balance.hpp>
#include <catena/cache/cache.hpp>
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/policy.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/schedule/concurrency_limit.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/version.hpp>
#include <catena/version/versions.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

struct reload_world {
  /// Fails so many times, and notes when it is called.
  [[nodiscard]] auto failing(int times) {
    return [this, left = std::make_shared<int>(times)](call, const int& i) -> asio::awaitable<int> {
      calls.push_back(elapsed());
      if ((*left)-- > 0) throw error(failure(errc::stage_failed));
      co_return i;
    };
  }
  [[nodiscard]] auto sleeping(duration for_so_long) {
    return [this, for_so_long](call, const int& i) -> asio::awaitable<int> {
      calls.push_back(elapsed());
      co_await rt.async_wait_until(rt.now() + for_so_long, asio::use_awaitable);
      co_return i;
    };
  }
  template <class Stage>
  [[nodiscard]] chain<int, int> one(Stage s, std::string name = "c") const {
    return make_chain<int>(rt, std::move(name), [&](auto in) { return in >> std::move(s); });
  }
  test::outcome<int>& begin(const chain<int, int>& c, int in = 1) {
    auto& end = ends.emplace_back();
    c.async_run(in, end.take());
    return end;
  }
  void run(const chain<int, int>& c, int in = 1) {
    begin(c, in);
    world.run();
  }
  /// "pointer: text" of each fault.
  std::vector<std::string> apply(std::string_view text, unknown_names how = unknown_names::are_faults) const {
    const policy_document read = policy_document::read(text).value();
    const auto applied = apply_policies(rt, read, how);
    std::vector<std::string> faults;
    if (applied.has_error())
      for (const policy_fault& f : applied.error().all) faults.push_back(f.to_string());
    return faults;
  }
  std::vector<std::string> tell(const std::string& inside) const { return apply(R"({"stages": {"c/s": )" + inside + "}}"); }
  [[nodiscard]] duration elapsed() const { return world.now() - testing::manual_time::start; }

  testing::manual_world world;
  std::vector<std::string> logged;
  runtime rt = world.runtime({.log = [this](log_level, std::string_view component, std::string_view text) {
    logged.push_back(std::string(component) + ": " + std::string(text));
  }});
  std::deque<test::outcome<int>> ends;
  std::vector<duration> calls;
};

using fault_list = std::vector<std::string>;
const fault_list none;

// [document]
constexpr std::string_view policies = R"({
  "stages": {
    "fraud/place": {"timeout": "250ms", "retry": {"retries": 2, "budget": {"share": 0.05}}, "breaker": {"slow": "100ms"}},
    "fraud/score": {"cache": {"capacity_bytes": "512MiB", "ttl": "10min"}, "limit": {"gpu": {"buckets": {"rows": {"tokens": 5000}}}}}
  },
  "models": {
    "risk": {"batch": {"max_size": 32, "max_delay": "2ms"}, "queue": {"capacity": 200}}
  }
})";
// [/document]

// [reload]
std::string reload(const catena::runtime& rt, std::string_view text) {
  const auto document = catena::policy_document::read(text);          // or all that is wrong with it
  if (!document) return document.error().to_string();                 // "/stages/fraud~1place/timeout: must be a duration ..."
  const auto applied = catena::apply_policies(rt, *document);         // all of it, or nothing
  return applied ? std::string() : applied.error().to_string();
}
// [/reload]

}  // namespace

TEST_CASE("the document of the README is put in force") {
  reload_world here;
  const auto m = make_model<int, int>(here.rt, {.name = "risk"}, [](batch<int, int>& b) {
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i));
  });
  const cache<int> kept(here.rt);
  const admission gpu(here.rt, {.name = "gpu", .buckets = {shared_bucket(here.rt, "rows", {.refill = {.tokens = 100}, .capacity = 10})}});
  const auto fraud = make_chain<int>(here.rt, "fraud", [&](auto in) {
    return in >> stage("place", here.sleeping(200ms)).timeout(50ms).retry().breaker(circuit_breaker()) >> stage("score", m).cache(kept).limit(gpu);
  });
  CHECK(reload(here.rt, policies).empty());
  auto& end = here.begin(fraud);
  here.world.run();
  CHECK(end.value() == 1);
  CHECK(reload(here.rt, R"({"stages": {"fraud/place": {"timeout": 250}}})") ==
        R"(/stages/fraud~1place/timeout: must be a duration such as "250ms" (ns, us, ms, s, min, h), is 250)");
  CHECK(reload(here.rt, R"({"models": {"rsik": {"batch": {"max_size": 1}}}})") == "/models/rsik: there is no model of this name; the nearest: 'risk'");
}

TEST_CASE("a document changes how often and after how long the next run tries again; a run goes on with what it began with") {
  reload_world here;
  const auto c = here.one(stage("s", here.failing(99)).retry({.retries = 2, .first_wait = 10ms, .factor = 1, .jitter = jitter::none}));
  auto& first = here.begin(c);
  here.world.advance(5ms);
  CHECK(here.tell(R"({"retry": {"retries": 1, "first_wait": "50ms"}})") == none);
  auto& second = here.begin(c);
  here.world.run();
  CHECK(here.calls == std::vector<duration>{0ms, 5ms, 10ms, 20ms, 55ms});
  CHECK(first.why().attempt() == 3);
  CHECK(second.why().attempt() == 2);
  here.calls.clear();
  CHECK(here.apply("{}") == none);  // what a document does not say is what it is in C++
  auto& third = here.begin(c);
  here.world.run();
  CHECK(here.calls.size() == 3);
  CHECK(third.why().attempt() == 3);
}

TEST_CASE("a document changes the time of a stage and of its attempts") {
  reload_world here;
  const auto c = here.one(stage("s", here.sleeping(20ms)).timeout(100ms).attempt_timeout(50ms).queue({.consumers = 9}));
  CHECK(here.tell(R"({"attempt_timeout": "10ms"})") == none);
  auto& late = here.begin(c);
  here.world.run();
  CHECK(late.why().is(errc::timed_out));
  CHECK(here.elapsed() == 10ms);
  CHECK(here.tell(R"({"timeout": "5ms"})") == none);
  auto& later = here.begin(c);
  here.world.advance(5ms);
  CHECK(later.why().is(errc::timed_out));
  CHECK(here.apply("{}") == none);
  auto& good = here.begin(c);
  here.world.run();
  CHECK(good.value() == 1);
}

TEST_CASE("a document changes who fails early, and an attempt's time that it changes is the one that counts") {
  reload_world here;
  const auto c = here.one(stage("s", here.sleeping(20ms)).fail_early({.least_count = 50, .probe_share = 0.001}).attempt_timeout(50ms));
  for (int i = 0; i < 20; ++i) here.run(c);
  CHECK(here.tell(R"({"attempt_timeout": "10ms"})") == none);
  here.run(c);
  CHECK(here.ends.back().why().is(errc::timed_out));
  CHECK(here.tell(R"({"attempt_timeout": "10ms", "fail_early": {"least_count": 20, "probe_share": 0.001}})") == none);
  here.run(c);
  CHECK(here.ends.back().why().is(errc::deadline_unreachable));
  CHECK(here.apply("{}") == none);
  here.run(c);
  CHECK(here.ends.back().value() == 1);
}

TEST_CASE("an open breaker stays open when its numbers change, and they hold from its next probe on") {
  reload_world here;
  const circuit_breaker shared({.consecutive = 2, .first_wait = 1s, .probes = 3});
  const auto c = here.one(stage("s", here.failing(2)).breaker(shared));
  for (int i = 0; i < 2; ++i) here.run(c);
  REQUIRE(shared.state() == breaker_state::open);
  CHECK(here.tell(R"({"breaker": {"consecutive": 100, "bad_share": 0, "probes": 1, "first_wait": "1ms"}})") == none);
  CHECK(shared.state() == breaker_state::open);
  auto& refused = here.begin(c);
  here.world.advance(500ms);
  CHECK(refused.why().is(errc::unavailable));
  here.world.advance(500ms);
  here.run(c);
  CHECK(here.ends.back().value() == 1);
  CHECK(shared.state() == breaker_state::closed);  // after one probe
}

TEST_CASE("a budget that is changed does not forget what was spent") {
  reload_world here;
  const retry_budget budget({.share = 0, .per_second = 2});
  const auto c = here.one(stage("s", here.failing(99)).retry({.retries = 1, .first_wait = 1ms, .longest_wait = 1ms, .budget = budget}));
  for (int i = 0; i < 2; ++i) here.run(c);
  CHECK(here.calls.size() == 4);
  CHECK(here.tell(R"({"retry": {"budget": {"per_second": 3}}})") == none);
  for (int i = 0; i < 2; ++i) here.run(c);
  CHECK(here.calls.size() == 7);  // two were spent, and there is one more
}

TEST_CASE("a document changes how many attempts a hedge may add, and when") {
  reload_world here;
  const auto c = here.one(stage("s", here.sleeping(10ms)).hedge({.least_count = 1, .budget = retry_budget({.share = 10})}));
  here.run(c);
  here.calls.clear();
  CHECK(here.tell(R"({"hedge": {"extra": 3, "least_delay": "1ms", "quantile": 0.5}, "timeout": "1s"})") ==
        fault_list{"/stages/c~1s/timeout: the stage has no timeout; the nearest that it has: 'hedge'"});
  CHECK(here.tell(R"({"hedge": {"least_delay": "30ms"}})") == none);
  here.run(c);
  CHECK(here.calls.size() == 1);
  CHECK(here.tell(R"({"hedge": {"extra": 3}})") == none);
  CHECK(here.apply("{}") == none);
}

TEST_CASE("a queue that lets in more goes on with those who wait, and one that is shortened drops nobody") {
  reload_world here;
  const auto c = here.one(stage("s", here.sleeping(10ms)).queue({.capacity = 10}));
  for (int i = 0; i < 5; ++i) here.begin(c, i);
  here.world.run_until_idle();
  CHECK(here.calls.size() == 1);
  CHECK(here.tell(R"({"queue": {"capacity": 1, "consumers": 3}})") == none);
  here.world.run_until_idle();
  CHECK(here.calls.size() == 3);
  auto& refused = here.begin(c);
  here.world.run_until_idle();
  CHECK(refused.why().is(errc::queue_full));
  CHECK(here.apply("{}") == none);  // one at once again: those who are in the stage stay
  here.world.run();
  for (int i = 0; i < 5; ++i) CHECK(here.ends[static_cast<std::size_t>(i)].value() == i);
  CHECK(here.elapsed() == 30ms);
}

TEST_CASE("a document that is wrong somewhere changes nothing, and all that is wrong is told") {
  reload_world here;
  const circuit_breaker shared;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("plain", [](int i) { return i; }) >> stage("s", here.sleeping(20ms)).timeout(50ms).retry({.longest_wait = 1s}).breaker(shared) >>
           stage("t", here.sleeping(1ms)).breaker(shared);
  });
  CHECK(here.apply(R"({"stages": {
          "c/s": {"timeout": "5ms", "retry": {"first_wait": "2s"}, "breaker": {"probes": 1}, "queue": {"ttl": "1s"}},
          "c/t": {"breaker": {"probes": 2}}, "c/plain": {"timeout": "1s"}, "c/ss": {"timeout": "1s"}},
          "models": {"m": {"batch": {"max_size": 1}}}})") ==
        fault_list{"/stages/c~1s/queue: the stage has no queue; the nearest that it has: 'timeout'",
                   "/stages/c~1t/breaker/probes: is something else at /stages/c~1s/breaker/probes, and the two are one",
                   "/stages/c~1plain/timeout: the stage has no timeout, and nothing else that can be changed",
                   "/stages/c~1ss: there is no stage of this name; the nearest: 'c/s'", "/models/m: there is no model of this name, nor any other",
                   "/stages/c~1s/retry: retry_options::first_wait must be 0 to longest_wait, with what is given in C++"});
  auto& end = here.begin(c);
  here.world.run();
  CHECK(end.value() == 1);
}

TEST_CASE("what stages share may be told by any of them, and by several if they say the same") {
  reload_world here;
  const circuit_breaker shared({.consecutive = 9});
  const auto s = here.one(stage("s", here.failing(99)).breaker(shared));
  const auto t = here.one(stage("t", here.failing(99)).breaker(shared), "d");
  CHECK(here.apply(R"({"stages": {"c/s": {"breaker": {"consecutive": 1}}, "d/t": {"breaker": {"consecutive": 1, "probes": 2}}}})") == none);
  here.run(t);
  CHECK(shared.state() == breaker_state::open);
}

TEST_CASE("a stage inside each or a branch is named by its path, and a chain inside a chain by its own name") {
  reload_world here;
  const auto inner = here.one(stage("s", here.sleeping(1ms)).timeout(1s), "inner");
  const auto c = make_chain<std::vector<int>>(here.rt, "outer", [&](auto in) {
    return in >> each(stage("item", inner).timeout(1s)) >> branch("which", [](const std::vector<int>&) { return true; },
                                                                  stage("yes", [](const std::vector<int>&) { return 1; }).queue({}),
                                                                  stage("no", [](const std::vector<int>&) { return 2; }));
  });
  CHECK(here.apply(R"({"stages": {"outer/each/item": {"timeout": "2s"}, "outer/which/yes": {"queue": {"capacity": 5}}, "inner/s": {"timeout": "3s"}}})") == none);
  CHECK(here.apply(R"({"stages": {"outer/each/item/s": {"timeout": "2s"}}})") ==
        fault_list{"/stages/outer~1each~1item~1s: there is no stage of this name; the nearest: 'outer/each/item'"});
}

TEST_CASE("chains that are made later get what the document in force says of them") {
  reload_world here;
  CHECK(here.apply(R"({"stages": {"c/s": {"timeout": "5ms"}}})") == fault_list{"/stages/c~1s: there is no stage of this name, nor any other"});
  CHECK(here.apply(R"({"stages": {"c/s": {"timeout": "5ms"}, "d/s": {"queue": {"ttl": "5ms"}}}})", unknown_names::may_come) == none);
  const auto c = here.one(stage("s", here.sleeping(20ms)).timeout(1s));
  auto& late = here.begin(c);
  here.world.run();
  CHECK(late.why().is(errc::timed_out));
  CHECK(here.logged == none);
  const auto d = here.one(stage("s", here.sleeping(20ms)).timeout(1s), "d");
  CHECK(here.logged == fault_list{"policy: /stages/d~1s/queue: the stage has no queue; the nearest that it has: 'timeout'"});
  CHECK(here.apply("{}") == none);
  auto& good = here.begin(c);
  here.world.run();
  CHECK(good.value() == 1);
}

TEST_CASE("a document changes the rate of an admission's bucket, and the length of its line") {
  reload_world here;
  const shared_bucket bucket(here.rt, "b", {.refill = {.tokens = 1}, .capacity = 1});
  const admission gate(here.rt, {.name = "g", .buckets = {bucket}, .line_capacity = 2});
  const auto c = here.one(stage("s", here.sleeping(0ms)).limit(gate));
  for (int i = 0; i < 3; ++i) here.begin(c, i);
  here.world.run_until_idle();
  CHECK(here.tell(R"({"limit": {"g": {"line_capacity": 0, "buckets": {"b": {"tokens": 10}}}}})") == none);
  auto& refused = here.begin(c);
  here.world.advance(200ms);
  CHECK(refused.why().is(errc::not_admitted));
  for (int i = 0; i < 3; ++i) CHECK(here.ends[static_cast<std::size_t>(i)].value() == i);  // those who waited, and sooner
  CHECK(here.tell(R"({"limit": {"h": {"line_capacity": 0}}})") ==
        fault_list{"/stages/c~1s/limit/h: the stage has no limit/h; the nearest that it has: 'limit/g'"});
  CHECK(here.tell(R"({"limit": {"g": {"count": 3}}})") == fault_list{"/stages/c~1s/limit/g/count: this one has none; it has: 'line_capacity'"});
  CHECK(here.tell(R"({"limit": {"g": {"buckets": {"b": {"tokens": 1000000000000}}}}})") ==
        fault_list{"/stages/c~1s/limit/g/buckets/b: token_bucket_options::refill must be at most 1e9 tokens a second, with what is given in C++"});
  bucket.set_rate({.tokens = 5});
  CHECK(here.apply(R"({"stages": {"c/s": {"limit": {"g": {"line_capacity": 9}}}}})") == none);
  here.run(c);
}

TEST_CASE("a document changes how many a limit lets in, and before a whole chain as well") {
  reload_world here;
  const concurrency_limit gate(here.rt, {.name = "g", .policy = fixed_limit{1}, .line_capacity = 9});
  const auto c = here.one(stage("s", here.sleeping(10ms))).limit(gate);
  for (int i = 0; i < 3; ++i) here.begin(c, i);
  here.world.run_until_idle();
  CHECK(here.calls.size() == 1);
  CHECK(here.apply(R"({"stages": {"c": {"limit": {"g": {"count": 3}}}}})") == none);
  here.world.run_until_idle();
  CHECK(here.calls.size() == 3);
  const concurrency_limit learning(here.rt, {.name = "l", .policy = aimd_limit({.target = 1s, .range = {.least = 1, .most = 100, .first = 50}})});
  const auto d = here.one(stage("s", here.sleeping(10ms)).limit(learning), "d");
  CHECK(here.apply(R"({"stages": {"d/s": {"limit": {"l": {"most": 20, "target": "2s"}}}}})") == none);
  CHECK(learning.limit() == 20);
  CHECK(gate.limit() == 1);
  here.world.run();
}

TEST_CASE("a document changes how many places a bulkhead has; those who are in it stay") {
  reload_world here;
  const bulkhead shared(2);
  const auto c = here.one(stage("s", here.sleeping(10ms)).bulkhead(shared));
  for (int i = 0; i < 2; ++i) here.begin(c);
  here.world.run_until_idle();
  CHECK(here.tell(R"({"bulkhead": 1})") == none);
  CHECK(shared.places() == 1);
  auto& refused = here.begin(c);
  here.world.run();
  CHECK(refused.why().is(errc::queue_full));
  CHECK(here.ends[0].value() + here.ends[1].value() == 2);
  CHECK(shared.in_flight_approx() == 0);
}

TEST_CASE("a replica is named by its pool and its name, a version's stage by name@version and its own") {
  reload_world here;
  const replica_pool<int, int> pool(here.rt, {.name = "pool"});
  pool.add(stage("there", here.sleeping(20ms)).timeout(1s));
  const versions<int, int> risk(here.rt, {.name = "risk"});
  risk.add("3", stage("score", here.sleeping(20ms)).timeout(1s));
  CHECK(here.apply(R"({"stages": {"pool/there": {"timeout": "5ms"}, "risk@3/score": {"timeout": "6ms"}}})") == none);
  auto& late = here.ends.emplace_back();
  auto& later = here.ends.emplace_back();
  pool.async_run(1, late.take());
  risk.async_run(1, later.take());
  here.world.run();
  CHECK(late.why().is(errc::timed_out));
  CHECK(later.why().is(errc::timed_out));
}

TEST_CASE("a document changes how long a cache keeps what is stored from then on, and how much it holds") {
  reload_world here;
  const cache<int> kept(here.rt, {.capacity_count = 100, .shard_count = 1});
  const auto c = here.one(stage("s", here.sleeping(0ms)).cache(kept));
  for (int i = 0; i < 10; ++i) here.run(c, i);
  CHECK(kept.stats().count == 10);
  CHECK(here.tell(R"({"cache": {"ttl": "1s", "ttl_jitter": 0, "capacity_count": 4}})") == none);
  CHECK(kept.stats().count == 4);
  CHECK(kept.stats().evictions == 6);
  here.run(c, 50);
  here.world.advance(2s);
  here.calls.clear();
  here.run(c, 50);
  here.run(c, 9);
  CHECK(here.calls.size() == 1);  // one has expired, and the one from before has not
  CHECK(here.tell(R"({"cache": {"capacity_count": 200}})") ==
        fault_list{"/stages/c~1s/cache: cache_options::capacity_count must be at most 100, for which it has room, with what is given in C++"});
}

TEST_CASE("a document changes the batches of a model and its queue, up to what was given in C++") {
  reload_world here;
  std::vector<std::size_t> sizes;
  const auto m = make_model<int, int>(here.rt, {.name = "m", .batch = {.max_size = 8, .max_delay = 1s, .policy = greedy_batching{}}},
                                      [&sizes](batch<int, int>& b) {
                                        sizes.push_back(b.size());
                                        for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i));
                                      });
  const auto ask = [&](int count) {
    for (int i = 0; i < count; ++i) m.async_run(i, here.ends.emplace_back().take());
    here.world.run_until_idle();
  };
  ask(4);
  CHECK(sizes.empty());
  CHECK(here.apply(R"({"models": {"m": {"batch": {"max_size": 2}}}})") == none);
  here.world.run_until_idle();
  CHECK(sizes == std::vector<std::size_t>{2, 2});
  CHECK(here.apply(R"({"models": {"m": {"batch": {"max_delay": "0s"}}}})") == none);
  ask(3);
  CHECK(sizes == std::vector<std::size_t>{2, 2, 1, 2});
  CHECK(here.apply(R"({"models": {"m": {"batch": {"max_size": 9}, "queue": {"max_bytes": "1MiB"}}, "n": {}}, "stages": {}})") ==
        fault_list{"/models/m/batch: batch_options::max_size must be at most 8, for which its instances have room, with what is given in C++",
                   "/models/m/queue: request_queue_options::max_bytes must be 0, since its requests are not measured, with what is given in C++"});
  CHECK(here.apply(R"({"models": {"m": {"queue": {"capacity": 2}}}})") == none);
  ask(3);
  here.world.run();
  std::size_t refused = 0;
  for (auto& end : here.ends) {
    if (end.answered()) continue;
    ++refused;
    CHECK(end.why().message().find("its queue is full at 2") != std::string::npos);
  }
  CHECK(refused == 1);
}

TEST_CASE("a shorter queue before a model drops none of those who wait, and takes no more until there is room") {
  request_queue queue({.capacity = 4, .max_bytes = 100, .full = when_full::drop_oldest_of_lowest});
  std::vector<queued_request> requests(7);
  for (std::size_t i = 0; i < 4; ++i) {
    requests[i].bytes = 20;
    CHECK(queue.try_push(requests[i]).entry == request_queue::entry::accepted);
  }
  queue.set_options({.capacity = 2, .max_bytes = 10, .full = when_full::drop_oldest_of_lowest});
  CHECK(queue.size() == 4);
  CHECK(queue.try_push(requests[4]).entry == request_queue::entry::full);
  requests[5].priority = priority::high;
  requests[5].bytes = 20;
  const auto pushed = queue.try_push(requests[5]);  // in the place of one
  CHECK(pushed.entry == request_queue::entry::accepted);
  CHECK(pushed.evicted == &requests[0]);
  CHECK(pushed.evicted->next == nullptr);
  std::vector<queued_request*> taken(3);
  CHECK(queue.take(taken) == 3);
  CHECK(queue.try_push(requests[6]).entry == request_queue::entry::accepted);
}
