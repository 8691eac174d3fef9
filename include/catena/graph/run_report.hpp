// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A run in flight, for whoever wants to know why it has not ended.
#include <catena/call.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace catena {

/// One run that nobody else's is, as it is now.
struct run_report {
  struct wait {
    std::string stage;      ///< its path, beginning with the chain
    std::string for_what;   ///< in words, such as "a place in the stage's queue"
    time_point since{};     ///< when the stage began
  };
  std::string chain;
  std::uint64_t id = 0;
  std::uint32_t tenant = 0;
  catena::priority priority = priority::normal;
  time_point began{};
  time_point deadline = no_deadline;
  bool is_stopped = false;  ///< it has failed or was cancelled, and waits for what does not end
  trace_context trace{};
  std::vector<wait> waits;  ///< what it waits for; none: a stage is computed by a thread of its executor, or it is to be
};

}  // namespace catena
