// SPDX-License-Identifier: BSL-1.0
/// \file
/// Many callers and one target that fails: what retries, breakers and hedges make of that, in virtual time.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/outcome.hpp"
#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// A target that fails a share of its calls, which is different at different times, and when it was called.
struct storm_target {
  explicit storm_target(const runtime& r, std::function<double(duration)> share) : rt(r), failing(std::move(share)), began(r.now()) {}

  asio::awaitable<int> operator()(const int& i) {
    const duration age = rt.now() - began;
    calls.push_back(age);
    const bool fails = static_cast<double>(random()) * 0x1p-32 < failing(age);
    co_await rt.async_wait_until(rt.now() + 2ms, asio::use_awaitable);
    if (fails) throw std::runtime_error("not now");
    co_return i;
  }
  [[nodiscard]] std::size_t calls_between(duration from, duration to) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(calls, to) - std::ranges::lower_bound(calls, from));
  }

  runtime rt;
  std::function<double(duration)> failing;
  time_point began;
  std::mt19937 random{11};
  std::vector<duration> calls;
};

/// Asks a chain evenly, whatever becomes of the answers.
struct storm {
  explicit storm(std::function<double(duration)> failing) : target(std::make_shared<storm_target>(rt, std::move(failing))) {}

  template <class Say>
  [[nodiscard]] chain<int, int> chain_with(Say say) const {
    return make_chain<int>(rt, "c", [&](auto in) {
      return in >> say(stage("s", [to = target](call, const int& i) { return (*to)(i); }));
    });
  }
  void ask(const std::vector<chain<int, int>>& all, int per_second, duration lasts) {
    const duration gap = duration(1s) / per_second;
    for (duration at{}; at < lasts; at += gap, ++asked) {
      const duration age = world.now() - target->began;
      all[asked % all.size()].async_run(1, {.deadline = rt.now() + 5s}, [this, age](const result<int>& r) {
        ++ended;
        if (!r) failures.push_back(age);
      });
      world.advance(gap);
    }
  }
  [[nodiscard]] std::size_t failures_between(duration from, duration to) const {
    return static_cast<std::size_t>(std::ranges::count_if(failures, [&](duration d) { return from <= d && d < to; }));
  }

  testing::manual_world world;
  runtime rt = world.runtime();
  std::shared_ptr<storm_target> target;
  std::size_t asked = 0, ended = 0;
  std::vector<duration> failures;
};

}  // namespace

TEST_CASE("a retry storm adds no more than its budget to any second, and is over a second after the target is well") {
  if (test::is_sanitized) CATENA_SKIP("its figures are those of plain builds");
  // Half of its calls fail, then all, then none.
  storm s([](duration age) { return age < 10s ? 0.5 : age < 20s ? 1.0 : 0.0; });
  const auto c = s.chain_with([](auto one) {
    return std::move(one).retry({.retries = 5, .first_wait = 100ms, .longest_wait = 1s, .budget = retry_budget({.share = 0.1, .per_second = 10})});
  });
  s.ask({c}, 1000, 30s);
  s.world.run();
  CHECK(s.ended == s.asked);
  std::size_t most = 0;
  for (duration from{}; from < 29s; from += 10ms) most = std::max(most, s.target->calls_between(from, from + 1s));
  CHECK(most <= 1000 + 110);
  CHECK(s.target->calls_between(11s, 19s) > 8 * 1080);  // the budget is used
  CHECK(s.failures_between(0s, 10s) > 0);
  CHECK(s.failures_between(20s, 30s) == 0);
  CHECK(s.target->calls_between(22s, 30s) == 8 * 1000);
}

TEST_CASE("a breaker that two chains share keeps a dead target from nine in ten calls and more, with retry and hedge on") {
  for (const bool guarded : {false, true}) {
    storm s([](duration age) { return age >= 10s && age < 20s ? 1.0 : 0.0; });
    const circuit_breaker breaker({.consecutive = 0, .bad_share = 0.5, .least_count = 20, .window = 1s, .first_wait = 500ms, .longest_wait = 1s, .probes = 3});
    const retry_options soon{.retries = 2, .first_wait = 20ms};
    std::vector<chain<int, int>> both;
    for (int i = 0; i < 2; ++i)
      both.push_back(s.chain_with([&](auto one) {
        auto tried = std::move(one).retry(soon).hedge();
        if (guarded) return std::move(tried).breaker(breaker);
        else return std::move(tried).breaker(circuit_breaker({.consecutive = 0, .bad_share = 0}));
      }));
    s.ask(both, 200, 30s);
    s.world.run();
    CHECK(s.ended == s.asked);
    const std::size_t while_dead = s.target->calls_between(10s, 20s);
    if (!guarded) {
      CHECK(while_dead >= 2000);
      continue;
    }
    CHECK(while_dead <= 200);
    CHECK(s.target->calls_between(11s, 20s) <= 19);  // one probe each half second at first, then each second
    CHECK(breaker.state() == breaker_state::closed);
    CHECK(s.target->calls_between(25s, 30s) >= 1000);
    CHECK(s.failures_between(25s, 30s) == 0);
  }
}

TEST_CASE("an open breaker lets exactly its probes through, one at a time") {
  storm s([](duration age) { return age < 1s ? 1.0 : 0.0; });
  const circuit_breaker breaker({.consecutive = 5, .bad_share = 0, .first_wait = 2s, .probes = 3, .ramp = {}});
  const auto c = s.chain_with([&](auto one) { return std::move(one).breaker(breaker); });
  s.ask({c}, 100, 500ms);
  CHECK(breaker.state() == breaker_state::open);
  const std::size_t before = s.target->calls.size();
  CHECK(before >= 5);
  CHECK(before <= 6);  // what had begun
  s.ask({c}, 100, 1500ms);
  CHECK(s.target->calls.size() == before);
  s.ask({c}, 1000, 50ms);  // calls take 2 ms, and come each millisecond
  CHECK(breaker.state() == breaker_state::closed);
  const auto& calls = s.target->calls;
  for (std::size_t i = before; i + 1 < before + 3; ++i) CHECK(calls[i + 1] - calls[i] >= 2ms);
}

TEST_CASE("random compositions of what may be said about stages end in time, once, with nothing left and no call above budget") {
  constexpr std::uint64_t seeds = test::times(10'000U, 1'500U);
  int with_extra = 0;  ///< compositions in which extra calls show
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    std::mt19937 engine(static_cast<unsigned>(seed));
    const auto random = [&] { return static_cast<unsigned>(engine()); };
    const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
    testing::manual_world world(seed);
    const runtime rt = world.runtime();
    int calls = 0, under_way = 0;
    const unsigned slow = random() % 4, failing = random() % 60, deafness = random() % 30;
    const auto work = [&, rt](call, const int& i) -> asio::awaitable<int> {
      ++calls;
      ++under_way;
      const auto ending = std::shared_ptr<void>(nullptr, [&under_way](void*) { --under_way; });
      if (random() % 100 < deafness) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      co_await rt.async_wait_until(rt.now() + std::chrono::microseconds(random() % 3000 << slow), asio::use_awaitable);
      if (random() % 100 < failing) throw std::runtime_error("no");
      co_return i;
    };
    const unsigned retries = random() % 4;
    const int most_retries = static_cast<int>(random() % 30), most_hedges = static_cast<int>(random() % 10);  // in a second, of all stages
    const retry_budget budget({.share = 0, .per_second = static_cast<double>(most_retries)});
    const retry_budget hedges({.share = 0, .per_second = static_cast<double>(most_hedges)});
    const retry_options again{.retries = retries, .first_wait = 1ms, .longest_wait = 10ms, .budget = budget};
    const circuit_breaker breaker({.consecutive = 3, .first_wait = 2ms});
    const auto stand_in = [](const int& i) { return i; };
    const auto dressed = [&](const std::string& name, const auto& f, unsigned how) {
      const auto timed = stage(name, f).timeout(std::chrono::microseconds(1 + random() % 9000));
      switch (how) {
        case 0: return make_chain<int>(rt, name, [&](auto in) { return in >> stage(name, f).retry(again).breaker(breaker); });
        case 1: return make_chain<int>(rt, name, [&](auto in) { return in >> stage(name, f).hedge({.least_count = 1, .budget = hedges}); });
        case 2: return make_chain<int>(rt, name, [&](auto in) { auto t = timed; return in >> std::move(t).fallback(stand_in); });
        case 3: return make_chain<int>(rt, name, [&](auto in) { auto t = timed; return in >> std::move(t).retry(again).attempt_timeout(1ms).queue({.capacity = 2}).fallback(f).fallback(stand_in); });
        case 4: return make_chain<int>(rt, name, [&](auto in) { return in >> stage(name, f).hedge({.extra = 2, .least_count = 1, .budget = hedges}).retry(again).attempt_timeout(2ms); });
        case 5: return make_chain<int>(rt, name, [&](auto in) { return in >> stage(name, f); });
        default: return make_chain<int>(rt, name, [&](auto in) { auto a = in >> stage("a", f).retry(again); auto b = in >> stage("b", f); return join(a, b) >> stage("sum", [](int x, int y) { return x + y; }); });
      }
    };
    int ordinary = 1;  // how often a run calls the work where nothing is tried again
    const auto dress = [&](const std::string& name, const auto& f, int depth) {
      const unsigned how = random() % (depth == 0 ? 6 : 7);
      if (how == 3 || how == 6) ordinary *= 2;
      return dressed(name, f, how);
    };
    chain<int, int> c = dress("inner", work, 0);
    for (int depth = 1; depth <= static_cast<int>(random() % 3); ++depth) c = dress("outer", c, depth);
    std::vector<test::outcome<int>> ends(4);
    std::vector<time_point> deadlines, ended(4);
    for (std::size_t i = 0; i < ends.size(); ++i) {
      deadlines.push_back(chance(80) ? world.now() + std::chrono::microseconds(random() % 20'000) : no_deadline);
      c.async_run(1, {.deadline = deadlines[i]}, [&, i, h = ends[i].take()](result<int> r) mutable {
        ended[i] = world.now();
        h(std::move(r));
      });
    }
    const time_point began = world.now();
    world.run();
    INFO("seed " << seed);
    // Each attempt that is an extra one calls all that lies inside of it as a first one does.
    const int seconds = 1 + static_cast<int>((world.now() - began) / 1s);
    const int most_calls = ordinary * (static_cast<int>(ends.size()) + seconds * (most_retries + most_hedges));
    CHECK(calls <= most_calls);
    with_extra += calls > ordinary * static_cast<int>(ends.size());
    bool fine = under_way == 0 && rt.left_behind_count() == 0;
    for (std::size_t i = 0; i < ends.size(); ++i) fine = fine && ends[i].count() == 1 && ended[i] <= deadlines[i];
    if (!fine) CHECK(under_way == 0);
    REQUIRE(fine);
  }
  CHECK(with_extra > static_cast<int>(seeds / 20));
}
