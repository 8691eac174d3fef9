// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/timer_service.hpp>
#include <catena/testing/manual_world.hpp>

#include <chrono>
#include <memory>

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

}  // namespace

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
