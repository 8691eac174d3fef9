// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Makes a tree of what was recorded.
#include <catena/observe/request_trace.hpp>
#include <catena/observe/trace.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace catena::detail {

/// Turns the records of a closed request into spans.
///
/// A run inside a run is a span of its own where it is a chain's or one of several attempts; otherwise, as a step without a name, it
/// is a part of what is around it. What a step did before, between and after the runs that it began is what its layer says: it waited
/// in a queue, at a gate, or between attempts.
class trace_tree {
 public:
  explicit trace_tree(request_trace& of) : of_(of) {}

  /// \returns the request's, and one for each batch that no other trace has told of
  [[nodiscard]] std::vector<std::shared_ptr<const trace>> build(kept_for why);

 private:
  struct step_place {
    std::size_t run;
    std::size_t step;
  };
  using run = run_record_of_trace;

  void find_children();
  void sort_spans();
  void add_run(std::size_t index);
  [[nodiscard]] std::uint64_t span_for(const run& r, std::uint64_t around);
  void add_stage(const run& r, std::size_t step, std::uint64_t within);
  void add_parts(const run& r, std::size_t step, std::uint64_t to);
  void add_gap(std::uint64_t to, span_part what, time_point from, time_point until);
  void add_notes();
  [[nodiscard]] std::vector<std::shared_ptr<const trace>> add_batches();
  trace_span& new_span(std::uint64_t id, std::uint64_t parent, span_kind kind, std::string name, stage_span when);
  /// The span that an id is shown as; the first one where it is not known.
  [[nodiscard]] trace_span& shown(std::uint64_t id);

  request_trace& of_;
  trace made_;
  std::unordered_map<std::uint64_t, step_place> steps_;                   ///< by the span they would have
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> children_;  ///< runs, by the step that began them
  std::unordered_map<std::uint64_t, std::size_t> spans_;                  ///< by id, and by the ids of what is a part of them
  std::unordered_map<std::uint64_t, std::vector<trace_part>> told_;       ///< parts that were recorded
};

}  // namespace catena::detail
