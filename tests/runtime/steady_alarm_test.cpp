// SPDX-License-Identifier: BSL-1.0
// The machine's own alarm: the only tests that wait for real time, a few milliseconds each.
#include <catena/runtime.hpp>
#include <catena/time.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "support/catch.hpp"

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace catena;

struct rings {
  asio::io_context io;
  std::shared_ptr<time_source> time = steady_time();
  int count = 0;
  std::unique_ptr<catena::alarm> bell = time->make_alarm(io.get_executor(), [this] {
    ++count;
    io.stop();
  });

  /// Runs the executor until the alarm has rung, or until `limit` has passed.
  void listen(duration limit) {
    const auto busy = asio::make_work_guard(io);
    io.restart();
    io.run_for(limit);
  }
};

}  // namespace

TEST_CASE("a steady alarm rings once, on its executor, when its moment has come", "[concurrency]") {
  rings here;
  const auto moment = here.time->now() + 2ms;
  here.bell->set(moment);
  here.listen(10s);
  CHECK(here.time->now() >= moment);
  here.listen(5ms);
  CHECK(here.count == 1);
}

TEST_CASE("a steady alarm that is set again rings at its new moment only, earlier or later", "[concurrency]") {
  rings here;
  here.bell->set(here.time->now() + 1h);
  here.bell->set(here.time->now() + 1ms);
  here.listen(10s);
  CHECK(here.count == 1);
  const auto later = here.time->now() + 4ms;
  here.bell->set(here.time->now() + 1ms);
  here.bell->set(later);
  here.listen(10s);
  CHECK(here.time->now() >= later);
  CHECK(here.count == 2);
}

TEST_CASE("a steady alarm that was cleared does not ring, also when its ring is on its way", "[concurrency]") {
  rings here;
  here.bell->set(here.time->now() + 1ms);
  here.bell->clear();
  here.listen(4ms);
  CHECK(here.count == 0);
  here.bell->set(here.time->now());
  std::this_thread::sleep_for(2ms);
  here.bell->clear();
  here.listen(4ms);
  CHECK(here.count == 0);
}

TEST_CASE("a steady alarm may be destroyed at any moment, and its executor right after it", "[concurrency]") {
  for (int i = 0; i < 50; ++i) {
    asio::thread_pool pool(1);
    std::atomic<int> rung{0};
    auto bell = steady_time()->make_alarm(pool.get_executor(), [&] { ++rung; });
    bell->set(clock::now() + std::chrono::microseconds(i * 4));
    if (i % 2) std::this_thread::sleep_for(std::chrono::microseconds(i * 3));
    bell.reset();
    pool.join();
    CHECK(rung <= 1);
  }
}

TEST_CASE("a wait keeps its executor running, and an executor with nothing to wait for runs out of work", "[concurrency]") {
  asio::io_context io;
  const runtime rt(io.get_executor());
  bool waited = false;
  rt.async_wait_until(rt.now() + 2ms, [&](boost::system::error_code ec) { waited = !ec; });
  io.run();
  CHECK(waited);
  asio::cancellation_signal signal;
  std::optional<boost::system::error_code> outcome;
  io.restart();
  rt.async_wait_until(rt.now() + 1h, asio::bind_cancellation_slot(signal.slot(), [&](boost::system::error_code ec) { outcome = ec; }));
  asio::post(io, [&] { signal.emit(asio::cancellation_type::total); });
  io.run();
  CHECK(outcome == asio::error::operation_aborted);
}
