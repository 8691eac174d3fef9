// SPDX-License-Identifier: BSL-1.0
#include <catena/testing/manual_world.hpp>

namespace catena::testing {

bool manual_world::step_in_time() {
  if (!context_) return false;
  for (;;) {
    if (context_->step()) return true;
    const time_point next = time_->next_alarm();
    if (next == no_deadline) return false;
    time_->move_to(next);
  }
}

std::size_t manual_world::run_until_idle() {
  std::size_t count = 0;
  while (step()) ++count;
  return count;
}

std::size_t manual_world::advance(duration by) {
  const time_point until = detail::later(now(), by);
  std::size_t count = run_until_idle();
  for (time_point next = time_->next_alarm(); next <= until; next = time_->next_alarm()) {
    time_->move_to(next);
    count += run_until_idle();
  }
  time_->move_to(until);
  return count;
}

std::size_t manual_world::run() {
  std::size_t count = 0;
  while (step_in_time()) ++count;
  return count;
}

}  // namespace catena::testing
