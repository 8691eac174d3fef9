// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/request_trace.hpp>
#include <catena/observe/trace_note.hpp>
#include <catena/observe/tracer.hpp>

#include <algorithm>
#include <utility>

namespace catena {
namespace detail {

boost::container::static_vector<trace_part, 3> batch_record::parts_within(time_point from, time_point until) const noexcept {
  const time_point first{duration(computing.load(std::memory_order_acquire))}, over{duration(computed.load(std::memory_order_acquire))};
  const time_point since = first == time_point{} ? from : std::clamp(first, from, until);
  const time_point end = over == time_point{} ? until : std::clamp(over, since, until);
  boost::container::static_vector<trace_part, 3> parts;
  if (since > from) parts.push_back({span_part::transfer, from, since});
  parts.push_back({span_part::compute, since, end});
  if (until > end) parts.push_back({span_part::transfer, end, until});
  return parts;
}

request_trace::request_trace(std::shared_ptr<tracer> by, const trace_context& own) noexcept
    : by_(std::move(by)), id_(own.trace_id), sampled_(own.is_sampled()) {}

const hash_secret& request_trace::hashes_keyed_with() const noexcept { return by_->hashes_keyed_with(); }

/// What does not fit into memory is dropped, as what is too much.
template <class Add>
void request_trace::record(std::size_t& count, std::size_t most, Add add) noexcept {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  if (count >= most) {
    ++dropped_;
    return;
  }
  try {
    add();
    ++count;
  } catch (...) {
    ++dropped_;
  }
}

template <class Add>
void request_trace::record_detail(Add add) noexcept {
  constexpr std::size_t for_each_span = 16;
  record(detail_count_, for_each_span * by_->options().max_runs, add);
}

void request_trace::end_run(run_record_of_trace run, const trace_place& place, std::span<const stage_span> stages) noexcept {
  run.span = place.span();
  run.parent = place.parent;
  run.index = place.index;
  const auto add = [&] {
    run.stages.assign(stages.begin(), stages.end());
    if (under_way_ != 0 && !place.is_outermost) {
      const auto known = std::ranges::find(runs_, run.span, &run_record_of_trace::span);
      if (known != runs_.end()) {
        --under_way_;
        *known = std::move(run);
        return;
      }
    }
    runs_.push_back(std::move(run));
  };
  if (!place.is_outermost) return record(run_count_, by_->options().max_runs, add);
  const std::optional<kept_for> why = by_->worth(*this, run);
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    if (!why) return;
    try {
      add();
    } catch (...) {
      return by_->count_dropped();
    }
  }
  by_->deliver(*this, *why);
  runs_.clear();  // whoever still holds it need not hold these
  parts_.clear();
  notes_.clear();
  links_.clear();
}

void request_trace::note_under_way(run_record_of_trace run, const trace_place& place) noexcept {
  run.span = place.span();
  run.parent = place.parent;
  run.index = place.index;
  record(run_count_, by_->options().max_runs, [&] {
    runs_.push_back(std::move(run));
    ++under_way_;
  });
}

void request_trace::add_part(std::uint64_t span, trace_part part) noexcept {
  record_detail([&] { parts_.push_back({span, part}); });
}

void request_trace::add_note(std::uint64_t span, std::string name, trace_value value) noexcept {
  record_detail([&] { notes_.push_back({span, std::move(name), std::move(value)}); });
}

void request_trace::add_link(std::uint64_t span, std::shared_ptr<batch_record> batch) noexcept {
  record_detail([&] { links_.push_back({span, std::move(batch)}); });
}

trace_context handed_on(const trace_place& by, std::uint32_t step) noexcept {
  trace_context c = by.context;
  c.set_span(by.shown_for(step));
  return c;
}

void intrusive_ptr_release(request_trace* t) noexcept {
  if (t->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete t;
}

}  // namespace detail

void note(const run_options& within, std::string name, trace_value value) noexcept {
  const detail::trace_place* const place = within.part_of ? within.part_of->recording : nullptr;
  if (place && place->log) place->log->add_note(place->span_of(within.part_of_step), std::move(name), std::move(value));
}

void note(const call& of, std::string name, trace_value value) noexcept { note(of.options(), std::move(name), std::move(value)); }

}  // namespace catena
