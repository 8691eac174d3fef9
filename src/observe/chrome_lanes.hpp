// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Lays the spans of a trace into lanes, as a viewer wants them: what is in one lane lies in each other or one after the other.
#include <catena/observe/trace.hpp>

#include <cstddef>
#include <vector>

namespace catena::detail {

struct lane_time {
  time_point began{};
  time_point ended{};
};

struct laid_trace {
  std::vector<lane_time> lanes;                ///< from when to when each is needed
  std::vector<std::size_t> lane_of;            ///< by the number of the span
  std::vector<std::vector<lane_time>> inside;  ///< what lies right in each span, in its lane, in order
};

/// A span lies in its parent's lane where it lies within that and beside none of its siblings; else in another one, alone.
/// \cost  for each span some dozens of lanes are looked at
[[nodiscard]] laid_trace laid_out(const trace& t);

}  // namespace catena::detail
