// SPDX-License-Identifier: BSL-1.0
/// \file
/// Runs that wait for a person: .notify with notify_options::park, runtime::decide, tickets.
#include <catena/balance.hpp>
#include <catena/chain.hpp>
#include <catena/incident/parking_lot.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/version/versions.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <chrono>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/faults.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;
using Catch::Matchers::ContainsSubstring;

/// Keeps the records, as a store that outlives the process would.
struct remembering_store final : parking_store {
  void parked(const parked_record& record) override {
    if (refuses) throw std::runtime_error("the store is down");
    records[record.token_hash] = record;
  }
  void ended(const std::string& hash) noexcept override { records.erase(hash); }
  std::map<std::string, parked_record> records;
  bool refuses = false;
};

/// Counts what it has given and not got back.
template <class T>
struct live_allocator {
  using value_type = T;
  explicit live_allocator(std::shared_ptr<int> count) : live(std::move(count)) {}
  template <class U>
  live_allocator(const live_allocator<U>& other) : live(other.live) {}  // NOLINT
  T* allocate(std::size_t n) {
    ++*live;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) {
    --*live;
    std::allocator<T>().deallocate(p, n);
  }
  bool operator==(const live_allocator&) const = default;
  std::shared_ptr<int> live;
};

struct park_world {
  /// Fails so often, then answers what it is given.
  static auto failing(int times, failure why = failure(errc::expired, "no")) {
    return [left = std::make_shared<int>(times), why](const int& i) -> result<int> {
      if (*left == 0) return i;
      --*left;
      return why;
    };
  }
  [[nodiscard]] auto sleeping(duration d) const {
    return [rt = rt, d](call, const int& i) -> asio::awaitable<int> {
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      co_return i + 100;
    };
  }
  template <class Write>
  [[nodiscard]] chain<int, int> written(Write write) const {
    return make_chain<int>(rt, "c", std::move(write));
  }
  template <class Stage>
  [[nodiscard]] chain<int, int> one(Stage s) const {
    return written([&](auto in) { return in >> std::move(s); });
  }
  test::outcome<int>& begin(const chain<int, int>& c, int in = 1, run_options options = {}) {
    auto& end = ends.emplace_back();
    c.async_run(in, options, end.take());
    world.run_until_idle();
    return end;
  }
  /// Waits for what a ticket promises.
  test::outcome<int>& claim(const test::outcome<int>& parked) {
    auto& end = ends.emplace_back();
    ticket::of(parked.why()).value().async_answer<int>(end.take());
    world.run_until_idle();
    return end;
  }
  [[nodiscard]] const std::string& token(std::size_t i = 0) const { return told.at(i).parked.value().token; }
  result<void> decide(decision d, std::size_t i = 0) {
    auto answer = rt.decide(token(i), std::move(d));
    world.run_until_idle();
    return answer;
  }

  testing::manual_world world;
  std::shared_ptr<remembering_store> store = std::make_shared<remembering_store>();
  runtime rt = world.runtime({.most_parked = 3, .parked_runs = store});
  std::deque<test::outcome<int>> ends;
  std::vector<incident> told;
  std::vector<incident> dead;
  notifier us{{.sinks = {[this](const incident& what) { told.push_back(what); }},
               .dead_letters = {[this](const incident& what) { dead.push_back(what); }}}};
  notify_options parking{.park = park_options{.limit = 1h, .time = 10s}};
};

/// What the README shows.
namespace park_shown {

// [pay]
struct payment { std::string to; int cents; };
std::string incident_text(const payment& p) { return std::to_string(p.cents) + " to " + p.to; }   // it may be told of

auto make_pay_chain(const runtime& rt, const notifier& us, result<std::string> (*pay)(const payment&)) {
  const park_options ask{.limit = 2h, .on_limit = decision::fail("nobody was there"), .time = 30s};
  return make_chain<payment>(rt, "pay", [&](auto in) {
    return in >> stage("transfer", pay).retry({.retries = 2}).notify(us, {.park = ask});
  });
}
// [/pay]

// [park]
void answer(const result<std::string>& paid) {
  if (const auto claim = ticket::of(paid)) claim->async_answer<std::string>(answer);  // errc::parked: later, then
  else if (paid) std::puts(paid->c_str());
}
// [/park]

}  // namespace park_shown

}  // namespace

TEST_CASE("the payment that the README shows waits for a person and is made when it is tried again") {
  testing::manual_world world;
  const auto rt = world.runtime();
  std::vector<incident> told;
  const notifier us({.sinks = {[&](const incident& what) { told.push_back(what); }}});
  const auto pay = park_shown::make_pay_chain(rt, us, [](const park_shown::payment&) -> result<std::string> { return errc::unavailable; });
  const park_shown::payment to_ann{"Ann", 250};
  pay.async_run(to_ann, &park_shown::answer);
  world.advance(1min);
  REQUIRE(told.size() == 1);
  CHECK(told[0].inputs.at(0) == "250 to Ann");
  CHECK(told[0].attempts == 3);
  CHECK(rt.decide(told[0].parked.value().token, decision::use(std::string("paid by hand"))));
  CHECK(rt.parked().empty());
  world.run();
}

TEST_CASE("whoever asks for the answer of a parked run from another executor when that of the run is gone is told so") {
  asio::io_context elsewhere;
  auto gone = std::make_unique<asio::io_context>();
  const runtime rt(gone->get_executor());
  const notifier us({.sinks = {[](const incident&) {}}});
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    return in >> stage("s", [](const int&) -> result<int> { return errc::expired; }).notify(us, {.park = park_options{}});
  });
  test::outcome<int> parked, late;
  c.async_run(1, parked.take());
  while (parked.count() == 0) gone->run_one();
  gone.reset();
  ticket::of(parked.why()).value().async_answer<int>(asio::bind_executor(elsewhere.get_executor(), late.take()));
  elsewhere.run_for(1s);
  CHECK(late.why().is(errc::cancelled));
}

TEST_CASE("a run may be parked for as long as there is time") {
  park_world here;
  here.parking.park->limit = duration::max();
  auto& end = here.begin(here.one(stage("s", here.failing(1)).notify(here.us, here.parking)));
  CHECK(end.why().is(errc::parked));
  CHECK(here.told.at(0).parked.value().until == std::chrono::system_clock::time_point::max());
  here.world.advance(24h);
  CHECK(here.decide(decision::retry()));
  CHECK(here.claim(end).value() == 1);
}

TEST_CASE("a run that is parked gives its caller a ticket at once, and the person a token") {
  park_world here;
  auto& end = here.begin(here.one(stage("s", here.failing(1)).notify(here.us, here.parking)), 1, {.id = 17});
  REQUIRE(end.count() == 1);
  CHECK(end.why().is(errc::parked));
  CHECK(end.why().code() == condition::give_up);
  CHECK(end.path() == "c/s");
  CHECK(ticket::of(end.why())->run() == 17);
  REQUIRE(here.told.size() == 1);
  CHECK(here.told[0].failures.at(0).is(errc::expired));
  CHECK(here.token().size() == 32);
  CHECK(here.dead.empty());
  const auto parked = here.rt.parked();
  REQUIRE(parked.size() == 1);
  CHECK(parked[0].path == "c/s");
  CHECK(parked[0].run == 17);
  CHECK(parked[0].token_hash == sha256(here.token()));
  CHECK(here.store->records.count(parked[0].token_hash) == 1);
  auto& answer = here.claim(end);
  CHECK(answer.count() == 0);
  CHECK(here.decide(decision::use(5)));
  CHECK(answer.value() == 5);
  CHECK(here.store->records.empty());
  CHECK(here.rt.parked().empty());
}

TEST_CASE("a parked run is done again, and told and parked again if that fails") {
  park_world here;
  auto& end = here.begin(here.one(stage("s", here.failing(2)).notify(here.us, here.parking)), 7);
  CHECK(here.decide(decision::retry()));
  REQUIRE(here.told.size() == 2);
  CHECK(here.token(0) != here.token(1));
  CHECK(end.count() == 1);
  CHECK(here.decide(decision::retry(), 1));
  CHECK(here.claim(end).value() == 7);
}

TEST_CASE("a parked run fails as decided, with what was told or with what the person says, and is a dead letter then") {
  park_world here;
  const auto c = here.one(stage("s", here.failing(2)).notify(here.us, here.parking));
  auto& first = here.begin(c);
  auto& second = here.begin(c);
  CHECK(here.decide(decision::fail(), 0));
  CHECK(here.decide(decision::fail("we do not sell to them"), 1));
  CHECK(here.claim(first).why().is(errc::expired));
  const failure rejected = here.claim(second).why();
  CHECK(rejected.is(errc::rejected));
  CHECK(rejected.message() == "we do not sell to them");
  CHECK(rejected.path() == "c/s");
  CHECK_THROWS_WITH(std::rethrow_exception(rejected.cause()), ContainsSubstring("expired"));
  CHECK(here.dead.size() == 2);
}

TEST_CASE("a parked stage whose answer is optional is skipped, and the run goes on") {
  park_world here;
  const auto c = here.written([&](auto in) {
    return in >> stage("s", [](const int&) -> result<std::optional<int>> { return errc::expired; }).notify(here.us, here.parking)
              >> stage("then", [](const std::optional<int>& i) { return i.value_or(-1); });
  });
  run_notes notes;
  auto& end = here.begin(c, 1, {.notes = &notes});
  CHECK(here.decide(decision::skip()));
  CHECK(here.claim(end).value() == -1);
  CHECK_FALSE(notes.degraded);  // its caller had gone
}

TEST_CASE("without a decision in time the default is taken, and the token says so") {
  park_world here;
  here.parking.park->on_limit = decision::use(42);
  const auto c = here.one(stage("s", here.failing(99)).notify(here.us, here.parking));
  auto& used = here.begin(c);
  here.world.advance(1h - 1ns);
  CHECK(here.rt.parked().size() == 1);
  here.world.advance(1ns);
  CHECK(here.claim(used).value() == 42);
  auto& used_again = here.begin(c);  // the value is there for all
  here.world.advance(1h);
  CHECK(here.claim(used_again).value() == 42);
  const auto late = here.decide(decision::use(1));
  REQUIRE_FALSE(late);
  CHECK(late.error().is(errc::no_such_token));
  CHECK_THAT(late.error().message(), ContainsSubstring("the time for this decision is over"));
  here.parking.park->on_limit = decision::fail();
  auto& failed = here.begin(here.one(stage("s", here.failing(99)).notify(here.us, here.parking)));
  here.world.advance(1h);
  CHECK(here.claim(failed).why().is(errc::expired));
}

TEST_CASE("a default that does it again does so once") {
  park_world here;
  here.parking.park->on_limit = decision::retry();
  auto& failed = here.begin(here.one(stage("s", here.failing(99)).notify(here.us, here.parking)));
  here.world.advance(1h);
  CHECK(here.claim(failed).why().is(errc::expired));
  REQUIRE(here.told.size() == 2);
  CHECK_FALSE(here.told[1].parked);
  CHECK(here.dead.size() == 1);
}

TEST_CASE("while a run is parked its deadline does not pass, and a decision gives it another one") {
  park_world here;
  const auto c = here.written([&](auto in) {
    return in >> stage("s", here.failing(99)).notify(here.us, here.parking) >> stage("long", here.sleeping(8s));
  });
  auto& end = here.begin(c, 1, {.deadline = here.world.now() + 1s});
  auto& other = here.begin(c, 2, {.deadline = here.world.now() + 1s});
  auto& endless = here.begin(c, 3);
  here.world.advance(30min);
  CHECK(here.decide(decision::use(5), 0));
  CHECK(here.decide(decision::use(6).within(7s), 1));
  CHECK(here.decide(decision::use(7).within(2s), 2));
  here.world.advance(1min);
  CHECK(here.claim(end).value() == 105);
  CHECK(here.claim(other).why().is(errc::deadline_exceeded));
  CHECK(here.claim(other).why().is(errc::invalid_input));  // it has been taken
  CHECK(here.claim(endless).why().is(errc::deadline_exceeded));
}

TEST_CASE("a token is good for one decision, and no other is good at all") {
  park_world here;
  const auto c = here.one(stage("s", here.failing(2)).notify(here.us, here.parking));
  auto& end = here.begin(c);
  std::string wrong = here.token();
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  for (const auto& text : {wrong, std::string(), here.token() + "0", sha256(here.token())}) {
    const auto refused = here.rt.decide(text, decision::use(1));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(errc::no_such_token));
    CHECK_THAT(refused.error().message(), ContainsSubstring("no run waits"));
  }
  CHECK(here.rt.decide(here.token(), decision::use(1)));
  const auto twice = here.rt.decide(here.token(), decision::use(2));
  REQUIRE_FALSE(twice);
  CHECK_THAT(twice.error().message(), ContainsSubstring("has been used"));
  here.world.run_until_idle();
  CHECK(here.claim(end).value() == 1);
}

TEST_CASE("a decision that is none for its stage is refused, and the token stays good") {
  park_world here;
  auto& end = here.begin(here.one(stage("s", here.failing(9)).notify(here.us, here.parking)));
  const auto wrong_type = here.decide(decision::use(std::string("five")));
  REQUIRE_FALSE(wrong_type);
  CHECK(wrong_type.error().is(errc::invalid_input));
  CHECK_THAT(wrong_type.error().message(), ContainsSubstring("the stage answers int, not") && ContainsSubstring("string"));
  CHECK(wrong_type.error().path() == "c/s");
  CHECK_THAT(here.decide(decision::skip()).error().message(), ContainsSubstring("cannot be skipped"));
  CHECK_THAT(here.decide(decision::retry().within(-1s)).error().message(), ContainsSubstring("more than zero"));
  CHECK(here.decide(decision::use(5)));
  CHECK(here.claim(end).value() == 5);
}

TEST_CASE("items and stages of nested chains are parked one by one, and the run has no deadline until nobody waits") {
  park_world here;
  const auto inner = make_chain<int>(here.rt, "inner", [&](auto in) {
    return in >> branch("way", [](const int& i) { return i > 0; }, stage("s", here.failing(2)).notify(here.us, here.parking),
                        stage("zero", [](int i) { return i; }));
  });
  const auto c = here.written([&](auto in) {
    return in >> stage("split", [](int) { return std::vector<int>{1, 0, 2}; }) >> each("all", stage("nested", inner), 3)
              >> stage("sum", [](const std::vector<int>& all) { return all[0] * 100 + all[1] * 10 + all[2]; });
  });
  auto& end = here.begin(c, 1, {.deadline = here.world.now() + 1s});
  CHECK(end.why().is(errc::parked));
  REQUIRE(here.told.size() == 2);
  CHECK(here.told[0].path == "c/all[0]/nested/way/s");
  CHECK(here.told[1].path == "c/all[2]/nested/way/s");
  CHECK(here.decide(decision::use(7).within(1s), 1));
  here.world.advance(30min);
  auto& answer = here.claim(end);
  CHECK(answer.count() == 0);
  CHECK(here.decide(decision::use(5), 0));
  CHECK(answer.value() == 507);
  CHECK(end.count() == 1);
}

TEST_CASE("what the work held is free while its run is parked: a queue for one serves another run") {
  park_world here;
  const shared_bucket bucket(here.rt, "tokens", {.refill = {.tokens = 1000}, .capacity = 1});
  const admission gate(here.rt, {.buckets = {bucket}});
  const auto c = here.one(stage("s", here.failing(1)).limit(gate).queue({.capacity = 0, .consumers = 1}).timeout(1s).notify(here.us, here.parking));
  auto& parked = here.begin(c, 1);
  CHECK(parked.why().is(errc::parked));
  auto& other = here.begin(c, 2);
  here.world.advance(1ms);
  CHECK(other.value() == 2);
  CHECK(here.decide(decision::retry()));
  here.world.advance(1s);
  CHECK(here.claim(parked).value() == 1);
}

TEST_CASE("a caller who has been told that his run is parked cannot cancel it any more") {
  park_world here;
  asio::cancellation_signal signal;
  auto& end = here.ends.emplace_back();
  here.one(stage("s", here.failing(1)).notify(here.us, here.parking)).async_run(1, asio::bind_cancellation_slot(signal.slot(), end.take()));
  here.world.run_until_idle();
  signal.emit(asio::cancellation_type::terminal);
  here.world.run_until_idle();
  CHECK(here.rt.parked().size() == 1);
  CHECK(here.decide(decision::use(5)));
  CHECK(here.claim(end).value() == 5);
}

TEST_CASE("a parked run whose sibling fails is over, and its token says so") {
  park_world here;
  const auto c = here.written([&](auto in) {
    auto a = in >> stage("s", here.failing(1)).notify(here.us, here.parking);
    auto b = in >> stage("slow", here.sleeping(5s)) >> stage("bad", [](int) -> result<int> { return errc::unavailable; });
    return join(a, b) >> stage("sum", [](int x, int y) { return x + y; });
  });
  auto& end = here.begin(c, 1, {.deadline = here.world.now() + 1s});
  CHECK(end.why().is(errc::parked));
  here.world.advance(6s);
  CHECK(here.claim(end).why().is(errc::unavailable));
  const auto refused = here.decide(decision::use(1));
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message(), ContainsSubstring("is over"));
  CHECK(here.store->records.empty());
}

TEST_CASE("drain ends parked runs, and none is parked after that") {
  park_world here;
  auto& end = here.begin(here.one(stage("s", here.failing(1)).notify(here.us, here.parking)));
  const auto c = here.written([&](auto in) { return in >> stage("slow", here.sleeping(1s)) >> stage("s", here.failing(1)).notify(here.us, here.parking); });
  auto& later = here.begin(c);
  test::outcome<void> drained;
  here.rt.async_drain(no_deadline, drained.take());
  here.world.run_until_idle();
  CHECK(here.claim(end).why().is(errc::shutting_down));
  CHECK(drained.count() == 0);
  here.world.advance(1s);
  CHECK(later.why().is(errc::expired));
  CHECK(drained.answered());
  CHECK(here.store->records.empty());
  CHECK_THAT(here.decide(decision::use(1)).error().message(), ContainsSubstring("is over"));
}

TEST_CASE("no more runs are parked than the options say, and the next one fails") {
  park_world here;
  const auto c = here.one(stage("s", here.failing(99)).notify(here.us, here.parking));
  for (int i = 0; i < 3; ++i) CHECK(here.begin(c).why().is(errc::parked));
  CHECK(here.begin(c).why().is(errc::expired));
  CHECK(here.decide(decision::fail(), 1));
  CHECK(here.begin(c).why().is(errc::parked));
}

TEST_CASE("a run whose store throws is not parked, and fails") {
  park_world here;
  here.store->refuses = true;
  CHECK(here.begin(here.one(stage("s", here.failing(99)).notify(here.us, here.parking))).why().is(errc::expired));
  CHECK(here.rt.parked().empty());
  REQUIRE(here.told.size() == 1);
  CHECK_FALSE(here.told[0].parked);
}

TEST_CASE("a coroutine of another run is told that what it called is parked, as of any failure, and the ticket comes with it") {
  park_world here;
  const auto inner = here.one(stage("s", here.failing(1)).notify(here.us, here.parking));
  const auto c = here.written([&](auto in) {
    return in >> stage("agent", [inner](call k, const int& i) -> asio::awaitable<int> {
             int answer = co_await inner(k, i);
             co_return answer;
           }).retry().queue({.capacity = 0});
  });
  auto& end = here.begin(c, 1, {.deadline = here.world.now() + 1s});
  CHECK(end.why().is(errc::parked));
  CHECK(end.path() == "c/agent/c/s");
  here.world.advance(1min);
  CHECK(here.decide(decision::use(5)));
  CHECK(here.claim(end).value() == 5);
}

TEST_CASE("what would hold something while a stage inside of it is parked does not build, and the message names both") {
  park_world here;
  const auto inner = here.one(stage("s", here.failing(1)).notify(here.us, here.parking));
  const auto shared = here.written([&](auto in) { return in >> stage("nested", inner).notify(here.us); });
  CHECK(shared.plan()->parks == "nested/s");
  const auto refused = [&](auto build) {
    const auto faults = test::faults_when(build);
    REQUIRE(faults.size() == 1);
    CHECK_THAT(faults[0], ContainsSubstring("'nested/s'") && ContainsSubstring("stage 'x'"));
  };
  const auto x = [&] { return stage("x", shared); };
  const shared_bucket bucket(here.rt, "tokens", {.capacity = 1});
  const admission gate(here.rt, {.buckets = {bucket}});
  refused([&] { return here.one(x().queue({})); });
  refused([&] { return here.one(x().timeout(1s)); });
  refused([&] { return here.one(x().retry()); });
  refused([&] { return here.one(x().limit(gate)); });
  refused([&] { return here.one(x().hedge()); });
  refused([&] { return here.one(x().breaker(circuit_breaker())); });
  refused([&] { return here.one(x().fallback([](const int&) { return 1; })); });
  CHECK(test::faults_when([&] { return shared.limit(gate); }).size() == 1);
  const auto other = [] { return stage("other", [](const int& i) { return i; }); };
  CHECK(test::faults_when([&] { return here.written([&](auto in) { return in >> first_of("x", x(), other()); }); }).size() == 1);
  const auto yes = [](const int&) { return true; };
  CHECK(test::faults_when([&] { return here.written([&](auto in) { return in >> cascade("x", x(), other(), yes); }); }).size() == 1);
  const replica_pool<int, int> pool(here.rt);
  CHECK_THROWS_WITH(pool.add(x()), ContainsSubstring("may park its run at 'x/nested/s'"));
  const versions<int, int> all(here.rt, {.name = "v"});
  CHECK_THROWS_WITH(all.add("1", x()), ContainsSubstring("may park its run"));
}

TEST_CASE("options of parking that are out of range, and defaults that are none for the stage, are faults of the chain") {
  park_world here;
  const auto fault_of = [&](park_options options) {
    const auto faults = test::faults_when([&] { return here.one(stage("s", here.failing(1)).notify(here.us, {.park = options})); });
    return faults.size() == 1 ? faults[0] : std::string();
  };
  CHECK_THAT(fault_of({.limit = 0s}), ContainsSubstring("stage 's' cannot park: park_options::limit"));
  CHECK_THAT(fault_of({.time = -1s}), ContainsSubstring("park_options::time"));
  CHECK_THAT(fault_of({.on_limit = decision::skip()}), ContainsSubstring("cannot be skipped"));
  CHECK_THAT(fault_of({.on_limit = decision::use(1.5)}), ContainsSubstring("answers int, not double"));
  const auto faults = test::faults_when([&] {
    return here.written([&](auto in) {
      return in >> stage("s", [](const int& i) { return std::make_unique<int>(i); })
                       .notify(here.us, {.park = park_options{.on_limit = decision::use(std::make_unique<int>(1))}})
                >> stage("end", [](std::unique_ptr<int> i) { return *i; });
    });
  });
  REQUIRE(faults.size() == 1);
  CHECK_THAT(faults[0], ContainsSubstring("cannot be copied"));
}

TEST_CASE("a value that can only be moved stands for a stage's answer") {
  park_world here;
  const auto c = here.written([&](auto in) {
    return in >> stage("s", [](const int&) -> result<std::unique_ptr<int>> { return errc::expired; }).notify(here.us, here.parking)
              >> stage("end", [](std::unique_ptr<int> i) { return *i; });
  });
  auto& end = here.begin(c);
  CHECK(here.decide(decision::use(std::make_unique<int>(9))));
  CHECK(here.claim(end).value() == 9);
}

TEST_CASE("a ticket is for the type that the chain answers, for one who waits, and waiting can be cancelled") {
  park_world here;
  auto& end = here.begin(here.one(stage("s", here.failing(1)).notify(here.us, here.parking)));
  const ticket claim = ticket::of(end.why()).value();
  asio::cancellation_signal signal;
  test::outcome<int> cancelled;
  claim.async_answer<int>(asio::bind_cancellation_slot(signal.slot(), cancelled.take()));
  CHECK(here.claim(end).why().is(errc::invalid_input));
  signal.emit(asio::cancellation_type::total);
  here.world.run_until_idle();
  CHECK(cancelled.why().is(errc::cancelled));
  test::outcome<std::string> wrong;
  claim.async_answer<std::string>(wrong.take());
  CHECK(here.decide(decision::use(5)));
  CHECK_THAT(wrong.why().message(), ContainsSubstring("the run answers int, not"));
  CHECK(here.claim(end).value() == 5);
  CHECK(here.claim(end).why().is(errc::invalid_input));
  CHECK_FALSE(ticket::of(failure(errc::expired)));
}

TEST_CASE("a run begun with a handler of its own executor and allocator is parked, and what they gave is not kept") {
  struct handler {
    using executor_type = asio::strand<asio::any_io_executor>;
    using allocator_type = live_allocator<std::byte>;
    executor_type strand;
    std::shared_ptr<int> live;
    test::outcome<int>::handler to;
    [[nodiscard]] executor_type get_executor() const noexcept { return strand; }
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(live); }
    void operator()(result<int> answered) { to(std::move(answered)); }
  };
  park_world here;
  const auto live = std::make_shared<int>(0);
  auto& end = here.ends.emplace_back();
  here.one(stage("s", here.failing(1)).notify(here.us, here.parking))
      .async_run(1, handler{asio::make_strand(asio::any_io_executor(here.world.get_executor())), live, end.take()});
  here.world.run_until_idle();
  CHECK(end.why().is(errc::parked));
  CHECK(*live == 0);
  CHECK(here.decide(decision::use(5)));
  CHECK(here.claim(end).value() == 5);
}

TEST_CASE("an executor that is destroyed takes its parked runs along, and nobody who waits for them is called") {
  park_world here;
  auto& end = here.begin(here.one(stage("s", here.failing(1)).notify(here.us, here.parking)));
  auto& answer = here.claim(end);
  here.world.destroy_executor();
  CHECK(answer.count() == 0);
  CHECK(here.rt.parked().empty());
}

TEST_CASE("hashes are SHA-256, and tokens are not alike") {
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256(std::string(1000, 'a')) == "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
  CHECK(make_parking_token() != make_parking_token());
}
