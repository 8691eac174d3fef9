// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How cascade runs: the far stage where the near one's answer does not do.
#include <catena/chain/steps/choice_step.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::detail {

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
    graph::stage_request request = choice_request(std::move(name), "cascade", std::move(ids), &execute);
    request.demands = shared_demands(chain, request.name, 1, d->plans[0], d->plans[1]);
    return add_choice<output, parent_operation>(chain, std::move(request), std::move(d));
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

}  // namespace catena::detail
