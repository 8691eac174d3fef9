// SPDX-License-Identifier: BSL-1.0
// What is recorded of a run, and who is told.
#include <catena/graph/run.hpp>
#include <catena/observe/tracer.hpp>

#include <memory>
#include <span>

namespace catena::graph {

/// A child is a part of the request of the run around it, and so is a run that works for one; any other begins a trace, or goes on with
/// its caller's.
void run::begin_recording(const start_options& options, std::byte* where) noexcept {
  using catena::detail::trace_place;
  const call_context* const around = options.around ? options.around : options.call.part_of;
  catena::tracer& by = *runtime().tracer;
  auto* const place = ::new (static_cast<void*>(where)) trace_place;
  place->owner = this;
  place->shape = plan_->shape.get();
  place->index = options.index;
  recording = place;
  trace = &place->context;
  if (around && around->recording) {
    const trace_place& above = *around->recording;
    const std::uint32_t step = options.around ? options.around_step : options.call.part_of_step;
    place->log = above.log;
    place->context = above.context;
    place->context.set_span(by.new_span());
    place->parent = above.span_of(step);
    const bool is_shown = plan_->is_chain || (options.around && catena::detail::shows_its_runs(above.shape->stages[step].layer));
    place->shown = is_shown ? place->span() : above.shown_for(step);
    return;
  }
  place->is_outermost = true;
  place->context = options.call.trace_parent;
  place->parent = place->context.span_number();
  if (!place->context.is_set()) place->context.trace_id = by.new_id();
  if (by.samples(place->context.trace_id)) place->context.flags |= 1U;
  place->log = by.begin(place->context);
  place->context.set_span(by.new_span());
  place->shown = place->span();
}

void run::end_recording() noexcept {
  runtime().live_runs.remove(*recording);  // where it was abandoned
  std::destroy_at(recording);
}

void run::note_under_way() noexcept {
  if (!is_traced()) return;
  const time_point began{duration(recording->began.load(std::memory_order_relaxed))};
  if (began != time_point{}) recording->log->note_under_way({.shape = plan_->shape, .whole = {began, {}}, .stages = {}, .why = {}}, *recording);
}

/// \param stages  their times; empty: not to be looked at
void run::count_end(std::span<const stage_span> stages) noexcept {
  if (recording) runtime().live_runs.remove(*recording);
  if (!plan_->meter && !is_traced()) return;
  stage_span& whole = spans()[plan_->steps.size()];
  if (whole.began == time_point{}) return;  // it never began
  if (whole.ended == time_point{}) whole.ended = runtime().time->now();
  const bool has_failed = !answered_or_exited();
  if (plan_->meter) plan_->meter->ended(is_whole_, whole, stages, has_failed ? &reason_ : nullptr, degraded);
  if (is_traced())
    recording->log->end_run({.shape = plan_->shape, .whole = whole, .stages = {}, .why = has_failed ? reason_ : failure(), .degraded = degraded, .deadline = deadline}, *recording, stages);
}

void run::report() noexcept {
  if (!recorded_ || !runtime().observer) return;
  const run_record record{.chain = plan_->name,
                          .id = id,
                          .trace_parent = trace,
                          .stages = plan_->stage_names,
                          .spans = std::span(spans(), plan_->steps.size()),
                          .why = answered_or_exited() ? nullptr : &reason_,
                          .degraded = degraded};
  runtime().observer->run_ended(record);
}

}  // namespace catena::graph
