// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How first_of runs: all its stages at once, and the first answer counts.
#include <catena/chain/steps/choice_step.hpp>
#include <catena/chain/steps/race.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::detail {

template <class In, class... Stages>
struct first_of_step : race<first_of_step<In, Stages...>, race_operation> {
  using output = typename std::tuple_element_t<0, std::tuple<Stages...>>::template output<In>;
  static_assert((std::is_same_v<output, typename Stages::template output<In>> && ...), "catena: all stages of first_of answer the same type");
  using inputs = arguments<passing::dynamic, In>;
  using racing = race<first_of_step, race_operation>;
  struct data {
    std::vector<graph::plan_ptr> plans;
  };

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, std::string name, std::vector<std::uint32_t> ids, Stages... stages) {
    auto d = std::make_shared<data>();
    d->plans = {plan_of_choice<Stages, In>(chain, std::move(stages))...};
    for (const auto& plan : d->plans)
      if (!plan->inputs[0].may_be_borrowed)
        chain.fault("stage '" + name + "': several stages race for the value, so '" + plan->name + "' may not move it");
    graph::stage_request request = choice_request(std::move(name), "first_of", std::move(ids), &execute);
    request.demands = {graph::demand::reads};
    request.keeps_scratch = true;
    request.layer = step_layer::race;
    return add_choice<output, race_operation>(chain, std::move(request), std::move(d));
  }

  // ---- for race ----

  static void lend(race_operation& op, graph::run& child) { child_inputs<In>::lend(*op.owner, op.its_step(), child); }
  static void has_ended(race_operation&, graph::run&, race_end) noexcept {}
  static void decided(race_operation&) noexcept {}

 private:
  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto* op = begin_choice<first_of_step, race_operation>(r, s);
    if (!op) return graph::outcome::stopped;
    op->more_begin = true;
    const auto& plans = static_cast<const data*>(s.stage)->plans;
    for (std::size_t i = 0; i < plans.size() && !r.stopped() && racing::begin(*op, *plans[i], i); ++i) {}
    racing::all_begun(*op);
    return finish_start<first_of_step>(r, s, *op);
  }
};

}  // namespace catena::detail
