// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A manual world with versions whose stages say which one they are.
#include <catena/testing/manual_world.hpp>
#include <catena/version/versions.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/outcome.hpp"

namespace catena::test {

/// Runs of int, answered with a version's number; a list of them where several stages of one run are asked.
struct version_world {
  explicit version_world(std::uint64_t seed = 1) : world(seed) {}

  testing::manual_world world;
  runtime rt = world.runtime();
  versions<int, int> risk{rt, {.name = "risk"}};
  std::deque<outcome<int>> ends;

  /// Answers its number at once. Whether it is still there can be seen by what is returned.
  std::weak_ptr<int> add(int number) {
    auto alive = std::make_shared<int>(number);
    std::weak_ptr<int> seen = alive;
    risk.add(std::to_string(number), [alive](const int&) { return *alive; });
    return seen;
  }
  /// The same after a while.
  std::weak_ptr<int> add_slow(int number, duration takes) {
    auto alive = std::make_shared<int>(number);
    std::weak_ptr<int> seen = alive;
    risk.add(std::to_string(number), [alive, rt = rt, takes](call, const int&) -> boost::asio::awaitable<int> {
      co_await rt.async_wait_until(rt.now() + takes, boost::asio::use_awaitable);
      co_return *alive;
    });
    return seen;
  }
  [[nodiscard]] auto pause(duration takes) const {
    return [rt = rt, takes](const int& x, auto token) { return (void)x, rt.async_wait_until(rt.now() + takes, std::move(token)); };
  }
  template <class Callable>
  outcome<int>& begin(const Callable& c, int in = 0, run_options options = {}) {
    auto& end = ends.emplace_back();
    c.async_run(in, options, end.take());
    return end;
  }
  /// Which version one run has.
  template <class Callable>
  int ask(const Callable& c, int in = 0, run_options options = {}) {
    outcome<int> end;
    c.async_run(in, options, end.take());
    world.run();
    return end.value();
  }
  [[nodiscard]] version_stats stats_of(std::string_view version) const {
    for (const version_stats& s : risk.stats().versions)
      if (s.version == version) return s;
    return {};
  }
};

}  // namespace catena::test
