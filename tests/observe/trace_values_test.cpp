// SPDX-License-Identifier: BSL-1.0
/// \file
/// What traces are told of values: hashes and what redactors let through, and nothing without them.
#include <catena/cache.hpp>
#include <catena/chain.hpp>
#include <catena/incident/notifier.hpp>
#include <catena/observe/metrics.hpp>
#include <catena/observe/tracer.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using catena::trace_value;

struct values_seen final : catena::trace_sink {
  void take(std::shared_ptr<const catena::trace> t) noexcept override { all.push_back(std::move(t)); }
  std::vector<std::shared_ptr<const catena::trace>> all;
};

struct values_world {
  explicit values_world(catena::tracer_options options = {.sample_share = 1}) : rt(world.runtime({.tracer = with_sink(std::move(options))})) {}

  std::shared_ptr<catena::tracer> with_sink(catena::tracer_options options) const {
    options.sinks = {taken};
    return catena::tracer::create(std::move(options));
  }
  template <class In, class Out>
  catena::test::outcome<Out> ask(const catena::chain<In, Out>& c, In in) {
    catena::test::outcome<Out> end;
    c.async_run(std::move(in), end.take());
    world.run();
    return end;
  }
  /// Of the stage's span in the last trace; null: it has none of that name.
  const trace_value* attribute(const std::string& stage, const std::string& name) const {
    for (const auto& span : taken->all.back()->spans) {
      if (span.name != stage) continue;
      for (const auto& [own, value] : span.attributes)
        if (own == name) return &value;
    }
    return nullptr;
  }
  std::string text(const std::string& stage, const std::string& name) const {
    const trace_value* found = attribute(stage, name);
    return found && std::holds_alternative<std::string>(*found) ? std::get<std::string>(*found) : "no text";
  }
  /// Whether any of the last trace's texts has it in it.
  bool shows(const std::string& what) const {
    for (const auto& span : taken->all.back()->spans) {
      if (span.name.find(what) != span.name.npos || span.why.to_string().find(what) != std::string::npos) return true;
      for (const auto& [name, value] : span.attributes)
        if (const auto* t = std::get_if<std::string>(&value); t && t->find(what) != t->npos) return true;
    }
    return false;
  }

  catena::testing::manual_world world;
  std::shared_ptr<values_seen> taken = std::make_shared<values_seen>();
  catena::runtime rt;
};

std::string greet(const std::string& name) { return "dear " + name; }
std::size_t length_of(const std::string& s) { return s.size(); }

auto greeting(const catena::runtime& rt) {
  return catena::make_chain<std::string>(rt, "c", [](auto in) { return in >> catena::stage("greet", &greet).trace_hash(); });
}

}  // namespace

TEST_CASE("a stage's answer leaves its hash in the trace, the same for the same answer, and nothing of itself") {
  values_world here;
  const auto c = greeting(here.rt);
  REQUIRE(here.ask(c, std::string("ada")).answered());
  const std::string first = here.text("greet", "catena.output.hash");
  CHECK(first.size() == 32);
  CHECK(first.find_first_not_of("0123456789abcdef") == first.npos);
  CHECK_FALSE(here.shows("ada"));
  here.ask(c, std::string("ada"));
  CHECK(here.text("greet", "catena.output.hash") == first);
  here.ask(c, std::string("bob"));
  CHECK(here.text("greet", "catena.output.hash") != first);
}

TEST_CASE("hashes in traces are the same in two services that have the same key, and nobody else can make them") {
  const auto hash_with = [](std::array<std::uint64_t, 2> key, std::size_t size) {
    values_world here({.sample_share = 1, .hash_key = key});
    here.ask(greeting(here.rt), std::string(size, 'x'));
    return here.text("greet", "catena.output.hash");
  };
  for (const std::size_t size : {1, 100, 5000}) {
    CHECK(hash_with({1, 2}, size) == hash_with({1, 2}, size));
    CHECK(hash_with({1, 2}, size) != hash_with({1, 3}, size));
    CHECK(hash_with({1, 2}, size) != hash_with({2, 2}, size));
    CHECK(hash_with({}, size) != hash_with({}, size));
    catena::hasher open;
    open.append("dear " + std::string(size, 'x'));
    CHECK(to_hex(open.finish()) != hash_with({1, 2}, size));
  }
}

TEST_CASE("the hash of an answer is the same whether it was computed or found in a cache") {
  values_world here;
  const catena::cache<std::string> kept(here.rt);
  const auto c = catena::make_chain<std::string>(here.rt, "c", [&](auto in) {
    return in >> catena::stage("greet", &greet).cache(kept).trace_hash();
  });
  here.ask(c, std::string("ada"));
  const std::string first = here.text("greet", "catena.output.hash");
  CHECK(first.size() == 32);
  CHECK(here.text("greet", "catena.cache") != "hit");
  here.ask(c, std::string("ada"));
  CHECK(here.text("greet", "catena.cache") == "hit");
  CHECK(here.text("greet", "catena.output.hash") == first);
}

TEST_CASE("redactors say what traces show of inputs and answers: text, numbers, under the names they are given") {
  values_world here;
  const auto c = catena::make_chain<std::string>(here.rt, "c", [](auto in) {
    const auto first = in >> catena::stage("greet", &greet).trace_output([](const std::string&) { return "a greeting"; }, "app.kind");
    return catena::join(in, first) >> catena::stage("add", [](const std::string& a, const std::string& b) { return a.size() + b.size(); })
                                          .trace_inputs([](const std::string& a, const std::string& b) { return a.size() * b.size(); })
                                          .trace_output([](std::size_t n) { return n > 10; });
  });
  REQUIRE(here.ask(c, std::string("ada")).answered());
  CHECK(here.text("greet", "app.kind") == "a greeting");
  REQUIRE(here.attribute("add", "catena.inputs"));
  CHECK(*here.attribute("add", "catena.inputs") == trace_value(std::int64_t{24}));
  REQUIRE(here.attribute("add", "catena.output"));
  CHECK(*here.attribute("add", "catena.output") == trace_value(true));
  CHECK_FALSE(here.shows("ada"));
}

TEST_CASE("what traces show of an answer is the last word on it: after retries, and of the fallback that answered") {
  values_world here;
  int calls = 0;
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> catena::stage("score", [&, rt = here.rt](catena::call, int) -> asio::awaitable<int> {
                   co_await rt.async_wait_until(rt.now() + 1ms, asio::use_awaitable);
                   ++calls;
                   throw std::runtime_error("no");
                 })
                     .retry({.retries = 2})
                     .fallback([](int i) { return -i; })
                     .trace_inputs([](int i) { return i; })
                     .trace_output([](int i) { return i; });
  });
  auto end = here.ask(c, 7);
  REQUIRE(end.answered());
  CHECK(end.value() == -7);
  CHECK(calls == 3);
  CHECK(*here.attribute("score", "catena.inputs") == trace_value(std::int64_t{7}));
  CHECK(*here.attribute("score", "catena.output") == trace_value(std::int64_t{-7}));
}

TEST_CASE("a run that waits for a person shows what the person decided") {
  values_world here;
  std::string token;
  const catena::notifier us({.sinks = {[&](const catena::incident& what) { token = what.parked.value().token; }}});
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> catena::stage("pay", [](int) -> catena::result<int> { return catena::failure(catena::errc::busy); })
                     .notify(us, {.park = catena::park_options{.limit = 1h, .time = 10s}})
                     .trace_inputs([](int i) { return i; })
                     .trace_output([](int i) { return i; });
  });
  catena::test::outcome<int> end;
  c.async_run(7, end.take());
  here.world.run_until_idle();
  REQUIRE(end.why().is(catena::errc::parked));
  REQUIRE(here.rt.decide(token, catena::decision::use(9)).has_value());
  here.world.run();
  REQUIRE(!here.taken->all.empty());
  CHECK(*here.attribute("pay", "catena.inputs") == trace_value(std::int64_t{7}));
  CHECK(*here.attribute("pay", "catena.output") == trace_value(std::int64_t{9}));
}

TEST_CASE("one that is cancelled, or left behind at its time, shows its inputs and no answer, and nothing is left of it") {
  values_world here;
  int ended = 0;
  const auto slow = [rt = here.rt, &ended](catena::call, int i) -> asio::awaitable<int> {
    co_await rt.async_wait_until(rt.now() + 1h, asio::use_awaitable);
    ++ended;
    co_return i;
  };
  const auto c = catena::make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> catena::stage("slow", slow).timeout(5ms).trace_inputs([](int i) { return i; }).trace_output([](int i) { return i; });
  });
  auto end = here.ask(c, 7);
  CHECK(end.why().is(catena::errc::timed_out));
  CHECK(here.attribute("slow", "catena.inputs"));
  CHECK_FALSE(here.attribute("slow", "catena.output"));
  catena::test::outcome<int> early;
  const auto whole = catena::make_chain<int>(here.rt, "c", [&](auto in) { return in >> catena::stage("slow", slow).trace_output([](int i) { return i; }); });
  whole.async_run(1, {.deadline = here.rt.now() + 3ms}, early.take());
  here.world.run();
  CHECK(early.why().is(catena::errc::deadline_exceeded));
  CHECK_FALSE(here.attribute("slow", "catena.output"));
  CHECK(ended == 0);
}

TEST_CASE("a stage that leaves something in traces has the same names in failures and metrics as without") {
  const auto path_with = [](catena::testing::manual_world& world, const catena::runtime& rt) {
    const auto c = catena::make_chain<int>(rt, "c", [](auto in) {
      return in >> catena::stage("ask", [](const int&) -> catena::result<int> { return catena::failure(catena::errc::busy); })
                       .retry({.retries = 1})
                       .queue({.consumers = 1})
                       .trace_hash();
    });
    catena::test::outcome<int> end;
    c.async_run(1, end.take());
    world.run();
    std::string names = end.why().to_string();
    const catena::metric_set told = rt.metrics();
    for (const auto& [name, family] : told.families())
      for (const auto& [labels, series] : family.all) names += "\n" + std::string(name) + "{" + labels + "}";
    return names;
  };
  catena::testing::manual_world plain, traced;
  const std::string without = path_with(plain, plain.runtime({.metrics = std::make_shared<catena::metrics>()}));
  CHECK(without.find("c/ask") != without.npos);
  const auto rt = traced.runtime({.metrics = std::make_shared<catena::metrics>(), .tracer = catena::tracer::create({.sample_share = 1})});
  std::string with = path_with(traced, rt);
  std::string kept;
  for (std::size_t at = 0; at < with.size();) {
    const std::size_t next = std::min(with.find('\n', at), with.size());
    if (with.substr(at, next - at).find("catena_traces") == std::string::npos) kept += (kept.empty() ? "" : "\n") + with.substr(at, next - at);
    at = next + 1;
  }
  CHECK(kept == without);
}

TEST_CASE("a stage that fails shows its inputs and no answer") {
  values_world here;
  const auto c = catena::make_chain<int>(here.rt, "c", [](auto in) {
    return in >> catena::stage("score", [](int) -> int { throw std::runtime_error("no"); })
                     .trace_hash()
                     .trace_inputs([](int i) { return i; })
                     .trace_output([](int i) { return i; });
  });
  CHECK_FALSE(here.ask(c, 7).answered());
  CHECK(here.attribute("score", "catena.inputs"));
  CHECK_FALSE(here.attribute("score", "catena.output"));
  CHECK_FALSE(here.attribute("score", "catena.output.hash"));
}

TEST_CASE("a redactor that throws keeps what it was given to itself, and the run goes on") {
  values_world here;
  const auto c = catena::make_chain<std::string>(here.rt, "c", [](auto in) {
    return in >> catena::stage("greet", &greet).trace_output([](const std::string& s) -> std::string { throw std::runtime_error(s); });
  });
  auto end = here.ask(c, std::string("ada"));
  REQUIRE(end.answered());
  CHECK(end.value() == "dear ada");
  CHECK(here.text("greet", "catena.redacting") == "failed");
  CHECK_FALSE(here.shows("ada"));
}

TEST_CASE("where nobody records a request, no redactor is asked") {
  int asked = 0;
  const auto ask_in = [&](const catena::runtime& rt, catena::testing::manual_world& world) {
    const auto c = catena::make_chain<std::string>(rt, "c", [&](auto in) {
      return in >> catena::stage("greet", &length_of).trace_output([&](std::size_t) { return ++asked; });
    });
    catena::test::outcome<std::size_t> end;
    c.async_run(std::string("ada"), end.take());
    world.run();
    REQUIRE(end.answered());
  };
  catena::testing::manual_world plain;
  ask_in(plain.runtime(), plain);
  CHECK(asked == 0);
  catena::testing::manual_world traced;
  const auto none_kept = catena::tracer::create({.sample_share = 0, .keep_failed = false});
  ask_in(traced.runtime({.tracer = none_kept}), traced);
  CHECK(asked == 0);
  catena::testing::manual_world kept;
  ask_in(kept.runtime({.tracer = catena::tracer::create({.sample_share = 1})}), kept);
  CHECK(asked == 1);
}

TEST_CASE("a stage that leaves something in traces still moves what is its own") {
  values_world here;
  const auto c = catena::make_chain<int>(here.rt, "c", [](auto in) {
    return in >> catena::stage("make", [](int i) { return std::make_unique<int>(i); }).trace_hash() >>
           catena::stage("take", [](std::unique_ptr<int> p) { return *p + 1; }).trace_inputs([](const std::unique_ptr<int>& p) { return *p; });
  });
  auto end = here.ask(c, 4);
  REQUIRE(end.answered());
  CHECK(end.value() == 5);
  CHECK(here.text("make", "catena.output.hash").size() == 32);
  CHECK(*here.attribute("take", "catena.inputs") == trace_value(std::int64_t{4}));
}
