// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How long a response may keep its reader waiting.
#include <catena/time.hpp>

#include <algorithm>

namespace catena::http {

/// Counts the time in which somebody waits without progress: until the first progress, and then from one to the next.
/// \threads  unsafe
class stall_watch {
 public:
  /// Zero: as long as it takes.
  stall_watch(duration until_first, duration between) noexcept : patience_(until_first), left_(until_first), between_(between) {}

  /// Somebody waits from now on. When that has lasted too long; no_deadline: never.
  time_point begin(time_point now) noexcept {
    since_ = now;
    return patience_ == duration{} ? no_deadline : catena::detail::later(now, left_);
  }
  /// Nobody waits any more.
  void end(time_point now) noexcept { left_ -= std::clamp(now - since_, duration{}, left_); }
  /// There was progress, while nobody waits.
  void progressed() noexcept { patience_ = left_ = between_; }
  /// How long it may wait without progress now.
  [[nodiscard]] duration patience() const noexcept { return patience_; }

 private:
  duration patience_;
  duration left_;
  duration between_;
  time_point since_{};
};

}  // namespace catena::http
