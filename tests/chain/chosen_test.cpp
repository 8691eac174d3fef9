// SPDX-License-Identifier: BSL-1.0
/// \file
/// A stage whose work is chosen anew for each request.
#include <catena/chain.hpp>
#include <catena/chain/steps/chosen_step.hpp>
#include <catena/model.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/testing/fake_model.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/every_step.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// Chooses what the test says, and writes down what it is told.
struct chosen_desk {
  struct told {
    int ticket;
    work_end how;
    failure why;
  };
  graph::plan_ptr next;
  failure refusal;
  bool throws = false;
  int choices = 0;
  std::vector<told> ends;
};

struct chosen_by_desk {
  using ticket = int;
  [[nodiscard]] result<detail::chosen_work<int>> choose(graph::run&, const int&) const {
    if (desk->throws) throw std::runtime_error("cannot choose");
    if (desk->refusal.is_set()) return desk->refusal;
    return detail::chosen_work<int>{desk->next, ++desk->choices};
  }
  void ended(int number, work_end how, const failure& why) const noexcept { desk->ends.push_back({number, how, why}); }

  std::shared_ptr<chosen_desk> desk;
};

/// The stage that asks it.
struct chosen_stage {
  struct step : detail::chosen_step<chosen_by_desk, int, int> {
    static void prepare(graph::builder& chain, graph::stage_request& request, const chosen_stage& s) {
      detail::chosen_step<chosen_by_desk, int, int>::prepare(chain, request, "chosen", {s.desk});
    }
  };
  using catena_takes = takes<int>;
  template <class...>
  using catena_step = step;

  std::shared_ptr<chosen_desk> desk;
};

struct chosen_world {
  testing::manual_world world{1};
  runtime rt = world.runtime();
  std::shared_ptr<chosen_desk> desk = std::make_shared<chosen_desk>();
  chain<int, int> c = make_chain<int>(rt, "c", [&](auto in) { return in >> stage("s", chosen_stage{desk}); });
  test::outcome<int> end;
  asio::cancellation_signal signal;

  template <class F>
  [[nodiscard]] graph::plan_ptr plan(std::string name, F f) const {
    return make_chain<int>(rt, "p", [&](auto in) { return in >> stage(std::move(name), f); }).plan();
  }
  [[nodiscard]] auto sleep(duration d) const {
    return [rt = rt, d](call, int i) -> asio::awaitable<int> {
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      co_return i;
    };
  }
  void begin(int in, run_options options = {}) { c.async_run(in, options, asio::bind_cancellation_slot(signal.slot(), end.take())); }
};

/// Chooses by what a request is about, and for whom.
struct chosen_by_key {
  using ticket = int;
  [[nodiscard]] result<detail::chosen_work<int>> choose(graph::run& around, const std::string& key, const int&) const {
    return detail::chosen_work<int>{(*plans)[(key.size() + around.tenant) % plans->size()]};
  }
  void ended(int, work_end, const failure&) const noexcept {}

  std::shared_ptr<std::vector<graph::plan_ptr>> plans;
};

struct chosen_key_stage {
  struct step : detail::chosen_step<chosen_by_key, int, std::string, int> {
    static void prepare(graph::builder& chain, graph::stage_request& request, const chosen_key_stage& s) {
      detail::chosen_step<chosen_by_key, int, std::string, int>::prepare(chain, request, "chosen", {s.plans});
    }
  };
  using catena_takes = takes<std::string, int>;
  template <class...>
  using catena_step = step;

  std::shared_ptr<std::vector<graph::plan_ptr>> plans;
};

/// A plan of one stage with two inputs, as steps are built of.
template <class F>
graph::plan_ptr chosen_plan_of_two(const runtime& rt, F f) {
  using stage_type = decltype(stage("two", f));
  const graph::builder around(rt.state(), "two");
  return detail::plan_of_stage<stage_type, std::string, int>(around, "two", stage("two", f));
}

}  // namespace

TEST_CASE("each request is done by the plan that its chooser names, inline where the plan is") {
  chosen_world here;
  here.desk->next = here.plan("same", [](int i) { return i; });
  here.begin(3);
  here.world.step();
  CHECK(here.end.value() == 3);
  CHECK(here.world.steps() == 1);
  here.desk->next = here.plan("negative", [](int i) { return -i; });
  here.begin(3);
  here.world.run();
  CHECK(here.end.value() == -3);
  here.desk->next = here.plan("sleep", here.sleep(1ms));
  here.begin(4);
  here.world.run();
  CHECK(here.end.value() == 4);
  CHECK(here.desk->ends.size() == 3);
}

TEST_CASE("a chooser may go by the inputs, by the tenant, and by whatever else the run knows") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  const auto plans = std::make_shared<std::vector<graph::plan_ptr>>();
  plans->push_back(chosen_plan_of_two(rt, [](const std::string& key, int i) { return static_cast<int>(key.size()) + i; }));
  plans->push_back(chosen_plan_of_two(rt, [](const std::string&, const int& i) { return -i; }));
  for (const auto& p : *plans) CHECK(detail::fault_of_choice<int, std::string, int>(*p, *rt.state()).empty());
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    auto key = in >> stage("key", [](int i) { return std::string(static_cast<std::size_t>(i), 'x'); });
    return join(key, in) >> stage("s", chosen_key_stage{plans});
  });
  const auto ask = [&](int i, std::uint32_t tenant) {
    test::outcome<int> end;
    c.async_run(i, {.tenant = tenant}, end.take());
    world.run();
    return end.value();
  };
  CHECK(ask(4, 0) == 8);
  CHECK(ask(5, 0) == -5);
  CHECK(ask(5, 1) == 10);
}

TEST_CASE("a chooser is told once of each choice: answered, failed, cancelled, out of time") {
  chosen_world here;
  here.desk->next = here.plan("good", [](int i) { return i; });
  here.begin(1);
  here.world.run();
  here.desk->next = here.plan("bad", [](int) -> result<int> { return failure(errc::invalid_input); });
  here.begin(2);
  here.world.run();
  CHECK(here.end.path() == "c/s/bad");
  here.desk->next = here.plan("slow", here.sleep(1s));
  here.begin(3);
  here.world.run_until_idle();
  here.signal.emit(asio::cancellation_type::terminal);
  here.world.run_until_idle();
  CHECK(here.end.why().is(errc::cancelled));
  here.begin(4, {.deadline = here.world.now() + 1ms});
  here.world.run();
  CHECK(here.end.why().is(errc::deadline_exceeded));
  const auto& ends = here.desk->ends;
  REQUIRE(ends.size() == 4);
  for (int i = 0; i < 4; ++i) {
    CHECK(ends[static_cast<std::size_t>(i)].ticket == i + 1);
    CHECK(ends[static_cast<std::size_t>(i)].how.began);
  }
  CHECK(ends[0].how.outcome == request_outcome::answered);
  CHECK(!ends[0].why.is_set());
  CHECK(ends[1].how.outcome == request_outcome::ignored);
  CHECK(ends[1].why.is(errc::invalid_input));
  CHECK(ends[2].how.outcome == request_outcome::ignored);
  CHECK(ends[2].why.is(errc::cancelled));
  CHECK(ends[3].how.outcome == request_outcome::overloaded);
}

TEST_CASE("work that never began, at a model whose queue is full, is told as such, and the gate outside is paid back") {
  chosen_world here;
  const testing::fake_model<int, int> fake(here.rt, {.name = "m", .batch = {.max_size = 1}, .queue = {.capacity = 1}});
  const shared_bucket bucket(here.rt, "tokens", {.refill = {.tokens = 1}, .capacity = 10});
  const admission gate(here.rt, {.buckets = {bucket}});
  here.desk->next = here.plan("m", fake.model());
  here.c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("s", chosen_stage{here.desk}).limit(gate); });
  here.begin(1);
  here.world.run_until([&] { return fake.batch_count() == 1; });
  here.begin(2);
  here.world.run_until_idle();
  here.begin(3);
  here.world.run_until_idle();
  CHECK(here.end.why().is(errc::queue_full));
  REQUIRE(here.desk->ends.size() == 1);
  CHECK(!here.desk->ends[0].how.began);
  CHECK(bucket.level() == 8);
}

TEST_CASE("a chooser that refuses or throws fails the request, which has begun nothing") {
  chosen_world here;
  const shared_bucket bucket(here.rt, "tokens", {.refill = {.tokens = 1}, .capacity = 10});
  const admission gate(here.rt, {.buckets = {bucket}});
  here.c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("s", chosen_stage{here.desk}).limit(gate, 5); });
  here.desk->refusal = failure(errc::unavailable, "nobody");
  here.begin(1);
  here.world.run();
  CHECK(here.end.why().message() == "nobody");
  CHECK(here.end.path() == "c/s");
  here.desk->throws = true;
  here.begin(2);
  here.world.run();
  CHECK(here.end.why().message() == "cannot choose");
  CHECK(here.end.path() == "c/s");
  CHECK(here.desk->ends.empty());
  CHECK(bucket.level() == 10);
}

TEST_CASE("a plan that nobody keeps lives until the work that was chosen has ended") {
  chosen_world here;
  auto witness = std::make_shared<int>(0);
  const std::weak_ptr<int> alive = witness;
  here.desk->next = here.plan("s", [sleep = here.sleep(1ms), kept = witness](call x, int i) {
    return sleep(x, i);
  });
  here.begin(7);
  here.world.run_until_idle();
  here.desk->next = nullptr;
  witness.reset();
  CHECK(!alive.expired());
  here.world.run();
  CHECK(here.end.value() == 7);
  CHECK(alive.expired());
}

TEST_CASE("a plan that a stage could not run is told apart before it is ever chosen") {
  chosen_world here;
  chosen_world other;
  const auto fault = [&](const graph::plan_ptr& p) { return detail::fault_of_choice<int, int>(*p, *here.rt.state()); };
  const auto one = [&](auto f) { return make_chain<int>(here.rt, "p", [&](auto in) { return in >> stage("f", f); }).plan(); };
  CHECK(fault(here.plan("good", [](int i) { return i; })).empty());
  CHECK(fault(other.plan("far", [](int i) { return i; })) == "belongs to another runtime");
  CHECK(fault(one([](int) { return 1.5; })) == "answers double, not int");
  const auto text = make_chain<std::string>(here.rt, "p", [](auto in) {
    return in >> stage("f", [](std::string&& s) { return static_cast<int>(s.size()); });
  });
  CHECK(fault(text.plan()) == "takes other inputs");
  CHECK(detail::fault_of_choice<int, std::string>(*text.plan(), *here.rt.state()) ==
        "wants to move its input: let it take a const reference");
}

namespace {

/// Three runs of a stage whose work sleeps, fails or answers inline, each with its own ticket.
struct chosen_scene : test::stoppable_scene<int, 3> {
  chosen_scene(std::uint64_t seed, test::caller how) : stoppable_scene(seed) {
    const auto sleep = [rt = *rt](int i) -> asio::awaitable<int> {
      co_await rt.async_wait_until(rt.now() + 1ms, asio::use_awaitable);
      co_return i;
    };
    desk->next = make_chain<int>(*rt, "p", [&](auto in) { return in >> stage("a", sleep) >> stage("b", [](int i) { return i; }); }).plan();
    const auto c = make_chain<int>(*rt, "c", [&](auto in) { return in >> stage("s", chosen_stage{desk}); });
    for (int i = 0; i < 3; ++i)
      begin(static_cast<std::size_t>(i), how, [&](auto token) { c.async_run(i, std::move(token)); }, [c, i] { return c.try_run(i); });
  }
  void check_told() const { CHECK(static_cast<int>(desk->ends.size()) == desk->choices); }

  std::shared_ptr<chosen_desk> desk = std::make_shared<chosen_desk>();
};

}  // namespace

TEST_CASE("whatever stops a run at whatever step, its chooser is told of each choice exactly once") {
  for (const test::caller how : test::callers) {
    const auto make = [&](std::uint64_t seed) { return std::make_unique<chosen_scene>(seed, how); };
    test::at_every_step_of(5, make, [](chosen_scene& s) {
      s.destroy_executor();
      s.check_told();
    });
    if (!test::can_cancel(how)) continue;
    test::at_every_step_of(5, make, [](chosen_scene& s) {
      s.check_cancelling();
      s.check_told();
    });
    test::at_every_step_of(5, make, [](chosen_scene& s) {
      s.cancel(1);
      s.go(1);
      s.destroy_executor();
      s.check_told();
    });
  }
}
