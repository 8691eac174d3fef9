// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/budget.hpp>
#include <catena/llm/chat_model.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "llm/support/chat_world.hpp"

#include "support/sanitized.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using llm::money;
using llm::spending;
using test::chat_world;

namespace {

llm::budget_reservation reserved(const llm::budget& b, const spending& most, const run_options& within = {}) { return b.reserve(most, within).value(); }

/// What a provider bills, by a ledger of its own: whatever it has begun to answer, though its client may have gone or lose the answer.
struct billing_provider {
  explicit billing_provider(std::uint64_t seed) : random(seed) {}

  test::answer_each::reply answer(const std::string& request) {
    const std::size_t body = request.size() - request.find("\r\n\r\n") - 4;
    const std::size_t field = request.find("\"max_tokens\":");
    const auto most = std::stoll(request.substr(field + 13));
    const auto after = std::chrono::milliseconds(below(400));
    if (below(10) == 0) return {after, test::answer("503 Service Unavailable", "busy")};
    const auto input = 1 + below(static_cast<std::int64_t>(body));
    const auto cached = below(input + 1);
    const auto output = 1 + below(most);
    billed.tokens += input + output;
    billed.cost += prices.at("m", {}).of({.input = input, .cached_input = cached, .output = output});
    if (below(10) == 0) return {after, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{", true};
    const std::string used = below(10) == 0 ? ""
                                            : R"("usage":{"prompt_tokens":)" + std::to_string(input) + R"(,"prompt_cache_hit_tokens":)" + std::to_string(cached) +
                                                  R"(,"completion_tokens":)" + std::to_string(output) + "}";
    return {after, chat_world::ok(chat_world::completion(R"({"content":"yes"})", used))};
  }
  std::int64_t below(std::int64_t n) { return std::uniform_int_distribution<std::int64_t>(0, n - 1)(random); }

  std::mt19937_64 random;
  llm::price_table prices{{{.model = "m", .price = {money::of(2), money::of(0.1), money::of(9)}}}};
  spending billed = {};
};

/// A caller who may give up at any time.
struct caller {
  test::outcome<llm::answer> end;
  boost::asio::cancellation_signal stop;
};

}  // namespace

TEST_CASE("what has been reserved is taken until its call says how much that was, and what it did not take is there again") {
  chat_world w;
  const llm::budget b(*w.rt, {.total = {.tokens = 100}});
  auto one = reserved(b, {.tokens = 60});
  CHECK(b.total() == llm::budget_state{.reserved = {.tokens = 60}});
  CHECK(b.reserve({.tokens = 41}, {}).error().is(errc::budget_exceeded));
  {
    const auto forgotten = reserved(b, {.tokens = 10});
  }
  CHECK(b.total() == llm::budget_state{.spent = {.tokens = 10}, .reserved = {.tokens = 60}});
  one.settle({.tokens = 25});
  CHECK(b.total() == llm::budget_state{.spent = {.tokens = 35}});
  reserved(b, {.tokens = 65}).release();
  CHECK(b.total() == llm::budget_state{.spent = {.tokens = 35}});
}

TEST_CASE("a budget says which limit would be passed, and when there may be enough") {
  chat_world w;
  const llm::budget b(*w.rt, {.name = "april", .per_run = {.tokens = 50}, .per_tenant = {.cost = money::of(1)}, .total = {.tokens = 240}, .period = 24h});
  CHECK_THAT(b.reserve({.tokens = 51}, {}).error().to_string(),
             ContainsSubstring("the budget 'april' has 50 tokens of 50 tokens left for one run, and the call may take 51 tokens"));
  CHECK_THAT(b.reserve({.cost = money::of(1.5)}, {.tenant = 7}).error().message(), ContainsSubstring("1 of money of 1 of money left for tenant 7, and the call may take 1.5"));
  for (int i = 0; i < 5; ++i) reserved(b, {.tokens = 48});
  const failure full = b.reserve({.tokens = 10}, {}).error();
  CHECK_THAT(full.message(), ContainsSubstring("left for all together"));
  CHECK(full.retry_after() == 1h);
  w.world.advance(1h - 1ns);
  CHECK(b.reserve({.tokens = 10}, {}).error().retry_after() == 1ns);
  w.world.advance(1ns);
  CHECK(b.reserve({.tokens = 10}, {}).has_value());
}

TEST_CASE("a run's budget does not come back, and holds for all that it calls") {
  chat_world w;
  const llm::budget b(*w.rt, {.per_run = {.tokens = 100}, .most_runs = 2});
  reserved(b, {.tokens = 80}, {.id = 1});
  w.world.advance(48h);
  CHECK(b.reserve({.tokens = 21}, {.id = 1}).error().is(errc::budget_exceeded));
  CHECK(b.reserve({.tokens = 21}, {.id = 2}).has_value());
  const auto held = reserved(b, {.tokens = 20}, {.id = 1});
  reserved(b, {.tokens = 1}, {.id = 3});
  CHECK(b.of_run(1).spent.tokens == 80);
  CHECK(b.of_run(2) == llm::budget_state{});
}

TEST_CASE("who has taken what does not come back for centuries is not told to try again at once") {
  chat_world w;
  for (std::int64_t taken = 1'000'000'000'000; taken <= 1'000'000'000'000'000; taken *= 2) {
    const llm::budget b(*w.rt, {.total = {.tokens = 1000}, .period = 24h});
    reserved(b, {.tokens = 10}).settle({.tokens = taken});
    const failure why = b.reserve({.tokens = 10}, {}).error();
    CHECK(why.is(errc::budget_exceeded));
    CHECK(why.retry_after() == duration{});
  }
}

TEST_CASE("a budget remembers no more runs for being behind such as have calls in flight") {
  chat_world w;
  const llm::budget b(*w.rt, {.per_run = {.tokens = 100}, .most_runs = 2});
  std::vector<llm::budget_reservation> in_flight;
  for (std::uint64_t run = 1; run <= 40; ++run) in_flight.push_back(reserved(b, {.tokens = 1}, {.id = run}));
  for (std::uint64_t run = 101; run <= 1100; ++run) reserved(b, {.tokens = 1}, {.id = run});
  std::size_t remembered = 0;
  for (std::uint64_t run = 101; run <= 1100; ++run) remembered += b.of_run(run) != llm::budget_state{};
  CHECK(remembered <= 8);
  CHECK(b.of_run(1).reserved.tokens == 1);
}

TEST_CASE("a call that did not reach its server costs nothing, and one whose cost nobody says costs what it may") {
  chat_world w;
  const llm::budget b(*w.rt, {.total = {.tokens = 1'000'000}});
  auto o = w.options();
  o.budget = b;
  o.settings.max_tokens = 100;
  SECTION("nobody listens") {
    o.base_url = "http://localhost:81";
    const llm::chat_model chat(*w.rt, o);
    CHECK(w.await(chat.ask({}, {llm::message::user("x")})).error().is(errc::unavailable));
    CHECK(b.total() == llm::budget_state{});
  }
  SECTION("the usage is told") {
    w.answers("yes", R"("usage":{"prompt_tokens":7,"completion_tokens":3})");
    const llm::chat_model chat(*w.rt, o);
    CHECK(w.await(chat.ask({}, {llm::message::user("x")})).has_value());
    CHECK(b.total().spent.tokens == 10);
    CHECK(b.total().reserved == spending{});
  }
  SECTION("the usage is not told") {
    w.answers("yes");
    const llm::chat_model chat(*w.rt, o);
    CHECK(w.await(chat.ask({}, {llm::message::user("x")})).has_value());
    CHECK(b.total().spent.tokens > 100);
  }
  SECTION("the stream is cut off") {
    w.server->next({test::await_request{}, test::send{"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + test::token("a")}, test::hang_up{}});
    const llm::chat_model chat(*w.rt, o);
    auto opened = w.await(chat.open({}, {llm::message::user("x")}));
    CHECK(w.await(opened->rest()).error().is(errc::bad_response));
    opened = failure(errc::cancelled);
    CHECK(b.total().spent.tokens > 100);
  }
}

TEST_CASE("a call that its server refuses costs nothing, and one that fails behind it costs what it may") {
  for (const auto& [status, is_free] : {std::pair{"429 Too Many Requests", true}, {"402 Payment Required", true}, {"503 Service Unavailable", true}, {"502 Bad Gateway", false}}) {
    CAPTURE(status);
    chat_world w;
    w.server->next({test::await_request{}, test::send{test::answer(status, "")}, test::stall{}});
    auto o = w.options();
    o.budget = llm::budget(*w.rt, {.total = {.tokens = 1'000'000}});
    o.settings.max_tokens = 100;
    CHECK(w.await(llm::chat_model(*w.rt, o).ask({}, {llm::message::user("x")})).has_error());
    CHECK((o.budget->total() == llm::budget_state{}) == is_free);
  }
}

TEST_CASE("what is streamed is taken from the budget of its run and its tenant") {
  chat_world w;
  w.streams({"a", "b"}, 1ms);
  auto o = w.options();
  o.budget = llm::budget(*w.rt, {.per_run = {.tokens = 10'000}});
  o.settings.max_tokens = 100;
  const llm::chat_model chat(*w.rt, o);
  auto chain = make_chain<std::string>(*w.rt, "ask", [&](auto in) { return in >> stage("ask", chat.streamed<std::string>()) >> stage("join", llm::whole); });
  CHECK(w.run(chain, std::string("x"), {.tenant = 7, .id = 42}).has_value());
  CHECK(o.budget->of_run(42).spent.tokens == 7);
  CHECK(o.budget->of_tenant(7).spent.tokens == 7);
  CHECK(o.budget->of_tenant(0) == llm::budget_state{});
}

TEST_CASE("a reservation that takes another one's place gives its own back") {
  chat_world w;
  const llm::budget b(*w.rt, {.total = {.tokens = 1000}});
  auto r = reserved(b, {.tokens = 900}, {.tenant = 1});
  r = reserved(b, {.tokens = 50}, {.tenant = 2});
  CHECK(b.total() == llm::budget_state{.spent = {.tokens = 900}, .reserved = {.tokens = 50}});
  CHECK(b.of_tenant(1).reserved == spending{});
  r.release();
  CHECK(b.of_tenant(2) == llm::budget_state{});
}

TEST_CASE("under a budget a call says how much it may take, and a limit on money needs a price") {
  chat_world w;
  auto o = w.options();
  o.budget = llm::budget(*w.rt, {.total = {.cost = money::of(1)}});
  CHECK_THROWS_WITH(llm::chat_model(*w.rt, o), ContainsSubstring("settings.max_tokens is missing"));
  o.settings.max_tokens = 10;
  CHECK_NOTHROW(llm::chat_model(*w.rt, o).with({.max_tokens = 7}));
  CHECK_THROWS_WITH(llm::chat_model(*w.rt, o).with({}), ContainsSubstring("max_tokens is missing"));
  o.model = "somebody's";
  CHECK_THROWS_WITH(llm::chat_model(*w.rt, o), ContainsSubstring("has no price for 'somebody's'"));
}

TEST_CASE("two hundred callers with cancels, errors and lost usage never pass a budget together by the provider's own ledger, over many seeds") {
  const std::uint64_t seeds = test::is_sanitized ? 5 : 40;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    chat_world w(test::wire::plain, seed);
    billing_provider provider(seed);
    w.server->next({test::answer_each{[&](const std::string& request) { return provider.answer(request); }}});
    const spending limit{.tokens = 20'000 + provider.below(60'000), .cost = money::of(0.5)};
    const llm::budget b(*w.rt, {.per_run = {.tokens = 2000}, .total = limit, .period = std::chrono::hours(24 * 365 * 100)});
    auto o = w.options();
    o.provider.prices = provider.prices;
    o.model = "m";
    o.budget = b;
    o.limit = fixed_limit{static_cast<std::size_t>(5 + provider.below(200))};
    o.settings.max_tokens = 1;
    const llm::chat_model chat(*w.rt, o);
    std::deque<caller> callers(200);
    std::size_t refused = 0;
    for (caller& c : callers) {
      const llm::chat_model asked = chat.with({.max_tokens = 1 + provider.below(1500)});
      const run_options how{.deadline = provider.below(5) == 0 ? w.world.now() + std::chrono::milliseconds(provider.below(500)) : no_deadline,
                            .id = 1 + static_cast<std::uint64_t>(provider.below(100))};
      w.start(asked.ask(how, {llm::message::user(std::string(static_cast<std::size_t>(1 + provider.below(800)), 'x'))}), c.end, c.stop.slot());
      w.world.advance(0ns);  // Asio cannot cancel a coroutine that has not begun
      if (provider.below(4) == 0) w.world.advance(std::chrono::milliseconds(provider.below(20)));
      if (provider.below(6) == 0) callers[static_cast<std::size_t>(provider.below(200))].stop.emit(boost::asio::cancellation_type::terminal);
    }
    w.world.run_until([&] { return std::ranges::all_of(callers, [](const caller& c) { return c.end.count() != 0; }); });
    for (caller& c : callers) refused += c.end.why().is(errc::budget_exceeded);
    w.world.advance(1s);
    CHECK(refused > 0);
    CHECK(provider.billed.tokens <= limit.tokens);
    CHECK(provider.billed.cost <= limit.cost);
    CHECK(b.total().reserved == spending{});
    CHECK(b.total().spent.tokens >= provider.billed.tokens);
    CHECK(b.total().spent.tokens <= limit.tokens);
    for (std::uint64_t run = 1; run <= 100; ++run) CHECK(b.of_run(run).spent.tokens <= 2000);
  }
}
