// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/limit_policies.hpp>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>

#include "schedule/batching_simulation.hpp"
#include "schedule/limited_server.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using test::limited_server;
using test::served;

constexpr time_point limited_from{1h};

/// Ends so many requests that all took as long and began just after each other, all places being taken.
template <class Policy>
time_point end_all(Policy& p, std::size_t count, duration latency, time_point now) {
  for (std::size_t i = 0; i < count; ++i) {
    now += latency;
    p.ended({.latency = latency, .in_flight = p.limit()}, now);
  }
  return now;
}

/// Ends one that nobody waits for, so that those that begin later count.
template <class Policy>
void warm_up(Policy& p, time_point now) {
  p.ended({.latency = 1ms, .outcome = request_outcome::ignored, .in_flight = 1}, now);
}

template <class Options, class Policy>
std::string fault_of(const Options& options) {
  try {
    (void)Policy(options);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "none";
}
std::string fault_of(const aimd_limit_options& options) { return fault_of<aimd_limit_options, aimd_limit>(options); }
std::string fault_of(const gradient_limit_options& options) { return fault_of<gradient_limit_options, gradient_limit>(options); }

}  // namespace

TEST_CASE("an adaptive limit doubles until its target is missed, then goes down by a tenth and up by one") {
  aimd_limit p({.target = 100ms, .range = {.first = 4}});
  warm_up(p, limited_from);
  time_point now = end_all(p, 16, 50ms, limited_from);
  CHECK(p.limit() == 8);
  now = end_all(p, 16, 50ms, now);
  CHECK(p.limit() == 16);
  now = end_all(p, 16, 101ms, now);
  CHECK(p.limit() == 14);
  now = end_all(p, 16, 100ms, now);
  CHECK(p.limit() == 15);
}

TEST_CASE("one slow answer changes no limit") {
  aimd_limit a({.target = 100ms, .range = {.first = 16}});
  gradient_limit g({.range = {.first = 16}});
  warm_up(a, limited_from);
  warm_up(g, limited_from);
  const auto ends_with_one_slow = [](auto& p) {
    const auto now = end_all(p, 1, 60s, limited_from);
    end_all(p, 15, 50ms, now);
    return p.limit();
  };
  CHECK(ends_with_one_slow(a) == 32);
  CHECK(ends_with_one_slow(g) < 16);  // it begins to measure
  limited_server s(gradient_limit{}, {.places = 32, .noise = 0.05});
  s.run_for(29);
  const std::size_t before = s.limit();
  s.slow_down_once(100);
  const served after = s.run_for(15);
  CHECK(s.limit() * 10 >= before * 9);
  CHECK(after.per_second >= 0.95 * 320);
}

TEST_CASE("a limit that is not used does not rise") {
  aimd_limit a({.target = 100ms, .range = {.first = 16}});
  gradient_limit g({.range = {.first = 16}});
  time_point now = limited_from;
  for (int i = 0; i < 1000; ++i) {
    now += 10ms;
    a.ended({.latency = 10ms, .in_flight = 8}, now);
    g.ended({.latency = 10ms, .in_flight = 8}, now);
  }
  CHECK(a.limit() == 16);
  CHECK(g.limit() == 16);
  CHECK(g.unloaded() == 10ms);
}

TEST_CASE("requests that began before the limit was changed do not change it again") {
  aimd_limit p({.target = 100ms, .range = {.first = 16}});
  warm_up(p, limited_from);
  time_point now = end_all(p, 16, 200ms, limited_from);
  REQUIRE(p.limit() == 14);
  for (int i = 0; i < 100; ++i) p.ended({.latency = 200ms, .in_flight = 16}, now + 199ms);
  CHECK(p.limit() == 14);
  now = end_all(p, 16, 200ms, now);
  CHECK(p.limit() == 12);
}

TEST_CASE("requests that were too late count as slow, and those that tell nothing do not count") {
  aimd_limit p({.target = 100ms, .range = {.first = 16}});
  warm_up(p, limited_from);
  time_point now = limited_from;
  for (int i = 0; i < 100; ++i) p.ended({.latency = 1s, .outcome = request_outcome::ignored, .in_flight = 16}, now += 1s);
  CHECK(p.limit() == 16);
  now = end_all(p, 13, 50ms, now);
  for (int i = 0; i < 3; ++i) p.ended({.latency = 1ms, .outcome = request_outcome::overloaded, .in_flight = 16}, now += 1ms);
  CHECK(p.limit() == 14);
}

TEST_CASE("a limit stays within its range, whatever is answered") {
  const limit_range range{.least = 3, .most = 20, .first = 5};
  aimd_limit a({.target = 1ms, .range = range});
  gradient_limit g({.range = range});
  warm_up(a, limited_from);
  warm_up(g, limited_from);
  time_point now = limited_from;
  for (const duration latency : {duration(1us), duration(10s), duration(2us), duration(100s)}) {
    for (int i = 0; i < 400; ++i) {
      now += latency;
      a.ended({.latency = latency, .in_flight = a.limit()}, now);
      g.ended({.latency = latency, .in_flight = g.limit()}, now);
      REQUIRE((a.limit() >= 3 && a.limit() <= 20));
      REQUIRE((g.limit() >= 3 && g.limit() <= 20));
    }
  }
}

TEST_CASE("aimd finds how many are answered within its target, from below and from above") {
  for (const double noise : {0.0, 0.3})
    for (const std::size_t first : {1, 16, 200}) {
      CAPTURE(noise, first);
      // 32 places of 100 ms: 48 in flight take 150 ms in the mean.
      limited_server s(aimd_limit({.target = 150ms, .range = {.first = first}}), {.places = 32, .noise = noise});
      s.run_for(20);
      const served settled = s.run_for(60);
      CHECK(settled.per_second >= 0.98 * 320);
      CHECK(settled.mean_limit >= 32);
      CHECK(settled.mean_limit <= 48);
      CHECK(settled.p99_ms <= 200);
    }
}

TEST_CASE("a gradient finds the places that a server has, from below and from above, without a target") {
  for (const double noise : {0.05, 0.3})
    for (const std::size_t first : {1, 16, 200}) {
      CAPTURE(noise, first);
      limited_server s(gradient_limit({.range = {.first = first}}), {.places = 32, .noise = noise});
      s.run_for(20);
      const served settled = s.run_for(120);
      CHECK(settled.per_second >= 0.98 * 320);
      CHECK(settled.mean_limit >= 32);
      CHECK(settled.mean_limit <= 55);
      CHECK(settled.p99_ms <= 300);
    }
}

TEST_CASE("when a server's capacity halves, an adaptive limit follows within seconds, and back") {
  for (const bool gradient : {false, true}) {
    CAPTURE(gradient);
    limited_server s(gradient ? limit_policy(gradient_limit{}) : limit_policy(aimd_limit({.target = 150ms})), {.places = 32, .noise = 0.1});
    s.run_for(40);
    s.changed().places = 16;
    s.run_for(10);
    const served halved = s.run_for(60);
    CHECK(halved.per_second >= 0.97 * 160);
    CHECK(halved.mean_limit <= 30);
    CHECK(halved.p99_ms <= 300);
    s.changed().places = 32;
    s.run_for(10);
    CHECK(s.run_for(60).per_second >= 0.97 * 320);
  }
}

TEST_CASE("a gradient takes a server that has become slower for what it is, and not for an overloaded one") {
  limited_server s(gradient_limit{}, {.places = 32, .noise = 0.1});
  s.run_for(40);
  s.changed().service_ms = 300;
  s.run_for(20);
  CHECK(s.run_for(60).per_second >= 0.95 * 320 / 3);
}

TEST_CASE("aimd gives a server that joins requests into batches as many as its target allows") {
  // resnet: 320 a second in batches of 32, which take 100 ms.
  limited_server s(aimd_limit({.target = 250ms}), {.batch_ms = [](std::size_t n) { return test::resnet.us(n) / 1000; }, .noise = 0.05});
  s.run_for(20);
  const served settled = s.run_for(60);
  CHECK(settled.per_second >= 0.99 * 320);
  CHECK(settled.mean_limit >= 64);
  CHECK(settled.p99_ms <= 330);
}

TEST_CASE("limit options say which of them is out of range") {
  CHECK(fault_of(aimd_limit_options{}) == "none");
  CHECK(fault_of(gradient_limit_options{}) == "none");
  CHECK(fault_of(aimd_limit_options{.target = 0ms}) == "aimd_limit_options::target must be greater than zero");
  CHECK(fault_of(aimd_limit_options{.backoff = 1}) == "aimd_limit_options::backoff must be 0.5 to 0.99");
  CHECK(fault_of(aimd_limit_options{.range = {.least = 0}}) == "limit_range::least must be 1 to most (1024), is 0");
  CHECK(fault_of(aimd_limit_options{.range = {.most = 0}}) == "limit_range::most must be 1 to 1048576, is 0");
  CHECK(fault_of(gradient_limit_options{.range = {.first = 2000}}) ==
        "limit_range::first must be least to most (1 to 1024), is 2000");
  CHECK(fault_of(gradient_limit_options{.tolerance = 0.9}) == "gradient_limit_options::tolerance must be 1 to 10");
  CHECK(fault_of(gradient_limit_options{.probe_interval = 0ms}) ==
        "gradient_limit_options::probe_interval must be greater than zero");
}

TEST_CASE("a limit policy is a value, and one without ended() wants to know nothing") {
  limit_policy p = aimd_limit({.target = 100ms, .range = {.first = 4}});
  CHECK(p.learns());
  limit_policy copy = p;
  copy.ended({}, limited_from);
  for (int i = 1; i <= 16; ++i) copy.ended({.latency = 1us, .in_flight = 4}, limited_from + i * 1ms);
  CHECK(copy.limit() == 8);
  CHECK(p.limit() == 4);
  CHECK(!limit_policy(fixed_limit{7}).learns());
  CHECK(limit_policy(fixed_limit{7}).limit() == 7);
}
