// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage with a queue, a timeout or a fallback around it.
#include <catena/chain/steps/nested_step.hpp>
#include <catena/graph/stage_queue.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace catena::detail {

struct guard_options {
  std::optional<duration> timeout;
  std::optional<queue_options> queue;
  duration reserve{};
};

struct no_fallback {};  ///< the stage has none

/// What all runs of a guarded stage share.
struct guarded_stage {
  graph::plan_ptr primary;
  graph::plan_ptr fallback;  ///< null: none
  guard_options options;
  std::unique_ptr<graph::stage_queue> queue;
};

/// One run's turn at a guarded stage: first in the queue, then in the stage, then in the fallback.
struct guard_operation : parent_operation, ready_node {
  using parent_operation::parent_operation;
  struct waiter : graph::queue_place, timer_node {
    guard_operation* operation = nullptr;
    errc gives_up{};  ///< why it leaves the queue if nobody has let it in before `when`
    /// Whoever lets it in may work elsewhere: the run's executor must not run out of work meanwhile.
    work_elsewhere work;
  };

  waiter place;
  time_point until = no_deadline;  ///< when the stage itself must have answered
  bool inside = false;             ///< holds a place in the stage that must be given back
  void reset() noexcept { place.work.drop(); }
};

/// Base and Fallback are stage expressions; the fallback's may be no_fallback.
template <class Base, class Fallback, class... In>
struct guard_step {
  using output = typename Base::template output<In...>;
  using inputs = arguments<passing::dynamic, In...>;
  static constexpr bool has_fallback = !std::is_same_v<Fallback, no_fallback>;

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, const std::string& name, std::vector<std::uint32_t> ids, Base base,
                              Fallback fallback, const guard_options& options);

 private:
  static const guarded_stage& stage_of(const guard_operation& op) noexcept {
    return *static_cast<const guarded_stage*>(op.its_step().stage);
  }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto& op = make_operation<guard_operation>(r, s);
    const auto& stage = stage_of(op);
    if (r.description(s).suspends && !r.enlist(op)) {
      release_inputs(r, s);
      return graph::outcome::stopped;
    }
    if (stage.options.timeout) op.until = later(r.runtime().time->now(), *stage.options.timeout);
    if (stage.options.reserve > duration{} && r.deadline != no_deadline)
      op.until = std::min(op.until, earlier(r.deadline, stage.options.reserve));
    // Who stops the run takes a waiter out of the queue, and may be done with the run before this is.
    const boost::intrusive_ptr<graph::run> pinned(stage.queue ? &r : nullptr);
    enter(op);
    return finish_start<guard_step>(r, s, op);
  }

  // ---- the queue ----

  static void enter(guard_operation& op) {
    const auto& stage = stage_of(op);
    if (!stage.queue) return start_primary(op);
    auto& place = op.place;
    place.operation = &op;
    place.work.hold(*op.owner);
    op.owner->retain();  // for whoever lets it in
    arm(op, stage.queue->options().ttl);
    const auto entered = stage.queue->enter(place);
    if (entered == graph::stage_queue::entry::waits) return;
    disarm(op);
    op.owner->release();
    switch (entered) {
      case graph::stage_queue::entry::waits:
      case graph::stage_queue::entry::entered:
        op.inside = true;
        return start_primary(op);
      case graph::stage_queue::entry::given_up: return not_let_in(op, waited_in_vain(place.gives_up));
      case graph::stage_queue::entry::full:
        return not_let_in(op, failure(errc::queue_full, "the stage's queue is full at " +
                                                            std::to_string(stage.queue->options().capacity)));
    }
  }

  static void arm(guard_operation& op, duration ttl) {
    auto& place = op.place;
    const time_point expires = ttl > duration{} ? later(op.owner->runtime().time->now(), ttl) : no_deadline;
    place.when = std::min(expires, op.until);
    if (place.when == no_deadline) return;
    place.gives_up = expires <= op.until ? errc::expired : errc::timed_out;
    place.fire = [](timer_node& node, wake how) {
      auto& waiter = static_cast<guard_operation::waiter&>(node);
      graph::run& r = *waiter.operation->owner;
      if (how == wake::resumed && stage_of(*waiter.operation).queue->give_up(waiter)) go_on(*waiter.operation);
      r.release();
    };
    op.owner->retain();  // for the timer
    op.owner->runtime().timers->add(place);
  }

  static void disarm(guard_operation& op) {
    if (op.place.fire && op.owner->runtime().timers->remove(op.place)) op.owner->release();
  }

  static failure waited_in_vain(errc why) {
    return failure(why, why == errc::expired ? "waited in the stage's queue longer than its time to live"
                                             : "waited in the stage's queue until its timeout");
  }

  /// Resumes one that has left the queue, on its run's executor; it still holds the pin it took when it entered.
  static void go_on(guard_operation& op) {
    op.resume = [](ready_node& node, wake how) {
      auto& self = static_cast<guard_operation&>(node);
      const boost::intrusive_ptr<graph::run> pinned(self.owner, false);
      if (how == wake::abandoned) return abandoned(self);
      if (!self.inside) return not_let_in(self, waited_in_vain(self.place.gives_up));
      start_primary(self);
    };
    op.owner->resume_on_executor(op);
  }

  static void not_let_in(guard_operation& op, failure why) {
    if constexpr (!has_fallback) op.owner->note_never_began();
    stage_failed(op, std::move(why));
  }

  static void leave(guard_operation& op) {
    if (!std::exchange(op.inside, false)) return;
    auto* next = static_cast<guard_operation::waiter*>(stage_of(op).queue->leave());
    if (!next) return;
    disarm(*next->operation);
    next->operation->inside = true;
    go_on(*next->operation);
  }

  static bool cancel(graph::operation& base) {
    auto& op = static_cast<guard_operation&>(base);
    const auto& stage = stage_of(op);
    if (stage.queue && stage.queue->give_up(op.place)) {
      // Nobody lets it in any more: the run need not wait, and its inputs end with the run.
      disarm(op);
      op.owner->note_never_began();
      op.reset();
      op.owner->release();
      return true;
    }
    stop_children_locked(op);
    return false;
  }

  // ---- the stage and its fallback ----

  static void start_primary(guard_operation& op) {
    op.place.work.drop();
    const auto& s = op.its_step();
    graph::run* child = nullptr;
    failure why;
    try {
      child = &make_child(op, *stage_of(op).primary,
                          {.deadline = op.until, .stoppable = true, .ended = &primary_ended, .abandoned = &abandoned},
                          [&](graph::run& made) {
                            if constexpr (has_fallback) child_inputs<In...>::lend(*op.owner, s, made);
                            else child_inputs<In...>::give(*op.owner, s, made);
                          });
    } catch (...) {
      why = failure::from(std::current_exception());
    }
    if (child) return start_child(*child);
    leave(op);
    stage_failed(op, std::move(why));
  }

  static void primary_ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<guard_operation&>(parent);
    graph::run& r = *op.owner;
    const bool own_limit = op.until < r.deadline;
    const bool answered = child.answered() || child.why_stopped() == graph::stop_reason::exited;
    const bool late = own_limit && (answered ? r.runtime().time->now() > op.until : missed_its_deadline(child));
    leave(op);
    if (answered && !late) {
      take_answer<output>(child, r, op.its_step());
      child.release();
      complete_step<guard_step>(op);
      return;
    }
    failure why = late ? failure(errc::timed_out, "gave no answer within the stage's time") : child.reason();
    if constexpr (!has_fallback) pass_on_never_began(child, r);
    child.release();
    stage_failed(op, std::move(why));
  }

  /// The child, or a chain inside it that looks at the same deadline between its stages.
  static bool missed_its_deadline(graph::run& child) {
    return child.why_stopped() == graph::stop_reason::deadline ||
           (child.reason().is(errc::deadline_exceeded) && child.runtime().time->now() >= child.deadline);
  }

  static void stage_failed(guard_operation& op, failure why) {
    graph::run& r = *op.owner;
    const auto& s = op.its_step();
    if constexpr (has_fallback) {
      if (!r.stopped() && !why.is(errc::cancelled)) {
        graph::run& child = make_child(op, *stage_of(op).fallback, {.ended = &fallback_ended, .abandoned = &abandoned});
        child_inputs<In...>::lend(r, s, child);
        start_child(child);
        return;
      }
    }
    r.fail(s, std::move(why));
    complete_step<guard_step>(op);
  }

  static void fallback_ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<guard_operation&>(parent);
    take_answer<output>(child, *op.owner, op.its_step());
    child.release();
    complete_step<guard_step>(op);
  }

  static void abandoned(parent_operation& parent) noexcept {
    auto& op = static_cast<guard_operation&>(parent);
    leave(op);
    abandon_step<guard_step>(op);
  }
};

/// What a stage is called in messages: the one stage of a plan made for a policy goes by the plan's name.
inline const std::string& label_of(const graph::builder& chain, const std::string& stage) noexcept {
  return stage.empty() ? chain.name() : stage;
}

/// Builds the plan of one stage, for a step that runs it as a run of its own.
template <class Stage, class... In>
graph::plan_ptr plan_of_stage(const graph::builder& around, std::string name, Stage stage) {
  graph::builder alone(around.runtime(), std::move(name));
  std::vector<std::uint32_t> inputs{((void)sizeof(In), alone.add_input(graph::value_type_of<In>))...};
  const auto id = std::move(stage).template add_to<In...>(alone, std::move(inputs));
  return alone.compile(id, graph::builder::exits::leave);
}

/// What a step says of itself that runs `work` as a run of its own; name, inputs and data are still to be filled in.
template <class Out, class Operation>
void describe_child_step(graph::builder& chain, graph::stage_request& request, const graph::plan_ptr& work, std::size_t input_count,
                         decltype(graph::stage_request::fixed) execute, decltype(graph::stage_request::cancel) cancel) {
  request.kind = work->stages.front().kind;
  request.need = work->stages.front().need;
  request.demands = child_demands(input_count, work);
  request.type = &graph::value_type_of<Out>;
  request.fixed = request.dynamic = execute;
  request.scratch_size = sizeof(Operation);
  request.suspends = true;
  request.cancel = cancel;
  request.keeps_inputs = true;
  request.result_optional = std::is_same_v<Out, unit>;
  request.inner = {work};
  if (work->exit_type) chain.add_exit(*work->exit_type, work->name);
}

template <class Base, class Fallback, class... In>
std::uint32_t guard_step<Base, Fallback, In...>::add_to(graph::builder& chain, const std::string& name,
                                                        std::vector<std::uint32_t> ids, Base base, Fallback fallback,
                                                        const guard_options& options) {
  auto stage = std::make_shared<guarded_stage>();
  stage->options = options;
  const std::string& label = label_of(chain, name);
  if (options.timeout && *options.timeout <= duration{}) chain.fault("stage '" + label + "': timeout must be greater than zero");
  if (options.reserve < duration{}) chain.fault("stage '" + label + "': the fallback's reserve must be zero or more");
  if (options.queue) {
    if (options.queue->ttl < duration{}) chain.fault("stage '" + label + "': queue_options::ttl must be zero or more");
    if (options.queue->consumers < 1) chain.fault("stage '" + label + "': queue_options::consumers must be at least 1");
    stage->queue = std::make_unique<graph::stage_queue>(*options.queue);
  }
  stage->primary = plan_of_stage<Base, In...>(chain, label, std::move(base));
  if constexpr (has_fallback) {
    using fallback_output = typename Fallback::template output<In...>;
    static_assert(std::is_same_v<fallback_output, output>, "catena: a fallback answers what its stage answers");
    stage->fallback = plan_of_stage<Fallback, In...>(chain, label, std::move(fallback));
  }
  graph::stage_request request;
  request.name = name;
  request.inputs = std::move(ids);
  describe_child_step<output, guard_operation>(chain, request, stage->primary, sizeof...(In), &execute, &cancel);
  request.suspends = stage->queue || !stage->primary->sequential || (stage->fallback && !stage->fallback->sequential);
  if (stage->fallback) {
    request.demands = shared_demands(chain, label, sizeof...(In), stage->primary, stage->fallback);
    request.inner.push_back(stage->fallback);
    if (stage->fallback->exit_type) chain.add_exit(*stage->fallback->exit_type, label);
  }
  request.stage = std::move(stage);
  return chain.add_stage(std::move(request));
}

/// A stage expression with nothing but a queue around it, inside of another step.
template <class Base>
struct queued_stage {
  template <class... In>
  using output = typename Base::template output<In...>;

  template <class... In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> ids) && {
    return guard_step<Base, no_fallback, In...>::add_to(chain, "", std::move(ids), std::move(base), {}, queue);
  }

  Base base;
  guard_options queue;
};

}  // namespace catena::detail
