// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage with a queue in front of it: `.queue(...)`.
#include <catena/chain/steps/stage_plan.hpp>
#include <catena/graph/stage_queue.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace catena::detail {

/// What all runs of a stage with a queue share.
struct queued_work : stage_measure {
  explicit queued_work(const queue_options& options) : queue(options) {}
  void collect(metric_set& to, std::string_view chain, std::string_view stage) const override;
  graph::plan_ptr work;
  mutable graph::stage_queue queue;
};
/// \param let_in  goes on with one who may enter by now
[[nodiscard]] std::vector<tunable_place> tunables_of(const std::shared_ptr<queued_work>& stage, void (*let_in)(graph::queue_place&));

/// One run's turn: first in the queue, then in the stage.
struct queue_operation : parent_operation, ready_node {
  using parent_operation::parent_operation;
  struct waiter : graph::queue_place, timer_node {
    queue_operation* operation = nullptr;
    /// Whoever lets it in may work elsewhere: the run's executor must not run out of work meanwhile.
    work_elsewhere work;
  };

  waiter place;
  bool inside = false;  ///< holds a place in the stage that must be given back
  void reset() noexcept { place.work.drop(); }
};

/// The same for all stages that take and answer the same.
template <class Out, class... In>
struct queue_step {
  using output = Out;
  using inputs = arguments<passing::dynamic, In...>;

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, const std::string& name, std::vector<std::uint32_t> ids, graph::plan_ptr work,
                              const queue_options& options) {
    const std::string& label = label_of(chain, name);
    if (options.ttl < duration{}) chain.fault("stage '" + label + "': queue_options::ttl must be zero or more");
    if (options.consumers < 1) chain.fault("stage '" + label + "': queue_options::consumers must be at least 1");
    auto stage = std::make_shared<queued_work>(options);
    stage->work = std::move(work);
    graph::stage_request request;
    request.layer = step_layer::queue;
    request.name = name;
    request.inputs = std::move(ids);
    describe_child_step<output, queue_operation>(chain, request, stage->work, sizeof...(In), &execute, &cancel);
    request.keeps_scratch = true;  // a timer that fires late looks there
    request.measure = stage;
    request.tunables = tunables_of(stage, &let_in);
    request.stage = std::move(stage);
    return chain.add_stage(std::move(request));
  }

 private:
  static const queued_work& stage_of(const queue_operation& op) noexcept {
    return *static_cast<const queued_work*>(op.its_step().stage);
  }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto& op = make_operation<queue_operation>(r, s);
    if (!r.enlist(op)) {
      release_inputs(r, s);
      return graph::outcome::stopped;
    }
    // Who stops the run takes a waiter out of the queue, and may be done with the run before this is.
    const boost::intrusive_ptr<graph::run> pinned(&r);
    enter(op);
    return finish_start<queue_step>(r, s, op);
  }

  // ---- the queue ----

  static void enter(queue_operation& op) {
    const auto& stage = stage_of(op);
    auto& place = op.place;
    place.operation = &op;
    place.work.hold(*op.owner);
    op.owner->retain();  // for whoever lets it in
    arm(op, stage.queue.options().ttl);
    const auto entered = stage.queue.enter(place);
    if (entered == graph::stage_queue::entry::waits) return;
    disarm(op);
    op.owner->release();
    switch (entered) {
      case graph::stage_queue::entry::waits:
      case graph::stage_queue::entry::entered:
        op.inside = true;
        return start_work(op);
      case graph::stage_queue::entry::given_up: return not_let_in(op, waited_in_vain());
      case graph::stage_queue::entry::full:
        return not_let_in(op, failure(errc::queue_full, "the stage's queue is full at " +
                                                            std::to_string(stage.queue.options().capacity)));
    }
  }

  static void arm(queue_operation& op, duration ttl) {
    if (ttl == duration{}) return;
    auto& place = op.place;
    place.when = later(op.owner->runtime().time->now(), ttl);
    place.fire = [](timer_node& node, wake how) {
      auto& waiter = static_cast<queue_operation::waiter&>(node);
      graph::run& r = *waiter.operation->owner;
      if (how == wake::resumed && stage_of(*waiter.operation).queue.give_up(waiter)) go_on(*waiter.operation);
      r.release();
    };
    op.owner->retain();  // for the timer
    op.owner->runtime().timers->add(place);
  }

  static void disarm(queue_operation& op) {
    if (op.place.fire && op.owner->runtime().timers->remove(op.place)) op.owner->release();
  }

  static failure waited_in_vain() { return failure(errc::expired, "waited in the stage's queue longer than its time to live"); }

  /// Resumes one that has left the queue, on its run's executor; it still holds the pin it took when it entered.
  static void go_on(queue_operation& op) {
    op.resume = [](ready_node& node, wake how) {
      auto& self = static_cast<queue_operation&>(node);
      const boost::intrusive_ptr<graph::run> pinned(self.owner, false);
      if (how == wake::abandoned) return abandoned(self);
      if (!self.inside) return not_let_in(self, waited_in_vain());
      start_work(self);
    };
    op.owner->resume_on_executor(op);
  }

  static void not_let_in(queue_operation& op, failure why) {
    op.owner->note_never_began();
    op.owner->fail(op.its_step(), std::move(why));
    complete_step<queue_step>(op);
  }

  static void leave(queue_operation& op) {
    if (!std::exchange(op.inside, false)) return;
    if (graph::queue_place* next = stage_of(op).queue.leave()) let_in(*next);
  }

  static void let_in(graph::queue_place& place) {
    queue_operation& op = *static_cast<queue_operation::waiter&>(place).operation;
    disarm(op);
    op.inside = true;
    go_on(op);
  }

  static bool cancel(graph::operation& base) {
    auto& op = static_cast<queue_operation&>(base);
    if (stage_of(op).queue.give_up(op.place)) {
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

  // ---- the stage ----

  static void start_work(queue_operation& op) {
    op.place.work.drop();
    const auto& s = op.its_step();
    failure why = begin_child(op, *stage_of(op).work, {.ended = &ended, .abandoned = &abandoned},
                              [&](graph::run& made) { child_inputs<In...>::give(*op.owner, s, made); });
    if (!why.is_set()) return;
    leave(op);
    not_let_in(op, std::move(why));
  }

  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<queue_operation&>(parent);
    leave(op);
    pass_on_never_began(child, *op.owner);
    take_answer<output>(child, *op.owner, op.its_step());
    child.release();
    complete_step<queue_step>(op);
  }

  static void abandoned(parent_operation& parent) noexcept {
    auto& op = static_cast<queue_operation&>(parent);
    leave(op);
    abandon_step<queue_step>(op);
  }
};

/// A stage expression with a queue around it.
template <class Base>
struct queued_stage {
  template <class... In>
  using output = typename Base::template output<In...>;

  template <class... In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> ids) && {
    auto work = plan_of_stage<Base, In...>(chain, label_of(chain, name), std::move(base));
    return queue_step<output<In...>, In...>::add_to(chain, name, std::move(ids), std::move(work), options);
  }

  std::string name;  ///< empty where another step around it has it
  Base base;
  queue_options options;
};

}  // namespace catena::detail
