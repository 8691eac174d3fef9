// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is recorded of one request while it runs.
#include <catena/observe/sink.hpp>
#include <catena/observe/trace.hpp>
#include <catena/observe/trace_shape.hpp>
#include <catena/runtime/live_list.hpp>

#include <boost/container/small_vector.hpp>
#include <boost/container/static_vector.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace catena {
class hash_secret;
class tracer;
}  // namespace catena

namespace catena::detail {

/// A batch, where there is a tracer.
/// \threads  written by the batch's place; read when it is done, or by who is given a copy
struct batch_record {
  std::array<std::byte, 16> trace_id{};
  std::uint64_t span = 0;
  std::string model, version;
  std::size_t instance = 0;
  std::size_t rows = 0;
  std::size_t padded_rows = 0;
  std::string_view why;      ///< why it was these: the batch policy's word, which lasts
  std::size_t waiting = 0;   ///< requests in the queue when it was formed, its own among them
  time_point began{};
  std::atomic<time_point::rep> ended{0};
  std::atomic<time_point::rep> computing{0};  ///< since when, if the instance has told; of the first part, where it is computed in parts
  std::atomic<time_point::rep> computed{0};   ///< until when, of the last one
  std::atomic<bool> told{false};  ///< a trace that links to it has brought it along

  /// The time from `from` to `until`: computing, and what transfer there was before and after.
  [[nodiscard]] boost::container::static_vector<trace_part, 3> parts_within(time_point from, time_point until) const noexcept;
};

/// The record of one run, made when it ends.
struct run_record_of_trace {
  std::shared_ptr<const trace_shape> shape;
  std::uint64_t span = 0;
  std::uint64_t parent = 0;
  std::uint32_t index = 0;  ///< which of its parent's children it is
  stage_span whole;
  std::vector<stage_span> stages;
  failure why;
  bool degraded = false;
  time_point deadline = no_deadline;
};

/// All of one request, from several threads. Its runs hold it; when the outermost ends it is decided whether it is kept.
/// \threads  safe
class request_trace {
 public:
  request_trace(std::shared_ptr<tracer> by, const trace_context& own) noexcept;

  [[nodiscard]] tracer& by() const noexcept { return *by_; }
  [[nodiscard]] const std::array<std::byte, 16>& id() const noexcept { return id_; }
  [[nodiscard]] bool is_sampled() const noexcept { return sampled_; }
  [[nodiscard]] const hash_secret& hashes_keyed_with() const noexcept;

  /// \param run     what it is, but for its stages
  /// \param stages  empty: what they did is not known
  void end_run(run_record_of_trace run, const trace_place& place, std::span<const stage_span> stages) noexcept;
  /// A run that nobody waits for any more; its end_run() replaces this, if that comes before the outermost run ends.
  void note_under_way(run_record_of_trace run, const trace_place& place) noexcept;
  /// So long a span waited, or was computed.
  void add_part(std::uint64_t span, trace_part part) noexcept;
  void add_note(std::uint64_t span, std::string name, trace_value value) noexcept;
  void add_link(std::uint64_t span, std::shared_ptr<batch_record> batch) noexcept;

 private:
  friend class catena::tracer;
  friend class trace_tree;
  struct part_of_span {
    std::uint64_t span;
    trace_part part;
  };
  struct note_of_span {
    std::uint64_t span;
    std::string name;
    trace_value value;
  };
  struct link_of_span {
    std::uint64_t span;
    std::shared_ptr<batch_record> batch;
  };
  /// Calls add() under the lock where there is room.
  /// \param count  of what it adds to, of which there are `most`
  template <class Add>
  void record(std::size_t& count, std::size_t most, Add add) noexcept;
  /// Parts, notes and links: so many for each span that there may be.
  template <class Add>
  void record_detail(Add add) noexcept;

  std::shared_ptr<tracer> by_;
  std::array<std::byte, 16> id_{};
  bool sampled_ = false;
  std::mutex mutex_;
  bool closed_ = false;
  std::size_t run_count_ = 0;
  std::size_t under_way_ = 0;  ///< of the runs, those that have not ended
  std::size_t detail_count_ = 0;
  std::size_t dropped_ = 0;
  std::vector<run_record_of_trace> runs_;
  boost::container::small_vector<part_of_span, 6> parts_;  // what a request to one model has needs no memory of its own
  std::vector<note_of_span> notes_;
  boost::container::small_vector<link_of_span, 2> links_;
  std::atomic<std::uint32_t> references_{0};
  friend void intrusive_ptr_add_ref(request_trace* t) noexcept { t->references_.fetch_add(1, std::memory_order_relaxed); }
  friend void intrusive_ptr_release(request_trace* t) noexcept;
};

/// What a run that is recorded has in its frame. The outermost is in runtime_state::live_runs.
struct trace_place : live_node {
  trace_context context;     ///< its own, which it hands on
  std::uint64_t parent = 0;  ///< the step that has begun it, by its number in this trace; of the outermost, the caller's span
  std::uint64_t shown = 0;   ///< the span that a trace has for it: its own, or that of what it is a part of
  const trace_shape* shape = nullptr;
  std::uint32_t index = 0;   ///< which of its parent's children it is
  bool is_outermost = false;
  std::atomic<time_point::rep> began{0};  ///< zero: it has not
  boost::intrusive_ptr<request_trace> log;
  void* owner = nullptr;     ///< the run

  [[nodiscard]] std::uint64_t span() const noexcept { return context.span_number(); }
  [[nodiscard]] std::uint64_t span_of(std::uint32_t step) const noexcept { return span_of_stage(span(), step); }
  /// The span that a trace has for one of its steps: one without a name is a part of the run.
  [[nodiscard]] std::uint64_t shown_for(std::uint32_t step) const noexcept {
    const bool is_named = step < shape->stages.size() && !shape->stages[step].name.empty();
    return is_named ? span_of(step) : shown;
  }
};

}  // namespace catena::detail
