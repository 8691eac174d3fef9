// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How branch, cascade and first_of run: each is a step with a plan for every stage it may choose.
#include <catena/chain/steps/stage_plan.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::detail {

/// What building a step of several plans has in common.
template <class Output, class Data>
std::uint32_t add_choice(graph::builder& chain, std::string name, std::string kind, std::vector<std::uint32_t> ids,
                         std::vector<graph::demand> demands, graph::step_function execute, std::size_t scratch_size,
                         bool (*cancel)(graph::operation&), std::shared_ptr<Data> data) {
  graph::stage_request request;
  for (const auto& plan : data->plans) {
    if (!plan->sequential) request.suspends = true;
    if (plan->exit_type) chain.add_exit(*plan->exit_type, name);
  }
  request.name = std::move(name);
  request.kind = std::move(kind);
  request.inputs = std::move(ids);
  request.demands = std::move(demands);
  request.type = &graph::value_type_of<Output>;
  request.fixed = request.dynamic = execute;
  request.scratch_size = scratch_size;
  request.cancel = cancel;
  request.keeps_inputs = true;
  request.inner = data->plans;
  request.stage = std::move(data);
  return chain.add_stage(std::move(request));
}

template <class Stage, class In>
graph::plan_ptr plan_of_choice(graph::builder& chain, Stage stage) {
  const std::string name = stage.name();
  return plan_of_stage<Stage, In>(chain, name, std::move(stage));
}

/// Begins a step with children; null when the run is stopped.
template <class Step, class Operation>
Operation* begin_choice(graph::run& r, const graph::step& s) {
  auto& op = make_operation<Operation>(r, s);
  if (!r.description(s).suspends || r.enlist(op)) return &op;
  end_operation<Step>(op);
  return nullptr;
}

template <class Predicate, class Yes, class No, class As, class In>
struct branch_step {
  using yes_output = typename Yes::template output<In>;
  using no_output = typename No::template output<In>;
  static_assert(!std::is_void_v<As> || std::is_same_v<yes_output, no_output>,
                "catena: both sides of a branch answer the same type, or name a variant: branch<std::variant<A, B>>(...)");
  using output = std::conditional_t<std::is_void_v<As>, yes_output, As>;
  using inputs = arguments<passing::dynamic, In>;
  struct data {
    Predicate predicate;
    std::vector<graph::plan_ptr> plans;
  };

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, std::string name, std::vector<std::uint32_t> ids, Predicate predicate, Yes yes, No no) {
    static_assert(std::is_invocable_r_v<bool, const Predicate&, const In&>, "catena: a branch's predicate takes the value as const T& and answers bool");
    auto d = std::make_shared<data>(data{std::move(predicate), {}});
    d->plans = {plan_of_choice<Yes, In>(chain, std::move(yes)), plan_of_choice<No, In>(chain, std::move(no))};
    auto demands = child_demands(1, d->plans[0], d->plans[1]);
    return add_choice<output>(chain, std::move(name), "branch", std::move(ids), std::move(demands), &execute,
                              sizeof(parent_operation), &cancel_children, std::move(d));
  }

 private:
  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto* op = begin_choice<branch_step, parent_operation>(r, s);
    if (!op) return graph::outcome::stopped;
    const auto& d = *static_cast<const data*>(s.stage);
    const bool yes = d.predicate(std::as_const(*inputs(r, s).template get<0>()));
    start_child(make_child(*op, *d.plans[yes ? 0 : 1],
                           {.ended = yes ? &ended<yes_output> : &ended<no_output>, .abandoned = &single_child<branch_step>::abandoned},
                           [&](graph::run& child) { child_inputs<In>::give(r, s, child); }));
    return finish_start<branch_step>(r, s, *op);
  }

  template <class Answer>
  static void ended(graph::run& child, parent_operation& parent) {
    take_answer<output, Answer>(child, *parent.owner, parent.its_step());
    child.release();
    complete_step<branch_step>(parent);
  }
};

template <class Near, class Far, class Accept, class In>
struct cascade_step {
  using output = typename Near::template output<In>;
  static_assert(std::is_same_v<output, typename Far::template output<In>>, "catena: both models of a cascade answer the same type");
  using inputs = arguments<passing::dynamic, In>;
  struct data {
    Accept accept;
    std::vector<graph::plan_ptr> plans;
  };

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, std::string name, std::vector<std::uint32_t> ids, Near near, Far far, Accept accept) {
    static_assert(std::is_invocable_r_v<bool, const Accept&, const output&>, "catena: a cascade's accept takes the answer as const T& and answers bool");
    auto d = std::make_shared<data>(data{std::move(accept), {}});
    d->plans = {plan_of_choice<Near, In>(chain, std::move(near)), plan_of_choice<Far, In>(chain, std::move(far))};
    auto demands = shared_demands(chain, name, 1, d->plans[0], d->plans[1]);
    return add_choice<output>(chain, std::move(name), "cascade", std::move(ids), std::move(demands), &execute,
                              sizeof(parent_operation), &cancel_children, std::move(d));
  }

 private:
  static const data& data_of(const parent_operation& op) noexcept { return *static_cast<const data*>(op.its_step().stage); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto* op = begin_choice<cascade_step, parent_operation>(r, s);
    if (!op) return graph::outcome::stopped;
    start(*op, 0, &near_ended);
    return finish_start<cascade_step>(r, s, *op);
  }

  static void start(parent_operation& op, std::size_t which, void (*ended)(graph::run&, parent_operation&)) {
    graph::run& child = make_child(op, *data_of(op).plans[which], {.ended = ended, .abandoned = &single_child<cascade_step>::abandoned});
    child_inputs<In>::lend(*op.owner, op.its_step(), child);
    start_child(child);
  }

  static void near_ended(graph::run& child, parent_operation& op) {
    graph::run& r = *op.owner;
    if (child.why_stopped() == graph::stop_reason::exited || accepted(op, child)) return single_child<cascade_step>::ended(child, op);
    // What near answered is not wanted, but must be destroyed with its run.
    child.release();
    if (r.stopped()) return complete_step<cascade_step>(op);
    start(op, 1, &single_child<cascade_step>::ended);
  }

  /// An `accept` that throws fails the step.
  static bool accepted(parent_operation& op, graph::run& child) noexcept {
    try {
      return child.answered() && data_of(op).accept(std::as_const(*child.slot<output>(child.of().result)));
    } catch (...) {
      op.owner->fail(op.its_step(), failure::from(std::current_exception()));
      return false;
    }
  }
};

/// The stages that race: `left` counts those that have not ended, and the one who begins them.
struct first_of_operation : parent_operation {
  using parent_operation::parent_operation;
  std::atomic<std::size_t> left{1};
  std::atomic<bool> won{false};
  failure last_failure;  ///< guarded by the run's lock
  void reset() noexcept { last_failure = {}; }
};

template <class In, class... Stages>
struct first_of_step {
  using output = typename std::tuple_element_t<0, std::tuple<Stages...>>::template output<In>;
  static_assert((std::is_same_v<output, typename Stages::template output<In>> && ...), "catena: all stages of first_of answer the same type");
  using inputs = arguments<passing::dynamic, In>;
  struct data {
    std::vector<graph::plan_ptr> plans;
  };

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, std::string name, std::vector<std::uint32_t> ids, Stages... stages) {
    auto d = std::make_shared<data>();
    d->plans = {plan_of_choice<Stages, In>(chain, std::move(stages))...};
    std::vector<graph::demand> demands{graph::demand::reads};
    for (const auto& plan : d->plans)
      if (!plan->inputs[0].may_be_borrowed)
        chain.fault("stage '" + name + "': several stages race for the value, so '" + plan->name + "' may not move it");
    return add_choice<output>(chain, std::move(name), "first_of", std::move(ids), std::move(demands), &execute,
                              sizeof(first_of_operation), &cancel_children, std::move(d));
  }

 private:
  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto* op = begin_choice<first_of_step, first_of_operation>(r, s);
    if (!op) return graph::outcome::stopped;
    for (const auto& plan : static_cast<const data*>(s.stage)->plans) {
      if (op->won.load(std::memory_order_acquire) || r.stopped()) break;
      op->left.fetch_add(1, std::memory_order_relaxed);
      graph::run& child = make_child(*op, *plan, {.stoppable = true, .ended = &ended, .abandoned = &abandoned});
      child_inputs<In>::lend(r, s, child);
      start_child(child);
    }
    one_ended(*op);
    return finish_start<first_of_step>(r, s, *op);
  }

  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<first_of_operation&>(parent);
    graph::run& r = *op.owner;
    const bool answered = has_answer(child);
    if (answered && !op.won.exchange(true, std::memory_order_acq_rel)) {
      take_answer<output>(child, r, op.its_step());
      r.guarded([&] { stop_children_locked(op); });
    } else if (!answered && !op.won.load(std::memory_order_acquire)) {
      r.guarded([&] { op.last_failure = child.reason(); });
    }
    child.release();
    one_ended(op);
  }

  static void abandoned(parent_operation& parent) noexcept {
    auto& op = static_cast<first_of_operation&>(parent);
    op.owner->note_abandoned();
    one_ended(op);
  }

  static void one_ended(first_of_operation& op) {
    if (op.left.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (!op.won.load(std::memory_order_acquire)) op.owner->fail(op.its_step(), std::move(op.last_failure));
    complete_step<first_of_step>(op);
  }
};

}  // namespace catena::detail
