// SPDX-License-Identifier: BSL-1.0
#include <catena/balance.hpp>
#include <catena/cache.hpp>
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/observe/trace_note.hpp>
#include <catena/observe/tracer.hpp>
#include <catena/schedule/concurrency_limit.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using catena::kept_for;
using catena::span_kind;
using catena::span_part;
using catena::time_point;
using catena::trace;
using catena::trace_span;
using catena::tracer_options;

struct traces_taken final : catena::trace_sink {
  void take(std::shared_ptr<const trace> t) noexcept override { all.push_back(std::move(t)); }
  std::vector<std::shared_ptr<const trace>> all;
};

struct traced_world {
  explicit traced_world(tracer_options options = {.sample_share = 1}) : by(make(std::move(options))), rt(world.runtime({.tracer = by})) {}

  std::shared_ptr<catena::tracer> make(tracer_options options) const {
    options.sinks = {taken};
    options.seed = 1;
    return catena::tracer::create(std::move(options));
  }
  template <class In, class Out>
  bool answers(const catena::chain<In, Out>& c, In in, catena::run_options options = {}) {
    catena::test::outcome<Out> end;
    c.async_run(std::move(in), options, end.take());
    world.run();
    return end.answered();
  }
  auto wait(catena::duration d) const {
    return [rt_ = rt, d](int i) -> asio::awaitable<int> {
      co_await rt_.async_wait_until(rt_.now() + d, asio::use_awaitable);
      co_return i;
    };
  }

  catena::testing::manual_world world;
  std::shared_ptr<traces_taken> taken = std::make_shared<traces_taken>();
  std::shared_ptr<catena::tracer> by;
  catena::runtime rt;
};

const trace_span& span_named(const trace& t, const std::string& name) {
  const auto found = std::ranges::find(t.spans, name, &trace_span::name);
  if (found == t.spans.end()) FAIL("no span " << name);
  return *found;
}

/// As in `queue 5ms, work 3ms`.
std::string parts_of(const trace_span& s) {
  std::string text;
  for (const auto& p : s.parts)
    text += (text.empty() ? "" : ", ") + std::string(name_of(p.what)) + " " +
            std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(p.ended - p.began).count());
  return text;
}

/// All spans but the first hang under another one of the trace, and lie within the first.
void check_is_one_tree(const trace& t) {
  std::set<std::uint64_t> ids;
  for (const auto& s : t.spans) CHECK(ids.insert(s.id).second);
  for (std::size_t i = 1; i < t.spans.size(); ++i) {
    CHECK(ids.contains(t.spans[i].parent));
    CHECK(t.spans[i].began >= t.spans[0].began);
    CHECK(t.spans[i].ended <= t.spans[0].ended);
  }
}

}  // namespace

TEST_CASE("a run has a span, each of its stages one under it, and what they waited for is told apart") {
  traced_world here;
  const catena::concurrency_limit gate(here.rt, {.policy = catena::fixed_limit{.count = 1}, .line_capacity = 10});
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> catena::stage("queued", here.wait(5ms)).queue({.consumers = 1}) >> catena::stage("gated", here.wait(8ms)).limit(gate);
  });
  catena::test::outcome<int> first, second;
  c.async_run(1, first.take());
  c.async_run(2, second.take());
  here.world.run();
  REQUIRE(here.taken->all.size() == 2);
  const trace& t = *here.taken->all[1];
  check_is_one_tree(t);
  REQUIRE(t.spans.size() == 3);
  CHECK(t.spans[0].kind == span_kind::run);
  CHECK(t.spans[0].name == "c");
  CHECK(t.spans[0].parent == 0);
  CHECK(parts_of(span_named(t, "queued")) == "queue 5, work 5");
  CHECK(parts_of(span_named(t, "gated")) == "admission 3, work 8");
  CHECK(t.spans[0].ended - t.spans[0].began == 21ms);
}

TEST_CASE("a retried stage has a span for each attempt, and pauses between them are its own") {
  traced_world here;
  auto fails_twice = [rt = here.rt, n = std::make_shared<int>(0)](int i) -> asio::awaitable<catena::result<int>> {
    co_await rt.async_wait_until(rt.now() + 4ms, asio::use_awaitable);
    if (++*n <= 2) co_return catena::failure(catena::errc::unavailable);
    co_return i;
  };
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> catena::stage("flaky", fails_twice).retry({.retries = 3, .first_wait = 10ms, .jitter = catena::jitter::none});
  });
  CHECK(here.answers(c, 1));
  REQUIRE(here.taken->all.size() == 1);
  const trace& t = *here.taken->all[0];
  check_is_one_tree(t);
  REQUIRE(t.spans.size() == 5);
  const trace_span& stage = span_named(t, "flaky");
  CHECK(parts_of(stage) == "backoff 10, backoff 20");
  int failed = 0;
  std::set<std::int64_t> numbers;
  for (const auto& s : t.spans) {
    if (s.kind != span_kind::attempt) continue;
    CHECK(s.parent == stage.id);
    CHECK(parts_of(s) == "work 4");
    numbers.insert(std::get<std::int64_t>(s.attributes.at(0).second));
    failed += s.why.is(catena::errc::unavailable);
  }
  CHECK(failed == 2);
  CHECK(numbers == std::set<std::int64_t>{1, 2, 3});
}

TEST_CASE("a fallback is a span beside what it stands in for, and the run says that it is degraded") {
  traced_world here;
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> catena::stage("near", [](int) -> catena::result<int> { return catena::failure(catena::errc::busy); }).fallback(here.wait(2ms));
  });
  CHECK(here.answers(c, 1));
  const trace& t = *here.taken->all.at(0);
  check_is_one_tree(t);
  CHECK(parts_of(span_named(t, "fallback")) == "work 2");
  CHECK(span_named(t, "fallback").parent == span_named(t, "near").id);
  CHECK(std::ranges::count(t.spans[0].attributes, std::string("catena.degraded"), [](const auto& a) { return a.first; }) == 1);
}

TEST_CASE("what a stage hands on is a span of its trace, whatever is said about the stage") {
  traced_world here;
  std::vector<std::uint64_t> handed_on;
  auto look = [&handed_on, rt = here.rt](catena::call c, int i) -> asio::awaitable<int> {
    handed_on.push_back(c.trace_parent().span_number());
    co_await rt.async_wait_until(rt.now() + 1ms, asio::use_awaitable);
    co_return i;
  };
  const catena::concurrency_limit gate(here.rt, {.policy = catena::fixed_limit{.count = 1}});
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> catena::stage("plain", look) >> catena::stage("retried", look).retry({}).limit(gate).timeout(1s) >> catena::stage("queued", look).queue({});
  });
  CHECK(here.answers(c, 1));
  const trace& t = *here.taken->all.at(0);
  check_is_one_tree(t);
  CHECK(handed_on.size() == 3);
  for (const std::uint64_t span : handed_on) CHECK(std::ranges::count(t.spans, span, &trace_span::id) == 1);
}

TEST_CASE("attempts that lost are in the trace, also when the request ends at once") {
  traced_world here;
  auto slow_then_fast = [rt = here.rt, n = std::make_shared<int>(0)](int i) -> asio::awaitable<int> {
    co_await rt.async_wait_until(rt.now() + (++*n % 20 == 0 ? 1s : 1ms), asio::use_awaitable);
    co_return i;
  };
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> catena::stage("hedged", slow_then_fast).hedge({.least_count = 10, .budget = catena::retry_budget({.share = 1, .per_second = 100})});
  });
  for (int i = 0; i < 20; ++i) CHECK(here.answers(c, i));
  const trace& t = *here.taken->all.back();
  check_is_one_tree(t);
  CHECK(std::ranges::count(t.spans, span_kind::attempt, &trace_span::kind) == 2);
}

TEST_CASE("a request that left work behind has each span once") {
  traced_world here;
  const catena::concurrency_limit gate(here.rt, {.policy = catena::fixed_limit{.count = 1}});
  auto deaf = [rt = here.rt](int i) -> asio::awaitable<int> {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await rt.async_wait_until(rt.now() + 1h, asio::use_awaitable);
    co_return i;
  };
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> catena::stage("a", here.wait(1ms)).retry({}).limit(gate) >> catena::stage("deaf", deaf);
  });
  CHECK(!here.answers(c, 1, {.deadline = here.rt.now() + 10ms}));
  const trace& t = *here.taken->all.at(0);
  check_is_one_tree(t);
  CHECK(t.why == kept_for::failed);
}

TEST_CASE("a request whose time is over in a model's queue says that it waited there") {
  traced_world here;
  const auto model = catena::make_model<int, int>(here.rt, {.name = "m", .batch = {.max_size = 4, .max_delay = 1h}}, [](catena::batch<int, int>&) {});
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) { return in >> catena::stage("ask", model); });
  CHECK(!here.answers(c, 1, {.deadline = here.rt.now() + 10ms}));
  const trace& t = *here.taken->all.at(0);
  CHECK(parts_of(span_named(t, "ask")) == "batch_wait 10");
  CHECK(span_named(t, "ask").links.empty());
}

TEST_CASE("a trace has so many spans at most, and says how many are missing") {
  traced_world here({.sample_share = 1, .max_runs = 10});
  const auto c = catena::make_chain<std::vector<int>>(here.rt, "c", [&](auto in) { return in >> catena::each(catena::stage("nap", here.wait(1ms))); });
  CHECK(here.answers(c, std::vector<int>(100, 1)));
  const trace& t = *here.taken->all.at(0);
  check_is_one_tree(t);
  CHECK(t.dropped_count == 90);
  CHECK(t.spans.size() < 30);
}

TEST_CASE("a request in a batch tells how long it waited and was computed, and links to the batch") {
  traced_world here;
  const auto model = catena::make_model<int, int>(
      here.rt, {.name = "m", .version = "3", .batch = {.max_size = 4, .max_delay = 10ms}}, [&, rt = here.rt](catena::batch<int, int>& b) {
        asio::co_spawn(
            rt.get_executor(),
            [](catena::runtime r, catena::batch<int, int> later) -> asio::awaitable<void> {
              co_await r.async_wait_until(r.now() + 7ms, asio::use_awaitable);
              for (std::size_t i = 0; i < later.size(); ++i) later.answer(i, 1);
              later.done();
            }(rt, std::move(b)),
            asio::detached);
      });
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) { return in >> catena::stage("ask", model); });
  catena::test::outcome<int> first, second;
  c.async_run(1, first.take());
  here.world.advance(2ms);
  c.async_run(2, second.take());
  here.world.run();
  std::vector<const trace*> batches, requests;
  for (const auto& t : here.taken->all) (t->spans[0].kind == span_kind::batch ? batches : requests).push_back(t.get());
  REQUIRE(batches.size() == 1);
  REQUIRE(requests.size() == 2);
  CHECK(parts_of(span_named(*requests[0], "ask")) == "batch_wait 10, compute 7");
  CHECK(parts_of(span_named(*requests[1], "ask")) == "batch_wait 8, compute 7");
  for (const trace* t : requests) {
    const auto& links = span_named(*t, "ask").links;
    REQUIRE(links.size() == 1);
    CHECK(links[0].trace_id == batches[0]->id);
    CHECK(links[0].span == batches[0]->spans[0].id);
  }
  CHECK(batches[0]->spans[0].name == "m");
}

TEST_CASE("where an instance tells when it computes, what comes before and behind is transfer") {
  traced_world here;
  const auto model = catena::make_model<int, int>(here.rt, {.name = "m", .batch = {.max_delay = 0ms}}, [rt = here.rt](catena::batch<int, int>& b) {
    asio::co_spawn(
        rt.get_executor(),
        [](catena::runtime r, catena::batch<int, int> later) -> asio::awaitable<void> {
          co_await r.async_wait_until(r.now() + 2ms, asio::use_awaitable);
          later.note_computing();
          co_await r.async_wait_until(r.now() + 3ms, asio::use_awaitable);
          later.note_computing();  // once more, in parts: it goes on
          co_await r.async_wait_until(r.now() + 4ms, asio::use_awaitable);
          later.note_computed();
          co_await r.async_wait_until(r.now() + 1ms, asio::use_awaitable);
          later.answer(0, 1);
          later.done();
        }(rt, std::move(b)),
        asio::detached);
  });
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) { return in >> catena::stage("ask", model); });
  CHECK(here.answers(c, 1));
  REQUIRE(here.taken->all.size() == 2);
  for (const auto& t : here.taken->all) {
    const trace_span& s = t->spans[0].kind == span_kind::batch ? t->spans[0] : span_named(*t, "ask");
    CHECK(parts_of(s) == "transfer 2, compute 7, transfer 1");
  }
}

TEST_CASE("what a coroutine calls hangs under its stage, and what it notes is the stage's") {
  traced_world here;
  const auto inner = catena::make_chain<int>(here.rt, "inner", [&](auto in) { return in >> catena::stage("look", here.wait(3ms)); });
  auto agent = [inner, rt = here.rt](catena::call c, int i) -> asio::awaitable<int> {
    co_await rt.async_wait_until(rt.now() + 2ms, asio::use_awaitable);
    note(c, "hits", std::int64_t{4});
    co_return co_await inner(c, i);
  };
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) { return in >> catena::stage("agent", agent); });
  CHECK(here.answers(c, 1));
  REQUIRE(here.taken->all.size() == 1);
  const trace& t = *here.taken->all[0];
  check_is_one_tree(t);
  REQUIRE(t.spans.size() == 4);
  const trace_span& stage = span_named(t, "agent");
  CHECK(parts_of(stage) == "work 2");
  CHECK(span_named(t, "inner").parent == stage.id);
  CHECK(span_named(t, "inner").kind == span_kind::run);
  CHECK(span_named(t, "look").parent == span_named(t, "inner").id);
  REQUIRE(stage.attributes.size() == 1);
  CHECK(stage.attributes[0] == std::pair<std::string, catena::trace_value>{"hits", std::int64_t{4}});
}

TEST_CASE("requests that failed or took long are kept, others by their share, and the caller's word counts") {
  traced_world here({.sample_share = 0, .keep_slower_than = 10ms});
  auto worker = [rt = here.rt](int ms) -> asio::awaitable<catena::result<int>> {
    co_await rt.async_wait_until(rt.now() + ms * 1ms, asio::use_awaitable);
    if (ms == 1) co_return catena::failure(catena::errc::busy);
    co_return ms;
  };
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) { return in >> catena::stage("work", worker); });
  CHECK(here.answers(c, 5));
  CHECK(here.taken->all.empty());
  CHECK(here.by->seen().dropped == 1);
  CHECK(here.answers(c, 11));
  CHECK(!here.answers(c, 1));
  catena::trace_context parent;
  parent.trace_id[0] = std::byte{7};
  parent.set_span(99);
  parent.flags = 1;
  CHECK(here.answers(c, 5, {.trace_parent = parent}));
  REQUIRE(here.taken->all.size() == 3);
  CHECK(here.taken->all[0]->why == kept_for::slow);
  CHECK(here.taken->all[1]->why == kept_for::failed);
  CHECK(here.taken->all[1]->spans[0].why.is(catena::errc::busy));
  CHECK(span_named(*here.taken->all[1], "work").why.is(catena::errc::busy));
  CHECK(here.taken->all[2]->why == kept_for::sampled);
  CHECK(here.taken->all[2]->id == parent.trace_id);
  CHECK(here.taken->all[2]->spans[0].parent == 99);
}

TEST_CASE("when all requests fail, so many of them are kept in a second, and those that are sampled anyway") {
  traced_world here({.sample_share = 0, .max_kept_per_second = 3});
  const auto c = catena::make_chain<int>(here.rt, "c", [](auto in) {
    return in >> catena::stage("fail", [](int) -> catena::result<int> { return catena::failure(catena::errc::busy); });
  });
  for (int i = 0; i < 10; ++i) CHECK(!here.answers(c, 1));
  CHECK(here.taken->all.size() == 3);
  CHECK(here.by->seen().limited == 7);
  CHECK(here.by->seen().dropped == 0);
  catena::trace_context parent;
  parent.trace_id[0] = std::byte{7};
  parent.flags = 1;
  CHECK(!here.answers(c, 1, {.trace_parent = parent}));
  CHECK(here.taken->all.back()->why == kept_for::sampled);
  here.world.advance(1s);
  for (int i = 0; i < 10; ++i) CHECK(!here.answers(c, 1));
  CHECK(here.taken->all.size() == 7);

  traced_world all({.sample_share = 0, .max_kept_per_second = 0});
  const auto other = catena::make_chain<int>(all.rt, "c", [](auto in) {
    return in >> catena::stage("fail", [](int) -> catena::result<int> { return catena::failure(catena::errc::busy); });
  });
  for (int i = 0; i < 200; ++i) CHECK(!all.answers(other, 1));
  CHECK(all.taken->all.size() == 200);
}

TEST_CASE("a cache's outcome, the chosen replica, the deadline that was left and a batch's reason are told") {
  traced_world here;
  const catena::cache<int> kept(here.rt, {.name = "kept"});
  catena::replica_pool<int, int> pool(here.rt, {.name = "pool"});
  pool.add(catena::stage("near", here.wait(2ms)));
  const auto model = catena::make_model<int, int>(here.rt, {.name = "m"}, [](catena::batch<int, int>& b) {
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i));
  });
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> catena::stage("ask", pool).cache(kept) >> catena::stage("score", model);
  });
  for (int i = 0; i < 2; ++i) CHECK(here.answers(c, 1, {.deadline = here.rt.now() + 10ms}));
  std::vector<const trace*> requests;
  std::string why;
  for (const auto& t : here.taken->all) {
    if (t->spans[0].kind == span_kind::run) requests.push_back(t.get());
    else why = std::get<std::string>(t->spans[0].attributes.back().second);
  }
  REQUIRE(requests.size() == 2);
  const auto told = [](const trace_span& s) {
    std::map<std::string, catena::trace_value> all(s.attributes.begin(), s.attributes.end());
    return all;
  };
  CHECK(std::get<std::string>(told(span_named(*requests[0], "ask"))["catena.cache"]) == "miss");
  CHECK(std::get<std::string>(told(span_named(*requests[0], "ask"))["catena.choice"]) == "near");
  CHECK(std::get<std::string>(told(span_named(*requests[1], "ask"))["catena.cache"]) == "hit");
  CHECK(std::get<double>(told(requests[0]->spans[0])["catena.deadline_left_seconds"]) == Catch::Approx(0.008));
  CHECK(!why.empty());
}

TEST_CASE("whatever a request goes through, its trace is one tree, and along its stages the parts add up to the whole") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    traced_world here;
    std::mt19937_64 random(seed);
    const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<std::uint64_t>(n)); };
    const auto model = catena::make_model<int, int>(here.rt, {.name = "m", .batch = {.max_size = 4, .max_delay = pick(3) * 1ms}},
                                                    [](catena::batch<int, int>& b) {
                                                      for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i));
                                                    });
    auto flaky = [rt = here.rt, &random](int i) -> asio::awaitable<catena::result<int>> {
      co_await rt.async_wait_until(rt.now() + static_cast<int>(random() % 5) * 1ms, asio::use_awaitable);
      if (random() % 3 == 0) co_return catena::failure(catena::errc::unavailable);
      co_return i;
    };
    const auto inner = catena::make_chain<int>(here.rt, "inner", [&](auto in) {
      return in >> catena::stage("try", flaky).retry({.retries = 3, .first_wait = 1ms}).timeout(20ms).fallback([](int i) { return i; });
    });
    const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) {
      auto a = in >> catena::stage("queued", here.wait(pick(4) * 1ms)).queue({.consumers = 1});
      auto b = a >> catena::stage("inner", inner).retry({.retries = 1});
      auto d = a >> catena::stage("model", model).hedge({.extra = 1});
      return catena::join(b, d) >> catena::stage("sum", [](int x, int y) { return x + y; });
    });
    std::vector<std::unique_ptr<catena::test::outcome<int>>> ends;
    for (int i = 0; i < 4; ++i) c.async_run(i, {.deadline = here.rt.now() + (pick(4) == 0 ? 5ms : 1s)}, ends.emplace_back(std::make_unique<catena::test::outcome<int>>())->take());
    here.world.run();
    INFO("seed " << seed);
    int requests = 0;
    for (const auto& t : here.taken->all) {
      if (t->spans[0].kind == span_kind::batch) continue;
      ++requests;
      check_is_one_tree(*t);
      for (const auto& s : t->spans) {
        if (s.kind == span_kind::run) continue;
        catena::duration told{};
        for (const auto& p : s.parts) told += p.ended - p.began;
        catena::duration under{};
        bool is_parallel = false;
        time_point last{};
        for (const auto& child : t->spans) {
          if (child.parent != s.id) continue;
          is_parallel = is_parallel || child.began < last || child.ended == time_point{};
          last = child.ended;
          under += child.ended - child.began;
        }
        if (!is_parallel && told + under != s.ended - s.began) FAIL_CHECK("parts of " << s.name << ": " << parts_of(s));
      }
    }
    CHECK(requests == 4);
  }
}
