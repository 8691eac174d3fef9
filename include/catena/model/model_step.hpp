// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A model as a stage: the request is the suspended step itself, in the run's frame.
#include <catena/chain/steps/detached_operation.hpp>
#include <catena/model/batcher.hpp>

#include <memory>
#include <utility>

namespace catena::detail {

struct model_operation : detached_operation, pending_request {
  using detached_operation::detached_operation;
};

/// The input is read where it lies in the frame, which stays until the row has been answered or dropped.
template <class In, class Out>
struct model_step {
  using output = Out;
  using inputs = arguments<passing::dynamic, In>;

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    batcher& to = batcher_of(s);
    const void* const input = inputs(r, s).template get<0>();
    const measured facts = to.measures() ? to.measure(input) : measured{};
    auto& op = make_operation<model_operation>(r, s);
    op.input = input;
    op.deadline = r.deadline;
    op.priority = r.priority;
    op.tenant = r.tenant;
    op.cost = facts.cost;
    op.shape = facts.shape;
    op.bytes = facts.bytes;
    op.locality = facts.locality;
    if (!begin_detached<model_step>(op)) return graph::outcome::stopped;
    failure why;
    switch (to.submit(op, why)) {
      case batcher::entry::accepted: break;  // the run may be gone already
      case batcher::entry::unwanted: end_uncomputed(op); break;
      case batcher::entry::refused: return refuse(op, std::move(why));
      case batcher::entry::closed: return refuse(op, failure(errc::cancelled, to.says("its executor is gone")));
    }
    return graph::outcome::suspended;
  }

  template <class Model>
  static void prepare(graph::builder& chain, graph::stage_request& request, const Model& model) {
    const std::shared_ptr<batcher>& core = model.core();
    expect_same_runtime(chain, request, *core);
    request.kind = "model";
    request.demands = {graph::demand::reads};
    request.type = &graph::value_type_of<output>;
    request.fixed = request.dynamic = &execute;
    request.stage = std::make_shared<const std::shared_ptr<batcher>>(core);
    request.scratch_size = sizeof(model_operation);
    request.suspends = true;
    request.cancel = &cancel;
    request.keeps_inputs = true;
    request.begins_anywhere = true;
    request.result_optional = std::is_same_v<output, unit>;
    request.need = core;
  }

  static void expect_same_runtime(graph::builder& chain, const graph::stage_request& request, const batcher& core) {
    chain.expect_own(request, core.runtime().get(), "model '" + core.name() + "' belongs");
  }

  // ---- for the batch and the batcher: each ends the request ----

  static void answer_locked(batch_place& place, pending_request& r, Out&& value) {
    end_locked(place, operation_of(r), std::move(value));
  }
  static void fail_locked(batch_place& place, pending_request& r, failure why) {
    if (r.expired) operation_of(r).owner->note_never_began();
    end_locked(place, operation_of(r), std::move(why));
  }
  static void evict(pending_request& request, failure why) {
    model_operation& op = operation_of(request);
    if (!op.claim()) return end_uncomputed(op);
    op.resume = &resume_detached<model_step, resumes::at_home>;
    trace_waited(op);
    op.owner->note_never_began();
    op.owner->fail(op.its_step(), std::move(why));
    op.owner->resume_on_executor(op);
  }
  static void abandon(pending_request& request) noexcept {
    model_operation& op = operation_of(request);
    if (!op.claim()) return end_uncomputed(op);
    const boost::intrusive_ptr<graph::run> pinned(op.owner, false);
    end_operation<model_step>(op);
    pinned->abandon();
  }
  static bool give_up(pending_request& request) noexcept {
    model_operation& op = operation_of(request);
    if (!op.give_up()) return false;
    op.owner->retain();  // the row may be answered, and dropped, before the run is abandoned
    return true;
  }
  static void abandon_given_up(pending_request& request) noexcept {
    const boost::intrusive_ptr<graph::run> pinned(operation_of(request).owner, false);
    pinned->abandon();
  }
  static constexpr request_operations operations{&fail_locked, &evict, &abandon, &give_up, &abandon_given_up};

  [[nodiscard]] static bool is_wanted(const pending_request& r) noexcept {
    return !static_cast<const model_operation&>(r).given_up();
  }
  [[nodiscard]] static call call_of(const pending_request& r) noexcept {
    const auto& op = static_cast<const model_operation&>(r);
    return call(*op.owner, op.step);
  }

 private:
  template <class Answered>
  static void end_locked(batch_place& place, model_operation& op, Answered&& answered) {
    if (!take_detached<model_step>(op, std::forward<Answered>(answered))) {
      ++place.wasted;
      return;
    }
    graph::run& r = *op.owner;
    if (r.is_traced()) trace_computed(place, op);
    if (place.called && r.of().goes_on_anywhere(op.step)) {
      op.resume = &resume_detached<model_step, resumes::here>;
      place.onward.push_back(op);
    } else if (!r.is_at_home()) {
      place.send_abroad_locked(op, r.executor());
    } else {
      place.send_home_locked(op);
    }
  }

  /// It leaves the queue, and nothing was computed.
  static void trace_waited(const model_operation& op) noexcept {
    graph::run& r = *op.owner;
    if (r.is_traced())
      r.recording->log->add_part(r.recording->span_of(op.step), {span_part::batch_wait, op.arrival, r.runtime().time->now()});
  }

  static void trace_computed(const batch_place& place, const model_operation& op) noexcept {
    graph::run& r = *op.owner;
    request_trace& log = *r.recording->log;
    const std::uint64_t span = r.recording->span_of(op.step);
    log.add_part(span, {span_part::batch_wait, op.arrival, place.formed_at});
    if (op.expired) return;
    const time_point now = r.runtime().time->now();
    if (!place.traced) return log.add_part(span, {span_part::compute, place.formed_at, now});
    for (const trace_part& part : place.traced->parts_within(place.formed_at, now)) log.add_part(span, part);
    log.add_link(span, place.traced);
  }

  static model_operation& operation_of(pending_request& r) noexcept { return static_cast<model_operation&>(r); }
  static batcher& batcher_of(const graph::step& s) noexcept {
    return **static_cast<const std::shared_ptr<batcher>*>(s.stage);
  }

  /// The run is stopped. A request that waits leaves at once; its input dies with the frame, because this runs under the
  /// run's lock, where no destructor of the user's belongs.
  static bool cancel(graph::operation& base) {
    auto& op = static_cast<model_operation&>(base);
    const bool queued = batcher_of(op.its_step()).withdraw(op);
    const bool given_up = op.give_up();
    if (queued) {
      trace_waited(op);
      op.owner->note_never_began();
      op.owner->release();  // not the last: who stops a run holds it
    }
    return given_up;
  }

  /// The run stopped while the request was on its way to the queue: nothing was computed, so nothing is wasted.
  static void end_uncomputed(model_operation& op) noexcept {
    const boost::intrusive_ptr<graph::run> pinned(op.owner, false);
    release_inputs(*pinned, op.its_step());
  }

  static graph::outcome refuse(model_operation& op, failure why) {
    if (!op.claim()) {
      end_uncomputed(op);
      return graph::outcome::suspended;  // who stopped the run has counted the operation out
    }
    graph::run& r = *op.owner;
    r.note_never_began();
    r.fail(op.its_step(), std::move(why));
    end_operation<model_step>(op);
    r.release();  // not the last: the walker holds the run
    return graph::outcome::stopped;
  }
};

}  // namespace catena::detail
