// SPDX-License-Identifier: BSL-1.0
/// \file
/// .hedge
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/faults.hpp"
#include "support/late_posts.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

using hedge_input = std::shared_ptr<int>;

/// A target whose calls take as long as the test says.
struct hedge_world {
  explicit hedge_world(std::uint64_t seed = 1, runtime_options options = {}) : world(seed), rt(world.runtime(std::move(options))) {}

  /// The i-th call takes takes(i); one that is deaf does not end when it is told to.
  [[nodiscard]] auto target(std::function<duration(int)> takes, bool deaf = false) {
    return [this, takes, deaf](call, const hedge_input& i) -> asio::awaitable<int> {
      const int number = calls++;
      if (deaf) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      const auto ending = std::shared_ptr<void>(nullptr, [this, i](void*) { ended += *i; });
      co_await rt.async_wait_until(rt.now() + takes(number), asio::use_awaitable);
      if (fails && fails(number)) throw std::runtime_error("no");
      co_return 10 * *i + number;
    };
  }
  template <class Stage>
  [[nodiscard]] chain<hedge_input, int> one(Stage s) const {
    return make_chain<hedge_input>(rt, "c", [&](auto in) { return in >> std::move(s); });
  }
  test::outcome<int>& begin(const chain<hedge_input, int>& c, run_options options = {}) {
    auto& end = ends.emplace_back();
    c.async_run(std::make_shared<int>(1), options, end.take());
    return end;
  }
  /// So many calls that are answered in a millisecond.
  void teach(const chain<hedge_input, int>& c, int count = 100) {
    for (int i = 0; i < count; ++i) begin(c);
    world.run();
    ends.clear();
    calls = ended = 0;
    began = world.now();
  }
  [[nodiscard]] duration elapsed() const { return world.now() - began; }

  testing::manual_world world;
  runtime rt;
  std::deque<test::outcome<int>> ends;
  std::function<bool(int)> fails;
  int calls = 0, ended = 0;
  time_point began = world.now();
};

hedge_options generous(std::size_t extra = 1) { return {.extra = extra, .budget = retry_budget({.share = 10, .per_second = 1000})}; }

}  // namespace

TEST_CASE("a call that takes longer than most is made again, the first answer counts, and the other is told to stop") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    hedge_world here(seed);
    bool taught = false;
    const auto c = here.one(stage("s", here.target([&](int i) { return taught && i == 0 ? duration(100ms) : duration(1ms); })).hedge(generous()));
    here.teach(c);
    taught = true;
    auto& end = here.begin(c);
    here.world.run();
    CHECK(end.value() == 11);
    CHECK(here.calls == 2);
    CHECK(here.ended == 2);
    CHECK(here.elapsed() < 3ms);
    CHECK(here.rt.left_behind_count() == 0);
  }
}

TEST_CASE("a hedge begins only when enough was seen, and a call that is quick enough has none") {
  hedge_world here;
  const auto c = here.one(stage("s", here.target([](int i) { return i == 99 ? duration(50ms) : duration(1ms); })).hedge(generous()));
  for (int i = 0; i < 99; ++i) here.begin(c);
  here.world.run();
  here.begin(c);
  here.world.run();
  CHECK(here.calls == 100);
  here.begin(c);
  here.world.run();
  CHECK(here.calls == 101);
}

TEST_CASE("the answer of the first attempt counts if it comes first, and as many attempts begin as may") {
  hedge_world here;
  bool taught = false;
  const auto c = here.one(stage("s", here.target([&](int i) {
                            if (!taught) return duration(1ms);
                            return i == 0 ? duration(6ms) : duration(100ms);
                          })).hedge(generous(3)));
  here.teach(c);
  taught = true;
  auto& end = here.begin(c);
  here.world.run();
  CHECK(end.value() == 10);
  CHECK(here.calls == 4);
  CHECK(here.ended == 4);
}

TEST_CASE("the winner does not wait for one that does not hear, and drain does") {
  hedge_world here;
  bool taught = false;
  const auto c = here.one(stage("s", here.target([&](int i) { return taught && i == 0 ? duration(100ms) : duration(1ms); }, true)).hedge(generous())
                              );
  here.teach(c);
  taught = true;
  auto& end = here.begin(c);
  here.world.advance(3ms);
  CHECK(end.value() == 11);
  CHECK(here.ended == 1);
  CHECK(here.rt.left_behind_count() == 1);
  test::outcome<void> drained;
  here.rt.async_drain(no_deadline, drained.take());
  here.world.run_until_idle();
  CHECK(drained.count() == 0);
  here.world.run();
  CHECK(drained.answered());
  CHECK(here.ended == 2);
  CHECK(here.elapsed() == 100ms);
}

TEST_CASE("a runtime that may leave nothing behind has the winner wait") {
  hedge_world here(1, {.most_left_behind = 0});
  bool taught = false;
  const auto c = here.one(stage("s", here.target([&](int i) { return taught && i == 0 ? duration(100ms) : duration(1ms); }, true)).hedge(generous()));
  here.teach(c);
  taught = true;
  auto& end = here.begin(c);
  here.world.advance(50ms);
  CHECK(end.count() == 0);
  here.world.run();
  CHECK(end.value() == 11);
  CHECK(here.ended == 2);
}

TEST_CASE("a failure counts when no other attempt is under way") {
  hedge_world here;
  bool taught = false;
  const auto c = here.one(stage("s", here.target([&](int i) {
                            if (!taught) return duration(1ms);
                            return i % 2 == 0 ? duration(4ms) : duration(1ms);
                          })).hedge(generous()));
  here.teach(c);
  taught = true;
  here.fails = [](int i) { return i % 2 == 1; };
  auto& saved = here.begin(c);
  here.world.run();
  CHECK(saved.value() == 10);
  here.calls = 0;
  here.fails = [](int) { return true; };
  auto& failed = here.begin(c);
  here.world.run();
  CHECK(failed.why().is(errc::stage_failed));
  CHECK(failed.path() == "c/s");
}

TEST_CASE("a hedged run ends when it is cancelled, at its deadline, and with its executor, whatever is under way") {
  for (int step = 0; step < 60; ++step) {
    for (const int how : {0, 1, 2}) {
      hedge_world here(static_cast<std::uint64_t>(step) + 1);
      bool taught = false;
      const auto c = here.one(stage("s", here.target([&](int) { return taught ? duration(9ms) : duration(1ms); })).hedge(generous(2)));
      here.teach(c);
      taught = true;
      asio::cancellation_signal signal;
      auto& end = here.ends.emplace_back();
      c.async_run(std::make_shared<int>(1), {.deadline = how == 0 ? here.world.now() + 3ms : no_deadline},
                  asio::bind_cancellation_slot(signal.slot(), end.take()));
      for (int i = 0; i < step; ++i) static_cast<void>(here.world.step_in_time());
      if (how == 1) signal.emit(asio::cancellation_type::terminal);
      if (how == 2) {
        here.world.destroy_executor();
      } else {
        here.world.run();
        CHECK(end.count() == 1);
      }
      CHECK(here.ended == here.calls);
      CHECK(here.rt.left_behind_count() == 0);
    }
  }
}

TEST_CASE("with two in a hundred calls a hundred times slower a hedge cuts the p99 to a fifth or less, for one call in twenty") {
  double p99[2];
  int calls[2];
  for (const bool hedges : {false, true}) {
    hedge_world here;
    std::mt19937 random(5);
    const auto target = here.target([&](int) { return random() % 50 == 0 ? duration(500ms) : duration(4ms + random() % 2000 * 1us); });
    const auto c = hedges ? here.one(stage("s", target).hedge()) : here.one(stage("s", target));
    std::vector<double> ms;
    for (int i = 0; i < 20'000; ++i) {
      const time_point began = here.world.now();
      c.async_run(std::make_shared<int>(1), [&, began](const result<int>& r) {
        if (r) ms.push_back(std::chrono::duration<double, std::milli>(here.world.now() - began).count());
      });
      here.world.advance(2ms);
    }
    here.world.run();
    REQUIRE(ms.size() == 20'000);
    std::ranges::sort(ms);
    p99[hedges] = ms[19'800];
    calls[hedges] = here.calls;
  }
  INFO("p99 " << p99[0] << " and " << p99[1] << " ms, calls " << calls[0] << " and " << calls[1]);
  CHECK(p99[1] * 5 <= p99[0]);
  CHECK(calls[1] <= 1.05 * calls[0] + 50);  // the budget's floor is one in a second, of forty
}

TEST_CASE("a target that is slow as a whole gets no more extra calls than the budget allows") {
  hedge_world here;
  bool taught = false;
  const auto c = here.one(stage("s", here.target([&](int) { return taught ? duration(300ms) : duration(1ms); })).hedge());
  here.teach(c, 200);
  taught = true;
  for (int i = 0; i < 5000; ++i) {
    here.begin(c);
    here.world.advance(1ms);
  }
  here.world.run();
  CHECK(here.calls <= 5000 * 1.05 + 6);
}

TEST_CASE("what cannot be done twice has no hedge") {
  hedge_world here;
  const auto faults_of = [&](auto s) { return test::faults_when([&] { return here.one(std::move(s)); }); };
  const auto target = here.target([](int) { return duration(1ms); });
  using told = std::vector<std::string>;
  CHECK(faults_of(stage("s", target).effects(effects::once).hedge()) == told{"stage 's': .hedge() would do twice what is to be done once"});
  CHECK(faults_of(stage("s", [](const hedge_input&) { return 1; }).hedge()) ==
        told{"stage 's': .hedge() cannot begin beside a function that runs inline: say .on(executor) as well"});
  CHECK(faults_of(stage("s", target).hedge({.extra = 9})) == told{"stage 's': hedge_options::extra must be 1 to 3"});
}

TEST_CASE("hedged runs on threads are answered once each, and nothing is left running", "[concurrency]") {
  std::atomic<int> answered{0}, under_way{0};
  {
    asio::thread_pool pool(3);
    const runtime rt{pool.get_executor()};
    std::atomic<unsigned> calls{0};
    const auto target = [&](call, const hedge_input& i) -> asio::awaitable<int> {
      const unsigned number = ++calls;
      ++under_way;
      const auto ending = std::shared_ptr<void>(nullptr, [&under_way, i](void*) { --under_way; });
      if (number % 3 == 0) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      co_await rt.async_wait_until(rt.now() + std::chrono::microseconds(number % 10 == 0 ? 5000 : 100 + number % 50), asio::use_awaitable);
      co_return *i;
    };
    const auto c = make_chain<hedge_input>(rt, "c", [&](auto in) {
      return in >> stage("s", target).hedge({.least_count = 10, .budget = retry_budget({.share = 10, .per_second = 1000})})
                >> stage("next", [](int i) { return i; });
    });
    for (int i = 0; i < 2000; ++i)
      c.async_run(std::make_shared<int>(1), [&](const result<int>& r) { answered += r ? *r : 0; });
    pool.join();
    CHECK(rt.left_behind_count() == 0);
  }
  CHECK(answered == 2000);
  CHECK(under_way == 0);
}

/// What is read after it has ended says so.
struct mortal {
  mortal() = default;
  mortal(mortal&&) noexcept {}
  mortal& operator=(mortal&&) = delete;
  ~mortal() { alive = 0; }
  [[nodiscard]] bool is_alive() const noexcept { return alive == 0x11fe; }
  std::atomic<int> alive{0x11fe};
};

TEST_CASE("attempts that begin while another one answers, and losers that end at one time, do no harm", "[concurrency]") {
  constexpr int lanes = 8, each = 400;
  const std::size_t most_left_behind = GENERATE(0U, 1U, 1000U);
  std::atomic<int> answered{0}, begun{0}, dead{0};
  {
    asio::thread_pool pool(3);
    const runtime rt{pool.get_executor(), {.most_left_behind = most_left_behind}};
    const auto target = [&](call, const mortal& m) -> asio::awaitable<int> {
      const int number = begun++;
      dead += !m.is_alive();
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      co_await rt.async_wait_until(rt.now() + std::chrono::microseconds(number % 64 == 0 ? 20000 : 100), asio::use_awaitable);
      dead += !m.is_alive();
      co_return 1;
    };
    const hedge_options often{.quantile = 0.5, .extra = 3, .least_count = 1, .budget = retry_budget({.share = 10, .per_second = 1000})};
    const auto c = make_chain<mortal>(rt, "c", [&](auto in) { return in >> stage("s", target).hedge(often) >> stage("next", [](int i) { return i; }); });
    const auto lane = [&]() -> asio::awaitable<void> {
      for (int i = 0; i < each; ++i) answered += (co_await c.async_run(mortal(), asio::use_awaitable)).has_value();
    };
    for (int i = 0; i < lanes; ++i) asio::co_spawn(pool, lane(), asio::detached);
    pool.join();
    CHECK(rt.left_behind_count() == 0);
  }
  CHECK(answered == lanes * each);
  CHECK(begun > answered);
  CHECK(dead == 0);
}

TEST_CASE("a run that ends just when its next attempt is due leaves its own executor alone from then on", "[concurrency]") {
  asio::thread_pool pool(1);
  const runtime rt{pool.get_executor()};
  int begun = 0;
  const auto spin = [&](call, const hedge_input&) -> asio::awaitable<int> {
    const time_point end = rt.now() + (100 + begun++ % 150) * 1us;
    while (rt.now() < end) co_await asio::post(asio::use_awaitable);
    co_return 1;
  };
  const hedge_options often{.quantile = 0.5, .least_count = 1, .budget = retry_budget({.share = 10, .per_second = 1000})};
  const auto c = make_chain<hedge_input>(rt, "c", [&](auto in) { return in >> stage("s", spin).hedge(often); });
  std::size_t late = 0;
  for (int i = 0; i < 2000; ++i) {
    asio::io_context own;
    c.async_run(std::make_shared<int>(1), asio::bind_executor(own.get_executor(), [](const result<int>&) {}));
    late += test::late_posts(own, pool);
  }
  pool.join();
  CHECK(late == 0);
}
