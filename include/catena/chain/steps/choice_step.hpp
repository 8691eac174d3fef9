// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How branch runs, and what it shares with cascade and first_of: each is a step with a plan for every stage it may choose.
#include <catena/chain/steps/stage_plan.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::detail {

/// Begins the request of a step of several plans.
inline graph::stage_request choice_request(std::string name, std::string kind, std::vector<std::uint32_t> ids, graph::step_function execute) {
  graph::stage_request request;
  request.name = std::move(name);
  request.lets_park = kind == "branch";  // of the others, one that is parked would be waited for
  request.kind = std::move(kind);
  request.inputs = std::move(ids);
  request.fixed = request.dynamic = execute;
  return request;
}

/// Adds it: what such steps have in common.
template <class Output, class Operation, class Data>
std::uint32_t add_choice(graph::builder& chain, graph::stage_request request, std::shared_ptr<Data> data) {
  for (const auto& plan : data->plans) {
    if (!plan->sequential) request.suspends = true;
    if (plan->exit_type) chain.add_exit(*plan->exit_type, request.name);
  }
  request.type = &graph::value_type_of<Output>;
  request.scratch_size = sizeof(Operation);
  request.each_child = &each_child;
  if (request.layer == step_layer::none) request.layer = step_layer::choice;
  request.cancel = &cancel_children;
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
    graph::stage_request request = choice_request(std::move(name), "branch", std::move(ids), &execute);
    request.demands = child_demands(1, d->plans[0], d->plans[1]);
    return add_choice<output, parent_operation>(chain, std::move(request), std::move(d));
  }

 private:
  static graph::outcome execute(graph::run& r, const graph::step& s) {
    const auto& d = *static_cast<const data*>(s.stage);
    const bool yes = d.predicate(std::as_const(*inputs(r, s).template get<0>()));  // first: it may throw
    auto* op = begin_choice<branch_step, parent_operation>(r, s);
    if (!op) return graph::outcome::stopped;
    const failure why = begin_child(
        *op, *d.plans[yes ? 0 : 1],
        {.ended = yes ? &ended<yes_output> : &ended<no_output>, .abandoned = &single_child<branch_step>::abandoned},
        [&](graph::run& child) { child_inputs<In>::give(r, s, child); });
    if (why.is_set()) single_child<branch_step>::not_begun(*op, why);
    return finish_start<branch_step>(r, s, *op);
  }

  template <class Answer>
  static void ended(graph::run& child, parent_operation& parent) {
    take_answer<output, Answer>(child, *parent.owner, parent.its_step());
    child.release();
    complete_step<branch_step>(parent);
  }
};

}  // namespace catena::detail
