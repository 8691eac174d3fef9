// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A replica pool in a manual world, with replicas that do what the test says.
#include <catena/balance/replica_pool.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/outcome.hpp"

namespace catena::test {

/// A replica that answers after a while, fails, or hangs; it answers its input. Copies are the same replica.
struct fake_replica {
  enum class mood { answers, fails, hangs };
  struct shared {
    mood how = mood::answers;
    duration takes = std::chrono::milliseconds(1);
    failure why = failure(errc::stage_failed, "as told");
    int asked = 0;
  };

  boost::asio::awaitable<result<int>> operator()(call, int i) const {
    const auto now = state;
    ++now->asked;
    const time_point until = now->how == mood::hangs ? rt.now() + std::chrono::hours(1000) : rt.now() + now->takes;
    co_await rt.async_wait_until(until, boost::asio::use_awaitable);
    if (now->how == mood::fails) co_return now->why;
    co_return i;
  }

  runtime rt;
  std::shared_ptr<shared> state = std::make_shared<shared>();
};

/// A pool of such replicas called a, b, c and so on.
struct pool_world {
  using mood = fake_replica::mood;

  explicit pool_world(std::size_t count, replica_pool_options options = {}, std::uint64_t seed = 1)
      : world(seed), pool(rt, options) {
    for (std::size_t i = 0; i < count; ++i) add(std::string(1, static_cast<char>('a' + i)));
    world.elapse(options.breaker.ramp);
  }

  fake_replica::shared& add(const std::string& name, const replica_options& options = {}) {
    const auto& made = replicas.emplace_back(fake_replica{rt});
    pool.add(stage(name, made), options);
    return *made.state;
  }
  [[nodiscard]] fake_replica::shared& replica(std::size_t i) { return *replicas[i].state; }
  [[nodiscard]] replica_stats stats(const std::string& name) const {
    for (const replica_stats& s : pool.stats())
      if (s.name == name) return s;
    throw std::logic_error("no replica " + name);
  }

  outcome<int>& begin(int in, run_options options = {}) {
    auto& end = ends.emplace_back();
    pool.async_run(in, options, boost::asio::bind_cancellation_slot(signals.emplace_back().slot(), end.take()));
    world.run_until_idle();
    return end;
  }
  /// One request after the other, each until it has ended.
  void ask(int count, duration within = std::chrono::hours(1)) {
    while (count-- > 0) {
      auto& end = begin(count, {.deadline = world.now() + within});
      world.run_until([&] { return end.count() == 1; });
    }
  }
  void cancel_last() { signals.back().emit(boost::asio::cancellation_type::terminal); }

  testing::manual_world world;
  runtime rt = world.runtime();
  replica_pool<int, int> pool;
  std::deque<fake_replica> replicas;
  std::deque<outcome<int>> ends;
  std::deque<boost::asio::cancellation_signal> signals;
};

}  // namespace catena::test
