// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage as a plan of its own, for the steps that put something around it.
#include <catena/chain/steps/nested_step.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::detail {

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
  request.each_child = &each_child;
  request.keeps_inputs = true;
  request.result_optional = std::is_same_v<Out, unit>;
  request.inner = {work};
  if (work->exit_type) chain.add_exit(*work->exit_type, work->name);
}

}  // namespace catena::detail
