// SPDX-License-Identifier: BSL-1.0
#include "trace_tree.hpp"

#include <catena/observe/stage_path.hpp>

#include <algorithm>
#include <numeric>
#include <utility>

namespace catena {

std::string_view name_of(span_part p) noexcept {
  switch (p) {
    case span_part::work: return "work";
    case span_part::queue: return "queue";
    case span_part::admission: return "admission";
    case span_part::cache: return "cache";
    case span_part::backoff: return "backoff";
    case span_part::batch_wait: return "batch_wait";
    case span_part::compute: return "compute";
    case span_part::transfer: return "transfer";
    case span_part::parked: return "parked";
    case span_part::hand_over: break;
  }
  return "hand_over";
}

std::string_view name_of(span_kind k) noexcept {
  switch (k) {
    case span_kind::run: return "run";
    case span_kind::stage: return "stage";
    case span_kind::attempt: return "attempt";
    case span_kind::batch: break;
  }
  return "batch";
}

std::string_view name_of(kept_for k) noexcept {
  switch (k) {
    case kept_for::sampled: return "sampled";
    case kept_for::slow: return "slow";
    case kept_for::failed: break;
  }
  return "failed";
}

namespace detail {
namespace {

/// What a step does before the first run that it begins, between two, and after the last.
struct gap_names {
  span_part before, between, after;
};

gap_names gaps_of(step_layer l) noexcept {
  switch (l) {
    case step_layer::queue: return {span_part::queue, span_part::queue, span_part::hand_over};
    case step_layer::admission: return {span_part::admission, span_part::admission, span_part::hand_over};
    case step_layer::cache: return {span_part::cache, span_part::cache, span_part::hand_over};
    case step_layer::attempts: return {span_part::work, span_part::backoff, span_part::hand_over};
    case step_layer::notify: return {span_part::work, span_part::parked, span_part::parked};
    case step_layer::none:
    case step_layer::hedge:
    case step_layer::race:
    case step_layer::fallback:
    case step_layer::each:
    case step_layer::choice: break;
  }
  return {span_part::work, span_part::work, span_part::work};
}

/// What a step was that began no run.
span_part alone(step_layer l) noexcept {
  switch (l) {
    case step_layer::queue: return span_part::queue;
    case step_layer::admission: return span_part::admission;
    case step_layer::cache: return span_part::cache;
    default: return span_part::work;
  }
}

}  // namespace

std::vector<std::shared_ptr<const trace>> trace_tree::build(kept_for why) {
  made_.id = of_.id_;
  made_.why = why;
  made_.dropped_count = of_.dropped_;
  find_children();
  add_run(of_.runs_.size() - 1);  // the outermost ended last
  // What a coroutine left behind, and what was recorded of what is missing, is under the first.
  for (std::size_t i = of_.runs_.size() - 1; i-- > 0;)
    if (!spans_.contains(of_.runs_[i].span)) add_run(i);
  add_notes();
  auto all = add_batches();
  sort_spans();
  all.insert(all.begin(), std::make_shared<const trace>(std::move(made_)));
  return all;
}

/// By when they began; those above come before those under them, as they were made.
void trace_tree::sort_spans() {
  std::vector<std::size_t> order(made_.spans.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin() + 1, order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(made_.spans[a].began, a) < std::pair(made_.spans[b].began, b);
  });
  std::vector<trace_span> sorted;
  sorted.reserve(order.size());
  for (const std::size_t i : order) sorted.push_back(std::move(made_.spans[i]));
  made_.spans = std::move(sorted);
}

void trace_tree::find_children() {
  for (std::size_t i = 0; i < of_.runs_.size(); ++i) {
    const run& r = of_.runs_[i];
    for (std::size_t step = 0; step < r.shape->stages.size(); ++step)
      steps_.emplace(span_of_stage(r.span, static_cast<std::uint32_t>(step)), step_place{i, step});
    if (i + 1 != of_.runs_.size()) children_[r.parent].push_back(i);
  }
  for (auto& [step, runs] : children_)
    std::ranges::sort(runs, {}, [&](std::size_t i) { return std::pair(of_.runs_[i].whole.began, i); });
  for (const auto& [span, part] : of_.parts_) told_[span].push_back(part);
  for (auto& [span, parts] : told_) std::ranges::sort(parts, {}, [](const trace_part& p) { return std::pair(p.began, p.ended); });
}

trace_span& trace_tree::new_span(std::uint64_t id, std::uint64_t parent, span_kind kind, std::string name, stage_span when) {
  spans_[id] = made_.spans.size();
  return made_.spans.emplace_back(trace_span{.id = id,
                                             .parent = parent,
                                             .kind = kind,
                                             .name = std::move(name),
                                             .began = when.began,
                                             .ended = when.ended,
                                             .why = {},
                                             .parts = {},
                                             .attributes = {},
                                             .links = {}});
}

trace_span& trace_tree::shown(std::uint64_t id) {
  const auto found = spans_.find(id);
  return made_.spans[found == spans_.end() ? 0 : found->second];
}

void trace_tree::add_run(std::size_t index) {
  const run& r = of_.runs_[index];
  if (spans_.contains(r.span)) return;
  const std::uint64_t own = span_for(r, made_.spans.empty() ? r.parent : shown(r.parent).id);
  if (r.degraded) shown(own).attributes.emplace_back("catena.degraded", true);
  for (std::size_t step = 0; step < r.stages.size(); ++step)
    if (r.stages[step].began != time_point{}) add_stage(r, step, own);
}

/// Its own, or the one that it is a part of.
std::uint64_t trace_tree::span_for(const run& r, std::uint64_t around) {
  const auto begun_by = steps_.find(r.parent);
  const bool is_inside = !made_.spans.empty() && begun_by != steps_.end();
  const step_layer layer = is_inside ? of_.runs_[begun_by->second.run].shape->stages[begun_by->second.step].layer : step_layer::none;
  // Of a choice, where another one was tried as well.
  const bool is_several = shows_its_runs(layer) || (layer == step_layer::choice && children_[r.parent].size() > 1);
  if (is_inside && !r.shape->is_chain && !is_several) {
    trace_span& whole = shown(around);
    spans_[r.span] = static_cast<std::size_t>(&whole - made_.spans.data());
    if (layer == step_layer::choice) whole.attributes.emplace_back("catena.choice", r.shape->name);
    return around;
  }
  if (r.shape->is_chain || !is_several) {
    trace_span& own = new_span(r.span, around, span_kind::run, r.shape->name, r.whole);
    own.why = r.why;
    if (r.deadline != no_deadline)
      own.attributes.emplace_back("catena.deadline_left_seconds", std::chrono::duration<double>(r.deadline - r.whole.ended).count());
    return r.span;
  }
  const bool has_name = layer == step_layer::race || layer == step_layer::choice;
  const std::string name = has_name ? r.shape->name : layer == step_layer::each ? "item" : "attempt";
  trace_span& own = new_span(r.span, around, span_kind::attempt, name, r.whole);
  own.why = r.why;
  own.attributes.emplace_back("catena.number", static_cast<std::int64_t>(r.index));
  return r.span;
}

void trace_tree::add_stage(const run& r, std::size_t step, std::uint64_t within) {
  const std::uint64_t id = span_of_stage(r.span, static_cast<std::uint32_t>(step));
  const std::string& name = r.shape->stages[step].name;
  stage_span when = r.stages[step];
  const bool has_ended = when.ended != time_point{};
  if (!has_ended) when.ended = r.whole.ended;  // it was told to stop
  std::uint64_t to = within;
  if (name.empty()) {
    spans_[id] = static_cast<std::size_t>(&shown(within) - made_.spans.data());
  } else {
    trace_span& own = new_span(id, within, span_kind::stage, name, when);
    if (!has_ended) own.attributes.emplace_back("catena.stopped", true);
    if (r.why.is_set() && begins_with_stage(r.why.path(), name)) own.why = r.why;
    to = id;
  }
  add_parts(r, step, to);
  if (const auto begun = children_.find(id); begun != children_.end())
    for (const std::size_t child : begun->second) add_run(child);
}

void trace_tree::add_parts(const run& r, std::size_t step, std::uint64_t to) {
  const std::uint64_t id = span_of_stage(r.span, static_cast<std::uint32_t>(step));
  const step_layer layer = r.shape->stages[step].layer;
  const time_point began = r.stages[step].began;
  const time_point ended = r.stages[step].ended != time_point{} ? r.stages[step].ended : r.whole.ended;
  if (const auto told = told_.find(id); told != told_.end()) {
    time_point until = began;
    for (const trace_part& part : told->second) {
      add_gap(to, part.what, std::max(part.began, until), part.ended);
      until = std::max(until, part.ended);
    }
    return add_gap(to, span_part::hand_over, until, ended);
  }
  const auto begun = children_.find(id);
  if (layer == step_layer::cache && begun != children_.end()) shown(to).attributes.emplace_back("catena.cache", std::string("miss"));
  if (begun == children_.end()) return add_gap(to, alone(layer), began, ended);
  const gap_names gaps = gaps_of(layer);
  time_point until = began;
  for (const std::size_t child : begun->second) {
    const stage_span when = of_.runs_[child].whole;
    if (when.ended == time_point{}) continue;
    add_gap(to, until == began && child == begun->second.front() ? gaps.before : gaps.between, until, when.began);
    until = std::max(until, when.ended);
  }
  add_gap(to, gaps.after, until, ended);
}

void trace_tree::add_gap(std::uint64_t to, span_part what, time_point from, time_point until) {
  if (until > from) shown(to).parts.push_back({what, from, until});
}

void trace_tree::add_notes() {
  for (auto& [span, name, value] : of_.notes_) shown(span).attributes.emplace_back(std::move(name), std::move(value));
}

std::vector<std::shared_ptr<const trace>> trace_tree::add_batches() {
  std::vector<std::shared_ptr<const trace>> all;
  for (const auto& [span, batch] : of_.links_) {
    shown(span).links.push_back({batch->trace_id, batch->span});
    if (batch->told.exchange(true, std::memory_order_acq_rel)) continue;
    trace own{.id = batch->trace_id, .why = made_.why, .spans = {}, .dropped_count = 0};
    trace_span& b = own.spans.emplace_back();
    b.id = batch->span;
    b.kind = span_kind::batch;
    b.name = batch->model;
    b.began = batch->began;
    b.ended = time_point(duration(batch->ended.load(std::memory_order_acquire)));
    if (b.ended == time_point{}) b.ended = shown(span).ended;  // it is not done, but this one has its answer
    for (const trace_part& part : batch->parts_within(b.began, b.ended)) b.parts.push_back(part);
    b.attributes = {{"catena.model", batch->model},
                    {"catena.model.version", batch->version},
                    {"catena.instance", static_cast<std::int64_t>(batch->instance)},
                    {"catena.batch.rows", static_cast<std::int64_t>(batch->rows)},
                    {"catena.batch.padded_rows", static_cast<std::int64_t>(batch->padded_rows)},
                    {"catena.batch.waiting", static_cast<std::int64_t>(batch->waiting)},
                    {"catena.batch.why", std::string(batch->why)}};
    all.push_back(std::make_shared<const trace>(std::move(own)));
  }
  return all;
}

}  // namespace detail
}  // namespace catena
