// SPDX-License-Identifier: BSL-1.0
/// \file
/// Models that share memory: loaded when they are asked or needed, and put away for others.
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/residency/residency.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "model/ended_elsewhere.hpp"
#include "model/held_model.hpp"
#include "residency/resident_models.hpp"
#include "support/every_step.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;
using test::movable_negative;
using test::whereabouts_of_instance;
using where_ptr = std::shared_ptr<whereabouts_of_instance>;

/// Models of 100 bytes each, and room for so many of them.
struct resident_world {
  explicit resident_world(std::size_t room, duration patience = 1s)
      : memory(rt, {.budgets = {{"cpu", 100 * room}}, .patience = patience}) {}

  testing::manual_world world;
  runtime rt = world.runtime();
  residency memory;
  std::deque<where_ptr> places;

  [[nodiscard]] model<int, int> make(std::string name) {
    return make_model<int, int>(rt, {.name = std::move(name), .residency = memory}, movable_negative(place()));
  }
  [[nodiscard]] const where_ptr& place() { return places.emplace_back(std::make_shared<whereabouts_of_instance>()); }
  [[nodiscard]] bool is_hot(std::size_t i) const { return places[i]->level == residency_level::hot; }
};

/// Tells when it is about to leave.
struct told_of_leaving : movable_negative {
  told_of_leaving(where_ptr where, std::function<void()>& leaves) : movable_negative(std::move(where)), when_it_leaves(&leaves) {}
  void move_to(residency_level to) {
    if (to != residency_level::hot && *when_it_leaves) std::exchange(*when_it_leaves, nullptr)();
    movable_negative::move_to(to);
  }
  std::function<void()>* when_it_leaves;
};

/// Waits for a model, or has given up.
struct model_waiter final : arrival {
  explicit model_waiter(bool waiting) : waits(waiting) {}
  void told(result<void>) override { ++told_count; }
  [[nodiscard]] bool still_waits() const noexcept override { return waits; }
  bool waits;
  int told_count = 0;
};

/// Never comes, and keeps who waits for it.
struct missing_need final : graph::need {
  [[nodiscard]] const std::string& name() const noexcept override { return called; }
  void bring(std::shared_ptr<arrival> to_tell) override { waiter = std::move(to_tell); }
  std::string called = "missing";
  std::shared_ptr<arrival> waiter;
};

/// Two runs of a chain of two models, each loaded when its turn comes, with room for one of them.
struct resident_scene : test::stoppable_scene<int, 2> {
  resident_scene(test::caller how, std::uint64_t seed) : stoppable_scene(seed) {
    memory.emplace(*rt, residency_options{.budgets = {{"cpu", 100}}, .patience = 1ms});
    const auto make = [&](std::string name) {
      return make_model<int, int>(*rt, {.name = std::move(name), .warm_up = {.max_runs = 1}, .residency = *memory},
                                  movable_negative(std::make_shared<whereabouts_of_instance>()));
    };
    c.emplace(make_chain<int>(*rt, "c", [&](auto in) { return in >> stage("a", make("a")) >> stage("b", make("b")); }));
    for (std::size_t i = 0; i < ends.size(); ++i)
      begin(i, how, [&](auto token) { c->async_run(1, std::move(token)); }, [made = *c] { return made.try_run(1); });
  }
  void destroy_handles() {
    c.reset();
    memory.reset();
    rt.reset();
  }

  std::optional<residency> memory;
  std::optional<chain<int, int>> c;
};

template <class Then>
void at_every_step_of_loading(Then then) {
  for (const test::caller how : test::callers) {
    INFO("caller " << static_cast<int>(how));
    test::at_every_step_of(
        10, [&](std::uint64_t seed) { return std::make_unique<resident_scene>(how, seed); }, [&](resident_scene& s) { then(s, how); });
  }
}

}  // namespace

TEST_CASE("a model waits in host memory where it can be kept there, and goes back to its file otherwise") {
  for (const bool fails : {false, true}) {
    resident_world here(1);
    const auto make = [&](std::string name) {
      auto place = here.place();
      place->has_warm = true;
      return make_model<int, int>(here.rt, {.name = std::move(name), .residency = here.memory}, movable_negative(place));
    };
    const auto a = make("a"), b = make("b");
    here.places[0]->fails_to_warm = here.places[1]->fails_to_warm = fails;
    const residency_level away = fails ? residency_level::cold : residency_level::warm;
    for (int i = 0; i < 6; ++i) {
      test::outcome<int> end;
      (i % 2 == 0 ? a : b).async_run(i, end.take());
      here.world.run();
      CHECK(end.value() == -i);
      CHECK(here.is_hot(i % 2 == 0 ? 0 : 1));
      if (i > 0) CHECK(here.places[i % 2 == 0 ? 1 : 0]->level == away);
      const auto held = here.memory.stats().held;
      const auto in_host = std::ranges::find(held, std::string("host"), &memory_use::memory);
      CHECK((in_host == held.end() ? 0 : in_host->bytes) == (fails || i == 0 ? 0 : 100));
    }
  }
}

TEST_CASE("requests for a model that is cold wait until it has been loaded, once") {
  resident_world here(1);
  const auto m = here.make("m");
  CHECK(!here.is_hot(0));
  test::outcome<int> one, two;
  m.async_run(1, one.take());
  m.async_run(2, two.take());
  here.world.run();
  CHECK(one.value() == -1);
  CHECK(two.value() == -2);
  CHECK(here.places[0]->load_count == 1);
  CHECK(here.places[0]->cold_batch_count == 0);
}

TEST_CASE("a model leaves for one that is asked, and comes back when it is asked itself") {
  resident_world here(1);
  const auto a = here.make("a"), b = here.make("b");
  for (int i = 0; i < 5; ++i) {
    test::outcome<int> end_a, end_b;
    a.async_run(1, end_a.take());
    here.world.run();
    CHECK((here.is_hot(0) && !here.is_hot(1)));
    b.async_run(2, end_b.take());
    here.world.run();
    CHECK((!here.is_hot(0) && here.is_hot(1)));
    CHECK(end_a.value() == -1);
    CHECK(end_b.value() == -2);
  }
  CHECK(here.places[0]->load_count == 5);
  CHECK(here.places[0]->unload_count == 5);
  const residency_stats stats = here.memory.stats();
  REQUIRE(stats.models.size() == 2);
  CHECK(stats.models[1].name == "b");
  CHECK(stats.models[1].level == residency_level::hot);
  CHECK(stats.models[1].load_count == 5);
  CHECK(stats.held[0].bytes == 100);
}

TEST_CASE("two models that are both asked all the time take turns, and every request is answered") {
  resident_world here(1, 10ms);
  const auto a = here.make("a"), b = here.make("b");
  std::deque<test::outcome<int>> ends;
  for (int i = 0; i < 200; ++i) {
    a.async_run(i, ends.emplace_back().take());
    b.async_run(i, ends.emplace_back().take());
    here.world.advance(1ms);
  }
  here.world.run();
  for (auto& end : ends) CHECK(end.answered());
  CHECK(here.places[0]->load_count > 3);
  CHECK(here.places[0]->cold_batch_count + here.places[1]->cold_batch_count == 0);
}

TEST_CASE("a model that has to leave finishes its batch, and what waits for it waits for its return") {
  resident_world here(1, 10ms);
  test::held_batches<int, int> held;
  const auto a = make_model<int, int>(here.rt, {.name = "a", .batch = {.max_size = 1}, .residency = here.memory},
                                      test::movable_holder(here.place(), held.instance()));
  const auto b = here.make("b");
  test::outcome<int> first, second, other;
  a.async_run(1, first.take());
  here.world.run_until([&] { return held.all.size() == 1; });
  a.async_run(2, second.take());
  b.async_run(3, other.take());
  here.world.advance(1s);
  CHECK(here.is_hot(0));
  CHECK(held.all.size() == 1);
  held.take().answer(0, 7);
  here.world.run_until([&] { return other.count() == 1; });
  CHECK(first.value() == 7);
  CHECK(other.value() == -3);
  here.world.run_until([&] { return held.all.size() == 1; });
  held.take().answer(0, 8);
  here.world.run();
  CHECK(second.value() == 8);
}

TEST_CASE("when a model cannot be loaded, all that wait for it are told why, and the next request tries again") {
  resident_world here(1);
  const auto m = here.make("m");
  here.places[0]->fails = true;
  test::outcome<int> one, two;
  m.async_run(1, one.take());
  m.async_run(2, two.take());
  here.world.run();
  CHECK(one.why().message() == "its file is gone");
  CHECK(two.why().is(errc::stage_failed));
  CHECK(here.memory.stats().held[0].bytes == 0);
  here.places[0]->fails = false;
  test::outcome<int> three;
  m.async_run(3, three.take());
  here.world.run();
  CHECK(three.value() == -3);
}

TEST_CASE("a request that comes when a model has been loaded at last is not failed by the attempt before", "[concurrency]") {
  asio::thread_pool pool(1);
  const auto where = std::make_shared<whereabouts_of_instance>();
  where->fails = true;
  std::optional<model<int, int>> m;
  std::future<result<int>> second;
  std::promise<void> has_come;
  // A log takes its time.
  const auto log = [&](log_level, std::string_view, std::string_view text) {
    if (text.find("cannot be loaded") == text.npos) return;
    where->fails = false;
    m->async_warm_up(asio::use_future).get().value();
    second = m->async_run(2, asio::use_future);
    for (int i = 0; i < 10'000 && m->stats().queue_depth == 0; ++i) std::this_thread::sleep_for(1ms);
    has_come.set_value();
  };
  const runtime rt(pool.get_executor(), {.loading_thread_count = 2, .log = log});
  const residency memory(rt, {.budgets = {{"cpu", 100}}});
  m = make_model<int, int>(rt, {.name = "m", .batch = {.max_size = 8, .max_delay = 200ms}, .residency = memory}, movable_negative(where));
  auto first = m->async_run(1, asio::use_future);
  has_come.get_future().wait();
  first.wait();  // it fails, unless it came when what its run needs had been tried already
  const result<int> answered = second.get();
  REQUIRE(answered.has_value());
  CHECK(*answered == -2);
}

TEST_CASE("a request whose deadline passes while its model is loaded leaves at once") {
  resident_world here(1);
  test::held_batches<int, int> held;
  const auto busy = make_model<int, int>(here.rt, {.name = "busy", .residency = here.memory}, test::movable_holder(here.place(), held.instance()));
  const auto m = here.make("m");
  test::outcome<int> occupying, late;
  busy.async_run(1, occupying.take());
  here.world.run_until([&] { return held.all.size() == 1; });
  m.async_run(2, run_options{.deadline = here.world.now() + 10ms}, late.take());
  here.world.advance(10ms);
  CHECK(late.why().is(errc::deadline_exceeded));
  held.take().answer(0, 0);
  here.world.run();
}

TEST_CASE("a run has the models that it will need loaded while its first stages compute") {
  resident_world here(2);
  test::held_batches<int, int> held;
  const auto first = make_model<int, int>(here.rt, {.name = "first", .residency = here.memory}, test::movable_holder(here.place(), held.instance()));
  const auto second = here.make("second");
  const auto inner = make_chain<int>(here.rt, "inner", [&](auto in) { return in >> stage("second", second); });
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("first", first) >> stage("inner", inner); });
  test::outcome<int> end;
  c.async_run(1, end.take());
  here.world.run_until([&] { return held.all.size() == 1; });
  here.world.run_until_idle();
  CHECK(here.is_hot(1));
  held.take().answer(0, 5);
  here.world.run();
  CHECK(end.value() == -5);
}

TEST_CASE("warming a chain loads and warms up all its models, and completes when the last one is there") {
  resident_world here(3);
  const auto a = here.make("a"), b = here.make("b");
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("a", a) >> stage("b", b) >> stage("again", a); });
  test::outcome<void> warmed;
  c.async_warm_up(warmed.take());
  CHECK(warmed.count() == 0);
  here.world.run();
  CHECK(warmed.answered());
  CHECK((here.is_hot(0) && here.is_hot(1)));
  CHECK(here.places[0]->warm_up_count > 0);
  CHECK(a.stats().warm_up.run_count == static_cast<std::size_t>(here.places[0]->warm_up_count));
  CHECK(here.places[0]->load_count == 1);
}

TEST_CASE("a chain that cannot be warmed names the model") {
  resident_world here(2);
  const auto a = here.make("a"), b = here.make("b");
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("x", a) >> stage("y", b); });
  here.places[1]->fails = true;
  test::outcome<void> warmed;
  c.async_warm_up(warmed.take());
  here.world.run();
  CHECK(warmed.path() == "b");
  CHECK(here.is_hot(0));
}

TEST_CASE("warming is awaited, and may be given up while loading goes on") {
  resident_world here(1);
  const auto m = here.make("m");
  test::outcome<void> given_up;
  asio::cancellation_signal signal;
  m.async_warm_up(asio::bind_cancellation_slot(signal.slot(), given_up.take()));
  signal.emit(asio::cancellation_type::total);
  here.world.run();
  CHECK(given_up.why().is(errc::cancelled));
  CHECK(here.is_hot(0));
  bool done = false;
  const auto wait = [](model<int, int> what, bool& flag) -> asio::awaitable<void> {
    co_await what.warm_up();
    flag = true;
  };
  asio::co_spawn(here.world.get_executor(), wait(m, done), asio::detached);
  here.world.run();
  CHECK(done);
}

TEST_CASE("whoever gave up waiting for a model is forgotten when others come, also while it cannot be loaded") {
  resident_world here(1);
  const auto m = here.make("m");
  const auto& core = here.memory.core();
  std::vector<std::shared_ptr<model_waiter>> waiting;
  std::vector<std::weak_ptr<model_waiter>> given_up;
  for (int i = 0; i < 1000; ++i) {
    const auto who = std::make_shared<model_waiter>(i % 100 == 0);
    core->want(0, who);
    if (who->waits) waiting.push_back(who);
    else given_up.push_back(who);
  }
  const auto kept = std::ranges::count_if(given_up, [](const auto& who) { return !who.expired(); });
  CHECK(kept < 40);
  here.world.run();
  for (const auto& who : waiting) CHECK(who->told_count == 1);
}

TEST_CASE("a warm-up that is given up says so to whoever would tell it, also behind a pool or versions") {
  resident_world here(1);
  const auto outer = std::make_shared<missing_need>(), inner = std::make_shared<missing_need>();
  test::outcome<void> end;
  asio::cancellation_signal signal;
  detail::async_bring(here.rt.state(), {outer}, asio::bind_cancellation_slot(signal.slot(), end.take()));
  graph::bring_all({inner}, outer->waiter);
  CHECK((outer->waiter->still_waits() && inner->waiter->still_waits()));
  signal.emit(asio::cancellation_type::total);
  CHECK_FALSE((outer->waiter->still_waits() || inner->waiter->still_waits()));
  here.world.run();
  CHECK(end.why().is(errc::cancelled));
  outer->waiter = inner->waiter = nullptr;  // who waits holds what he waits for
}

TEST_CASE("a model that is warmed just while it leaves comes back when it has left") {
  resident_world here(1);
  std::function<void()> when_it_leaves;
  const auto a = make_model<int, int>(here.rt, {.name = "a", .residency = here.memory}, told_of_leaving(here.place(), when_it_leaves));
  const auto b = here.make("b");
  test::outcome<int> end, other;
  test::outcome<void> warmed;
  a.async_run(1, end.take());
  here.world.run();
  when_it_leaves = [&] { a.async_warm_up(warmed.take()); };
  b.async_run(2, other.take());
  here.world.run();
  CHECK(end.value() == -1);
  CHECK(other.value() == -2);
  CHECK(warmed.answered());
  CHECK(here.places[0]->load_count == 2);
}

TEST_CASE("whoever warms a model from another executor when that of its runtime is gone is told so, and the model is not kept for him") {
  asio::io_context elsewhere;
  auto gone = std::make_unique<asio::io_context>();
  const runtime rt(gone->get_executor());
  const residency memory(rt, {.budgets = {{"cpu", 100}}});
  const auto where = std::make_shared<whereabouts_of_instance>();
  test::outcome<void> warmed;
  {
    const auto a = make_model<int, int>(rt, {.name = "a", .residency = memory}, movable_negative(where));
    gone.reset();
    a.async_warm_up(asio::bind_executor(elsewhere.get_executor(), warmed.take()));
    elsewhere.run_for(1s);
  }
  CHECK(warmed.why().is(errc::cancelled));
  CHECK(where.use_count() == 1);
}

TEST_CASE("a model that has drained when its executor is gone moves no more") {
  resident_world here(1, 10ms);
  test::held_batches<int, int> held;
  const auto a = make_model<int, int>(here.rt, {.name = "a", .residency = here.memory},
                                      test::movable_holder(here.place(), held.instance()));
  const auto b = here.make("b");
  test::outcome<int> end, other;
  a.async_run(1, end.take());
  here.world.run_until([&] { return held.all.size() == 1; });
  b.async_run(2, other.take());
  here.world.advance(1s);
  here.world.destroy_executor();
  held.take().answer(0, 7);
  CHECK(here.is_hot(0));
  CHECK(end.count() + other.count() == 0);
}

TEST_CASE("a model without residency is loaded and warmed up when it is made, and stays") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  const auto where = std::make_shared<whereabouts_of_instance>();
  const auto m = make_model<int, int>(rt, {.name = "m", .batch = {.max_size = 4}}, movable_negative(where));
  CHECK(where->level == residency_level::hot);
  CHECK(m.stats().warm_up.is_steady);
  CHECK(m.stats().warm_up.run_count == 3 * 6);  // of 1, 2 and 4; it takes six to see that nothing becomes faster
  where->fails = true;
  CHECK_THROWS_WITH((make_model<int, int>(rt, {.name = "m"}, movable_negative(where))), "its file is gone");
  test::outcome<void> warmed;
  m.async_warm_up(warmed.take());
  world.run();
  CHECK(warmed.answered());
}

TEST_CASE("a model that has nothing to load, or needs too much, is refused its residency by name") {
  resident_world here(1);
  CHECK_THROWS_WITH((make_model<int, int>(here.rt, {.name = "f", .residency = here.memory}, test::answering<int, int>([](int i) { return i; }))),
                    "model 'f' has a residency, but its instances have no move_to() and footprint()");
  CHECK_THROWS_WITH((make_model<int, int>(here.rt, {.name = "g", .residency = here.memory}, movable_negative(here.place(), 101))),
                    "model 'g': it needs 101 bytes of 'cpu', of which models may hold 100");
}

TEST_CASE("memory is given back by models that are gone") {
  resident_world here(1);
  {
    const auto a = here.make("a");
    test::outcome<int> end;
    a.async_run(1, end.take());
    here.world.run();
  }
  CHECK(here.memory.stats().held[0].bytes == 0);
  const auto b = here.make("b");
  test::outcome<int> end;
  b.async_run(1, end.take());
  here.world.run();
  CHECK(end.answered());
}

TEST_CASE("killing the executor at any step of loading leaks nothing and calls nothing") {
  at_every_step_of_loading([](resident_scene& s, test::caller) {
    const int before = s.completions();
    s.destroy_executor();
    CHECK(s.completions() == before);
  });
}

TEST_CASE("killing the executor at any step of warming leaks nothing and calls nothing") {
  for (std::size_t steps = 0, taken = 0; taken == steps; ++steps) {
    INFO("step " << steps);
    resident_world here(2);
    const auto a = here.make("a"), b = here.make("b");
    const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("a", a) >> stage("b", b); });
    test::outcome<void> warmed;
    c.async_warm_up(warmed.take());
    for (taken = 0; taken < steps && here.world.step_in_time();) ++taken;
    const int before = warmed.count();
    here.world.destroy_executor();
    CHECK(warmed.count() == before);
  }
}

TEST_CASE("runs end as if nothing had happened when chain, residency and runtime go at any step of loading") {
  at_every_step_of_loading([](resident_scene& s, test::caller) {
    s.destroy_handles();
    s.world.run();
    s.check_undisturbed();
  });
}

TEST_CASE("killing the handles first and the executor last, at any step of loading, leaks nothing and calls nothing") {
  at_every_step_of_loading([](resident_scene& s, test::caller how) {
    if (how == test::caller::coroutine) return;  // a coroutine's chain goes with it
    const int before = s.completions();
    s.destroy_handles();
    s.destroy_executor();
    CHECK(s.completions() == before);
  });
}

TEST_CASE("runs that are cancelled at any step of loading end exactly once") {
  at_every_step_of_loading([](resident_scene& s, test::caller how) {
    if (test::can_cancel(how)) s.check_cancelling();
  });
}

TEST_CASE("threads ask more models than there is room for, and each request ends once", "[concurrency]") {
  constexpr int models = 4, room = 2, callers = 6, rounds = 60;
  asio::thread_pool pool(3);
  const runtime rt(pool.get_executor(), {.compute_thread_count = 2});
  const residency memory(rt, {.budgets = {{"cpu", 100 * room}}, .patience = 1ms});
  std::vector<where_ptr> places;
  std::vector<model<int, int>> all;
  for (int i = 0; i < models; ++i) {
    places.push_back(std::make_shared<whereabouts_of_instance>());
    all.push_back(make_model<int, int>(rt, {.name = "m" + std::to_string(i), .instances = 2, .warm_up = {.max_runs = 1}, .residency = memory},
                                       movable_negative(places.back(), 50)));
  }
  std::atomic<int> answered{0};
  const auto ask = [&](int who) -> asio::awaitable<void> {
    for (int i = 0; i < rounds; ++i) {
      const int x = co_await all[static_cast<std::size_t>((who + i / 5) % models)](i);
      answered += x == -i;
    }
  };
  std::vector<std::future<void>> done;
  for (int i = 0; i < callers; ++i) done.push_back(asio::co_spawn(pool, ask(i), asio::use_future));
  for (auto& d : done) d.get();
  CHECK(answered == callers * rounds);
  for (const auto& p : places) CHECK(p->cold_batch_count == 0);
  const residency_stats stats = memory.stats();
  CHECK(stats.held[0].bytes <= 100 * room);
}

TEST_CASE("a model that is to leave has drained although its batch was done before its function had returned") {
  resident_world here(1, 1ms);
  const auto c = here.make("c");
  test::outcome<int> end, end_c;
  test::outcome<void> warmed;
  std::optional<batch<int, int>> held;
  const auto hold = [&](batch<int, int>& b) {
    c.async_run(2, end_c.take());
    b.answer(0, 5);
    held.emplace(std::move(b));
  };
  const auto a = make_model<int, int>(here.rt, {.name = "a", .residency = here.memory}, test::movable_holder(here.place(), hold));
  // Asked by a run on its way from a to b, on a's thread.
  const request_measures<int> measures{.cost = [&](const int&) {
    if (held) {
      here.world.elapse(2ms);
      c.async_warm_up(warmed.take());  // the patience with a is lost
      held->done();
      held.reset();
    }
    return 1U;
  }};
  const auto b = make_model<int, int>(here.rt, {.name = "b"}, test::answering<int, int>([](int x) { return 10 * x; }), measures);
  const auto both = make_chain<int>(here.rt, "both", [&](auto in) { return in >> stage("a", a) >> stage("b", b); });
  both.async_run(1, end.take());
  here.world.run();
  CHECK(end.value() == 50);
  REQUIRE(end_c.answered());
  CHECK(end_c.value() == -2);
  CHECK(here.is_hot(0));
  CHECK(here.places[1]->level == residency_level::cold);
}

TEST_CASE("models whose batches end on another thread leave for each other, again and again, and none waits for ever", "[concurrency]") {
  asio::thread_pool pool(1);
  test::ended_elsewhere elsewhere;
  std::atomic<int> asked{0}, ended{0}, wrong{0};
  std::vector<where_ptr> places;
  {
    const runtime rt(pool.get_executor(), {.compute_thread_count = 2});
    const residency memory(rt, {.budgets = {{"cpu", 100}}, .patience = 100us});
    std::vector<model<int, int>> models;
    for (const char* name : {"a", "b"}) {
      places.push_back(std::make_shared<whereabouts_of_instance>());
      const auto hold = [&](batch<int, int>& b) { elsewhere.take(std::move(b)); };
      models.push_back(make_model<int, int>(rt, {.name = name, .queue = {.capacity = 1000}, .residency = memory},
                                            test::movable_holder(places.back(), hold)));
    }
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (memory.stats().models[0].unload_count < 20 && std::chrono::steady_clock::now() < end) {
      for (const auto& m : models) {
        if (asked - ended > 100) continue;
        ++asked;
        m.async_run(1, [&](const result<int>& r) {
          if (!r || *r != 2) ++wrong;
          ++ended;
        });
      }
      std::this_thread::yield();
    }
    for (int i = 0; i < 20'000 && ended != asked; ++i) std::this_thread::sleep_for(1ms);
    CHECK(ended == asked);
    CHECK(memory.stats().models[0].unload_count >= 20);
  }
  pool.join();
  CHECK(wrong == 0);
}
