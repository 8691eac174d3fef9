// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How a child run ended, in the words that gates and choosers are told.
#include <catena/graph/run.hpp>
#include <catena/schedule/gate.hpp>

namespace catena::detail {

[[nodiscard]] inline bool time_is_over(const graph::run& r) noexcept {
  return r.deadline != no_deadline && r.runtime().time->now() >= r.deadline;
}

/// \param around  the run whose step the child is
[[nodiscard]] inline work_end work_end_of(const graph::run& child, const graph::run& around) noexcept {
  switch (child.why_stopped()) {
    case graph::stop_reason::none:
    case graph::stop_reason::exited: return {};
    case graph::stop_reason::cancelled:
      // Whoever runs out of time cancels what runs inside.
      return {time_is_over(around) ? request_outcome::overloaded : request_outcome::ignored, !child.never_began()};
    default: return {outcome_of(child.reason()), !child.never_began()};
  }
}

}  // namespace catena::detail
