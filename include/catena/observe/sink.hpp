// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Where the library reports what happened: one record for every run that ended.
#include <catena/call.hpp>
#include <catena/error.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace catena {

/// When a stage of a run began and ended; `ended` is the epoch when it never did, both when it never began.
struct stage_span {
  time_point began{};
  time_point ended{};
};

/// One ended run, as a sink sees it.
struct run_record {
  std::string_view chain;                      ///< the chain's name, or the stage's for a run inside a run
  std::uint64_t id = 0;                        ///< the same for all runs of one request
  const trace_context* trace_parent = nullptr;
  std::span<const std::string_view> stages;       ///< names, in the order of `spans`
  std::span<const stage_span> spans;
  const failure* why = nullptr;                ///< null when the run answered
  bool degraded = false;                       ///< something of its answer came from a fallback
};

/// Receives what happened. Without a sink nothing is recorded and no clock is read for it.
/// \threads   called from any thread, concurrently; must not throw
/// \lifetime  the record and everything in it lives for the call only
class sink {
 public:
  virtual ~sink() = default;
  virtual void run_ended(const run_record& record) = 0;
};

}  // namespace catena
