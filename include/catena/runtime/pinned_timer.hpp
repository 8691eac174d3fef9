// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The one timer of an object that is shared, which it keeps alive while it waits.
#include <catena/runtime/timer_service.hpp>

#include <memory>

namespace catena::detail {

/// Set again and again for the moment that its owner waits for next.
/// \threads  the owner's lock is held
template <class Owner>
struct pinned_timer : timer_node {
  Owner* owner = nullptr;
  std::shared_ptr<Owner> pin;  ///< set while the timer waits or fires; taken out by what it fires

  /// For no moment: no_deadline.
  void set_locked(timer_service& timers, time_point moment) {
    if (pin) {
      if (when == moment) return;
      // One that fires just now looks by itself at what its owner waits for.
      if (!timers.remove(*this)) return;
      pin.reset();
    }
    if (moment == no_deadline) return;
    when = moment;
    pin = owner->shared_from_this();
    timers.add(*this);
  }
};

}  // namespace catena::detail
