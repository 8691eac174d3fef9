// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/timer_service.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

struct counted_timer : timer_node {
  int resumed = 0;
  int abandoned = 0;
  explicit counted_timer(time_point at) {
    when = at;
    fire = [](timer_node& node, wake how) {
      auto& self = static_cast<counted_timer&>(node);
      ++(how == wake::resumed ? self.resumed : self.abandoned);
    };
  }
};

/// Passes by itself, as it says; its alarms count what they are told.
struct counting_time final : time_source {
  struct counting_alarm final : catena::alarm {
    explicit counting_alarm(int& c) : calls(c) {}
    void set(time_point) override { ++calls; }
    void clear() override { ++calls; }
    int& calls;
  };
  mutable time_point present{};
  int calls = 0;
  std::function<void()> ring;
  [[nodiscard]] time_point now() const noexcept override { return present; }
  [[nodiscard]] bool is_real() const noexcept override { return true; }
  [[nodiscard]] std::unique_ptr<catena::alarm> make_alarm(const boost::asio::any_io_executor&, std::function<void()> r) override {
    ring = std::move(r);
    return std::make_unique<counting_alarm>(calls);
  }
};

}  // namespace

TEST_CASE("where each request has a timer and takes it back, the alarm is told nothing, and still rings for what waits") {
  boost::asio::io_context io(1);
  const auto time = std::make_shared<counting_time>();
  const auto timers = std::make_shared<timer_service>(time, io.get_executor());
  for (int i = 0; i < 100; ++i) {
    time->present += 1ms;
    counted_timer timer(time->present + 1s);
    timers->add(timer);
    CHECK(timers->remove(timer));
  }
  CHECK(time->calls == 1);
  CHECK(io.run() == 0);  // with nothing to wait for, nothing keeps the executor

  // The alarm rings for the first of them, with nothing due, and is set to what waits by now.
  counted_timer waits(time->present + 2s);
  timers->add(waits);
  CHECK(time->calls == 1);
  time->present += 1s;
  time->ring();
  CHECK(waits.resumed == 0);
  CHECK(time->calls == 2);
  // What comes earlier is heard of at once.
  counted_timer sooner(time->present + 1ms);
  timers->add(sooner);
  CHECK(time->calls == 3);
  time->present += 1ms;
  time->ring();
  CHECK(sooner.resumed == 1);
  CHECK(time->calls == 4);
  time->present += 1s;
  time->ring();
  CHECK(waits.resumed == 1);
  CHECK(time->calls == 4);
}

TEST_CASE("a timer service whose executor goes abandons what waits and what comes later, and lets go of its alarm") {
  testing::manual_world world;
  const auto timers = std::make_shared<timer_service>(world.time(), world.get_executor());
  counted_timer early(world.now() + 1ms);
  counted_timer late(world.now() + 1ms);
  timers->add(early);
  timers->executor_gone();
  CHECK(early.abandoned == 1);
  CHECK(world.time()->next_alarm() == no_deadline);
  timers->add(late);
  CHECK(late.abandoned == 1);
  world.run();
  CHECK(early.resumed + late.resumed == 0);
}
