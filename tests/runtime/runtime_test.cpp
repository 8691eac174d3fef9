// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_allocator.hpp>
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
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using catena::errc;
using catena::testing::manual_world;

/// A chain that waits as long as its input says.
auto waiting_chain(const catena::runtime& rt) {
  return catena::make_chain<catena::duration>(rt, "waiting", [rt](auto in) {
    return in >> catena::stage("wait", [rt](catena::duration d, auto token) { return rt.async_wait_until(rt.now() + d, std::move(token)); });
  });
}

}  // namespace

TEST_CASE("a runtime without an executor or with no compute thread is refused by name") {
  manual_world world;
  CHECK_THROWS_AS(catena::runtime(asio::any_io_executor()), std::invalid_argument);
  CHECK_THROWS_WITH(catena::runtime(world.get_executor(), {.compute_thread_count = 0}),
                    Catch::Matchers::ContainsSubstring("runtime_options::compute_thread_count must be 1 to 1024"));
  CHECK_THROWS_WITH(catena::runtime(world.get_executor(), {.compute_thread_count = 1025}),
                    Catch::Matchers::ContainsSubstring("is 1025"));
}

TEST_CASE("a runtime gives its executor and reads its own time source") {
  manual_world world;
  const auto rt = world.runtime();
  CHECK(rt.get_executor() == asio::any_io_executor(world.get_executor()));
  CHECK(rt.now() == world.now());
}

TEST_CASE("two runtimes on one executor share nothing: draining one leaves the other open") {
  manual_world world;
  const auto one = world.runtime();
  const auto two = world.runtime();
  catena::test::outcome<void> drained;
  one.async_drain(catena::no_deadline, drained.take());
  catena::test::outcome<catena::unit> refused;
  catena::test::outcome<catena::unit> served;
  waiting_chain(one).async_run(1ms, refused.take());
  waiting_chain(two).async_run(1ms, served.take());
  world.run();
  CHECK(drained.answered());
  CHECK(refused.why().is(errc::shutting_down));
  CHECK(refused.path() == "waiting");
  CHECK(served.answered());
}

TEST_CASE("a runtime that drains refuses what a run of another runtime begins") {
  manual_world world;
  const auto one = world.runtime();
  const auto two = world.runtime();
  const auto closing = waiting_chain(one);
  const auto c = catena::make_chain<catena::duration>(two, "c", [&](auto in) {
    return in >> catena::stage("call", [closing](catena::call here, catena::duration d) -> asio::awaitable<catena::unit> {
             co_await closing(here, d);
             co_return catena::unit{};
           });
  });
  catena::test::outcome<void> drained;
  one.async_drain(catena::no_deadline, drained.take());
  catena::test::outcome<catena::unit> refused;
  c.async_run(1ms, refused.take());
  world.run();
  CHECK(refused.why().is(errc::shutting_down));
}

TEST_CASE("drain of an idle runtime ends at once, but not inside the initiating function") {
  manual_world world;
  const auto rt = world.runtime();
  catena::test::outcome<void> drained;
  rt.async_drain(catena::no_deadline, drained.take());
  CHECK(drained.count() == 0);
  world.run_until_idle();
  CHECK(drained.answered());
}

TEST_CASE("drain waits for the runs in flight") {
  manual_world world;
  const auto rt = world.runtime();
  catena::test::outcome<catena::unit> run;
  catena::test::outcome<void> drained;
  waiting_chain(rt).async_run(5ms, run.take());
  rt.async_drain(world.now() + 1s, drained.take());
  world.advance(4ms);
  CHECK(drained.count() == 0);
  world.advance(1ms);
  CHECK(run.answered());
  CHECK(drained.answered());
}

TEST_CASE("drain waits for the last of several runs") {
  manual_world world;
  const auto rt = world.runtime();
  catena::test::outcome<catena::unit> first;
  catena::test::outcome<catena::unit> last;
  catena::test::outcome<void> drained;
  const auto c = waiting_chain(rt);
  c.async_run(5ms, first.take());
  c.async_run(9ms, last.take());
  rt.async_drain(catena::no_deadline, drained.take());
  world.advance(8ms);
  CHECK(first.answered());
  CHECK(drained.count() == 0);
  world.advance(1ms);
  CHECK(last.answered());
  CHECK(drained.answered());
}

TEST_CASE("drain gives up at its deadline and leaves the runs running") {
  manual_world world;
  const auto rt = world.runtime();
  catena::test::outcome<catena::unit> run;
  catena::test::outcome<void> drained;
  waiting_chain(rt).async_run(5ms, run.take());
  rt.async_drain(world.now() + 2ms, drained.take());
  world.advance(2ms);
  CHECK(drained.why().is(errc::deadline_exceeded));
  CHECK(run.count() == 0);
  world.run();
  CHECK(run.answered());
  CHECK(drained.count() == 1);
}

TEST_CASE("a drain that has given up is not kept until the runs end, however often it is tried again") {
  struct counted_waiter final : catena::drain_waiter {
    void complete(catena::result<void>) override { ++told; }
    int told = 0;
  };
  manual_world world;
  const auto rt = world.runtime();
  catena::test::outcome<catena::unit> run;
  waiting_chain(rt).async_run(1s, run.take());
  std::vector<std::weak_ptr<counted_waiter>> waiters;
  for (int i = 0; i < 50; ++i) {
    const auto waiter = std::make_shared<counted_waiter>();
    rt.state()->wait_for_runs(world.now() + 1ms, waiter);
    world.advance(2ms);
    CHECK(waiter->told == 1);
    waiters.push_back(waiter);
  }
  CHECK(std::ranges::count_if(waiters, [](const auto& w) { return !w.expired(); }) <= 1);
  world.run();
  CHECK(run.answered());
}

TEST_CASE("several may drain one runtime at once") {
  manual_world world;
  const auto rt = world.runtime();
  catena::test::outcome<catena::unit> run;
  catena::test::outcome<void> patient;
  catena::test::outcome<void> hasty;
  waiting_chain(rt).async_run(5ms, run.take());
  rt.async_drain(catena::no_deadline, patient.take());
  rt.async_drain(world.now() + 1ms, hasty.take());
  world.run();
  CHECK(patient.answered());
  CHECK(hasty.why().is(errc::deadline_exceeded));
}

TEST_CASE("drain throws in a coroutine where it fails") {
  manual_world world;
  const auto rt = world.runtime();
  catena::test::outcome<catena::unit> run;
  waiting_chain(rt).async_run(5ms, run.take());
  errc seen{};
  auto drain = [](catena::runtime r, errc& out) -> asio::awaitable<void> {
    try {
      co_await r.drain(r.now() + 1ms);
    } catch (const catena::error& e) {
      out = static_cast<errc>(e.code().value());
    }
  };
  asio::co_spawn(world.get_executor(), drain(rt, seen), asio::detached);
  world.run();
  CHECK(seen == errc::deadline_exceeded);
}

TEST_CASE("a drain that waits when the executor is destroyed is never called and leaks nothing") {
  for (const bool with_deadline : {false, true}) {
    manual_world world;
    auto rt = std::make_optional(world.runtime());
    catena::test::outcome<catena::unit> run;
    catena::test::outcome<void> drained;
    waiting_chain(*rt).async_run(5ms, run.take());
    rt->async_drain(with_deadline ? world.now() + 1s : catena::no_deadline, drained.take());
    world.run_until_idle();
    world.destroy_executor();
    rt.reset();
    CHECK(run.count() == 0);
    CHECK(drained.count() == 0);
  }
}

TEST_CASE("a drain on another executor is told that the runs have ended when theirs is destroyed") {
  manual_world world;
  manual_world other;
  const auto rt = world.runtime();
  catena::test::outcome<catena::unit> run;
  catena::test::outcome<void> drained;
  waiting_chain(rt).async_run(5ms, run.take());
  world.run_until_idle();
  rt.async_drain(world.now() + 1ms, asio::bind_executor(other.get_executor(), drained.take()));
  world.destroy_executor();
  other.run_until_idle();
  CHECK(run.count() == 0);
  CHECK(drained.answered());
}

TEST_CASE("what comes to a runtime after its executor is abandoned") {
  manual_world world;
  const auto rt = world.runtime();
  world.destroy_executor();
  int abandoned = 0;
  struct counted_node : catena::ready_node {
    int* abandoned;
  } node;
  node.abandoned = &abandoned;
  node.resume = [](catena::ready_node& n, catena::wake how) {
    *static_cast<counted_node&>(n).abandoned += how == catena::wake::abandoned;
  };
  rt.state()->ready->push(node);
  CHECK(abandoned == 1);
}

TEST_CASE("a wait ends at its moment and not before") {
  manual_world world;
  const auto rt = world.runtime();
  int ended = 0;
  rt.async_wait_until(world.now() + 3ms, [&](boost::system::error_code ec) {
    CHECK(!ec);
    ++ended;
  });
  world.advance(2ms);
  CHECK(ended == 0);
  world.advance(1ms);
  CHECK(ended == 1);
}

TEST_CASE("a wait is cancelled through its slot, once") {
  manual_world world;
  const auto rt = world.runtime();
  asio::cancellation_signal signal;
  std::vector<boost::system::error_code> ends;
  rt.async_wait_until(world.now() + 3ms,
                      asio::bind_cancellation_slot(signal.slot(), [&](boost::system::error_code ec) { ends.push_back(ec); }));
  signal.emit(asio::cancellation_type::total);
  signal.emit(asio::cancellation_type::total);
  CHECK(ends.empty());
  world.advance(5ms);
  REQUIRE(ends.size() == 1);
  CHECK(ends[0] == asio::error::operation_aborted);
}

TEST_CASE("cancelling a wait that is already due, or over, is harmless") {
  manual_world world;
  const auto rt = world.runtime();
  asio::cancellation_signal signal;
  int ended = 0;
  rt.async_wait_until(world.now() + 1ms,
                      asio::bind_cancellation_slot(signal.slot(), [&](boost::system::error_code) { ++ended; }));
  world.elapse(1ms);
  while (ended == 0) {
    signal.emit(asio::cancellation_type::total);
    REQUIRE(world.step());
  }
  signal.emit(asio::cancellation_type::total);
  world.run();
  CHECK(ended == 1);
}

TEST_CASE("waits that are pending when the executor dies are freed uncalled") {
  manual_world world;
  std::optional<catena::runtime> rt(world.runtime());
  auto token = std::make_shared<int>(0);
  for (int i = 0; i < 10; ++i)
    rt->async_wait_until(world.now() + i * 1ms, [token](boost::system::error_code) { FAIL("called"); });
  for (int i = 0; i < 10; ++i) rt->async_yield([token] { FAIL("called"); });
  rt.reset();
  world.destroy_executor();
  CHECK(token.use_count() == 1);
}

TEST_CASE("a yield lets other ready work go first") {
  manual_world world;
  const auto rt = world.runtime();
  std::vector<int> order;
  rt.async_yield([&] {
    order.push_back(1);
    rt.async_yield([&] { order.push_back(3); });
  });
  rt.async_yield([&] { order.push_back(2); });
  world.run_until_idle();
  CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("waits and yields keep the executor of their handler from running out of work", "[concurrency]") {
  asio::thread_pool pool(1);
  catena::runtime rt(pool.get_executor());
  asio::io_context home;
  std::thread::id where;
  rt.async_wait_until(rt.now() + 5ms, asio::bind_executor(home.get_executor(), [&](boost::system::error_code) {
                        where = std::this_thread::get_id();
                      }));
  home.run();
  CHECK(where == std::this_thread::get_id());
  pool.join();
}

TEST_CASE("real time passes by itself", "[concurrency]") {
  asio::thread_pool pool(1);
  catena::runtime rt(pool.get_executor());
  const auto until = rt.now() + 2ms;
  rt.async_wait_until(until, asio::use_future).get();
  CHECK(rt.now() >= until);
}

TEST_CASE("an earlier wait moves the one real alarm forward", "[concurrency]") {
  asio::io_context context;
  catena::runtime rt(context.get_executor());
  std::vector<int> order;
  const auto now = rt.now();
  rt.async_wait_until(now + 9ms, [&](boost::system::error_code) { order.push_back(9); });
  rt.async_wait_until(now + 1ms, [&](boost::system::error_code) { order.push_back(1); });
  rt.async_wait_until(now + 5ms, [&](boost::system::error_code) { order.push_back(5); });
  context.run();
  CHECK(order == std::vector<int>{1, 5, 9});
}

TEST_CASE("a cancelled wait does not keep the executor busy", "[concurrency]") {
  asio::io_context context;
  catena::runtime rt(context.get_executor());
  asio::cancellation_signal signal;
  bool aborted = false;
  rt.async_wait_until(rt.now() + 1h, asio::bind_cancellation_slot(signal.slot(), [&](boost::system::error_code ec) {
                        aborted = ec == asio::error::operation_aborted;
                      }));
  asio::post(context, [&] { signal.emit(asio::cancellation_type::total); });
  context.run();
  CHECK(aborted);
}

TEST_CASE("waits that are cancelled just when they are due end once", "[concurrency]") {
  asio::thread_pool pool(2);
  catena::runtime rt(pool.get_executor());
  std::atomic<int> ended{0};
  constexpr int count = 200;
  std::vector<std::unique_ptr<asio::cancellation_signal>> signals;
  for (int i = 0; i < count; ++i) signals.push_back(std::make_unique<asio::cancellation_signal>());
  for (int i = 0; i < count; ++i) {
    auto strand = asio::make_strand(pool.get_executor());
    auto* signal = signals[static_cast<std::size_t>(i)].get();
    asio::post(strand, [&, strand, signal] {
      const auto when = rt.now() + 200us;
      rt.async_wait_until(when, asio::bind_cancellation_slot(signal->slot(), asio::bind_executor(strand, [&](boost::system::error_code) { ++ended; })));
      rt.async_wait_until(when, asio::bind_executor(strand, [signal](boost::system::error_code) { signal->emit(asio::cancellation_type::total); }));
    });
  }
  pool.join();
  CHECK(ended == count);
}

TEST_CASE("the log hook gets what the library has to say") {
  manual_world world;
  std::vector<std::string> lines;
  const auto rt = world.runtime({.log = [&](catena::log_level, std::string_view component, std::string_view text) {
    lines.push_back(std::string(component) + ": " + std::string(text));
  }});
  rt.state()->log(catena::log_level::note, "test", "a line");
  CHECK(lines == std::vector<std::string>{"test: a line"});
  world.runtime().state()->log(catena::log_level::note, "test", "to nobody");
  CHECK(lines.size() == 1);
}

TEST_CASE("a drain that waits when the executor is destroyed is not woken by work that ends later elsewhere", "[concurrency]") {
  asio::thread_pool pool(1);
  std::promise<void> go;
  const std::shared_future<void> gate = go.get_future().share();
  {
    asio::io_context home;
    const catena::runtime rt(home.get_executor());
    const auto c = catena::make_chain<int>(rt, "c", [&](auto in) {
      return in >> catena::stage("away", [gate](int i) {
               gate.wait();
               return i;
             }).on(pool.get_executor());
    });
    c.async_run(1, [](catena::result<int>) { FAIL("called"); });
    auto drain = [](catena::runtime r) -> asio::awaitable<void> {
      co_await r.drain();
      FAIL("called");
    };
    asio::co_spawn(home, drain(rt), asio::detached);
    home.poll();
  }
  go.set_value();
  pool.join();
}

TEST_CASE("an executor that goes while a runtime of its ends on another thread waits for it", "[concurrency]") {
  std::atomic<bool> begun = false, over = false;
  auto home = std::make_unique<asio::io_context>();
  auto slow = std::shared_ptr<void>(nullptr, [&](void*) {
    begun = true;
    begun.notify_all();
    std::this_thread::sleep_for(20ms);
    over = true;
  });
  auto rt = std::make_unique<catena::runtime>(
      home->get_executor(), catena::runtime_options{.log = [keep = std::move(slow)](catena::log_level, std::string_view, std::string_view) {}});
  std::thread elsewhere([&] { rt.reset(); });
  begun.wait(false);
  home.reset();
  CHECK(over);
  elsewhere.join();
}

TEST_CASE("a runtime may be the last to hold what holds its executor") {
  auto home = std::make_shared<asio::io_context>();
  const std::weak_ptr<asio::io_context> left = home;
  {
    const catena::runtime rt(home->get_executor(), {.log = [keep = home](catena::log_level, std::string_view, std::string_view) {}});
    home.reset();
    CHECK(!left.expired());
  }
  CHECK(left.expired());
}
