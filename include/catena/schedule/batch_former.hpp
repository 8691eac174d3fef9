// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// When the requests that wait for a model become a batch, and how many of them.
#include <catena/schedule/batch_options.hpp>

#include <algorithm>
#include <cstddef>

namespace catena {

/// What a batch former is asked about: an instance is idle, and these requests wait.
struct waiting_requests {
  std::size_t count = 0;
  time_point oldest{};  ///< when the one that has waited longest came; meaningless where the former needs no time
};

/// What it answers: take so many now, or look again at a moment.
struct batch_decision {
  std::size_t take = 0;               ///< zero: let the instance wait
  time_point look_again = no_deadline; ///< if nothing is taken and nothing else happens before
  friend bool operator==(const batch_decision&, const batch_decision&) = default;
};

/// Takes all that waits, at most max_size, once there are max_size or the oldest has waited max_delay. With a max_delay
/// of zero an idle instance never waits: batches form by themselves while all instances are busy.
/// \threads  immutable: safe
class batch_former {
 public:
  explicit batch_former(const batch_options& options) noexcept : max_size_(options.max_size), max_delay_(options.max_delay) {}

  /// Whether `oldest` and `now` are looked at; if not, nobody needs to read a clock.
  [[nodiscard]] bool needs_time() const noexcept { return max_delay_ > duration{}; }

  [[nodiscard]] batch_decision form(const waiting_requests& waiting, time_point now) const noexcept {
    if (waiting.count == 0) return {};
    if (waiting.count < max_size_ && needs_time() && now < waiting.oldest + max_delay_)
      return {.take = 0, .look_again = waiting.oldest + max_delay_};
    return {.take = std::min(waiting.count, max_size_), .look_again = no_deadline};
  }

 private:
  std::size_t max_size_;
  duration max_delay_;
};

}  // namespace catena
