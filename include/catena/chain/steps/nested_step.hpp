// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A chain as a stage of another chain: a run inside the run.
#include <catena/chain/steps/child_run.hpp>
#include <catena/chain/steps/operation_step.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace catena::detail {

/// Something that brings its own kind of step: a chain, a model, each, branch and the like.
template <class F>
concept native_stage = requires { typename F::catena_takes; };

template <class F, class... In>
inline constexpr bool native_accepts = std::is_same_v<typename F::catena_takes, takes<In...>>;

/// What steps with one child at a time share: `Step` gives the inputs and takes the answer.
template <class Step>
struct single_child {
  static void ended(graph::run& child, parent_operation& parent) {
    take_answer<typename Step::output>(child, *parent.owner, parent.its_step());
    child.release();
    complete_step<Step>(parent);
  }
  /// While the step is started: there is no child.
  static void not_begun(parent_operation& parent, const failure& why) noexcept {
    parent.owner->fail(parent.its_step(), why);
    complete_step<Step>(parent);
  }
  /// The child's executor is gone, and so is the parent's: they are the same.
  static void abandoned(parent_operation& parent) noexcept { abandon_step<Step>(parent); }
};

template <class Operation, class... Args>
Operation& make_operation(graph::run& r, const graph::step& s, Args&&... args) {
  return *::new (static_cast<void*>(r.at(r.description(s).scratch)))
      Operation(r, static_cast<std::uint32_t>(&s - r.of().steps.data()), std::forward<Args>(args)...);
}

/// A plan of one stage, which `prepare(builder, request)` describes: what a direct call of something runs that is a stage.
template <class In, class Prepare>
graph::plan_ptr plan_alone(std::shared_ptr<runtime_state> runtime, std::string name, const Prepare& prepare) {
  graph::builder alone(std::move(runtime), std::move(name));
  graph::stage_request request;
  request.inputs = {alone.add_input(graph::value_type_of<In>)};
  prepare(alone, request);
  const std::uint32_t answer = alone.add_stage(std::move(request));
  return alone.compile(answer, graph::builder::exits::leave);
}

template <class In, class Out, class... Given>
struct nested_step {
  using output = Out;
  using inputs = arguments<passing::dynamic, In>;

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    const auto& plan = **static_cast<const graph::plan_ptr*>(s.stage);
    auto& op = make_operation<parent_operation>(r, s);
    if (!plan.sequential && !r.enlist(op)) {
      release_inputs(r, s);
      return graph::outcome::stopped;
    }
    const failure why = begin_child(op, plan, {.ended = &ended, .abandoned = &single_child<nested_step>::abandoned},
                                    [&](graph::run& child) { child_inputs<In>::give(r, s, child); });
    if (why.is_set()) single_child<nested_step>::not_begun(op, why);
    return finish_start<nested_step>(r, s, op);
  }

  template <class Chain>
  static void prepare(graph::builder& around, graph::stage_request& request, const Chain& chain) {
    const graph::plan_ptr& plan = chain.plan();
    around.expect_own(request, plan->runtime.get(), "chain '" + plan->name + "' belongs");
    request.kind = "chain";
    request.demands = child_demands(1, plan);
    request.type = &graph::value_type_of<output>;
    request.fixed = request.dynamic = &execute;
    request.stage = std::make_shared<const graph::plan_ptr>(plan);
    request.scratch_size = sizeof(parent_operation);
    request.suspends = !plan->sequential;
    request.each_child = &each_child;
    request.cancel = &cancel_children;
    request.keeps_inputs = true;
    request.result_optional = std::is_same_v<output, unit>;
    request.inner = {plan};
    request.lets_park = true;
  }

 private:
  static void ended(graph::run& child, parent_operation& parent) {
    pass_on_never_began(child, *parent.owner);
    single_child<nested_step>::ended(child, parent);
  }
};

}  // namespace catena::detail
