// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Turns traces into trace events.
#include "chrome_lanes.hpp"

#include <catena/observe/trace.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace catena::detail {

/// Knows of what was written before no more than until when its lanes are taken, and some batches.
/// \threads  unsafe
class chrome_events {
 public:
  /// Appends the events of a trace, with a comma in front of each but the very first.
  void append(std::string& to, const trace& t);

 private:
  /// A process: the requests of a chain, or the batches of a model.
  struct process {
    std::size_t number = 0;
    std::vector<time_point> lanes;  ///< until when each has something in it
  };
  struct place {
    std::size_t process = 0;
    std::size_t lane = 0;
    time_point when{};
  };
  struct batch {
    bool is_known = false;
    place where;
    std::vector<place> asked_by;  ///< requests that came before it
  };

  void begin_event(std::string& to, const char* phase, const place& where);
  void append_name(std::string& to, const char* of, const place& where, const std::string& name);
  [[nodiscard]] process& process_of(std::string& to, const trace_span& outermost);
  [[nodiscard]] std::size_t take_lane(std::string& to, process& p, const lane_time& wanted);
  void append_span(std::string& to, const trace& t, std::size_t index, const place& where);
  void append_parts(std::string& to, const trace_span& s, time_point ended, const place& where, const std::vector<lane_time>& inside);
  void note_links(std::string& to, const trace_span& s, const place& where);
  void note_batch(std::string& to, const trace_span& s, const place& where);
  void append_arrow(std::string& to, const place& request, const place& in);
  [[nodiscard]] batch& batch_of(std::uint64_t span);

  bool is_first_ = true;
  std::int64_t arrows_ = 0;
  std::map<std::string, process> processes_;
  std::unordered_map<std::uint64_t, batch> batches_;  ///< by the batch's span
  std::vector<std::uint64_t> batches_in_order_;       ///< a circle, in which the oldest is forgotten
  std::size_t next_batch_ = 0;
};

}  // namespace catena::detail
