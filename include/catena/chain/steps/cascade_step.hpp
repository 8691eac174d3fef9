// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How cascade runs: the far stage where the near one's answer does not do, and the near one's where the far one is away.
#include <catena/chain/steps/child_end.hpp>
#include <catena/chain/steps/choice_step.hpp>
#include <catena/recover/away.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::detail {

/// One run's turn: near, and then perhaps far.
struct cascade_operation : parent_operation {
  using parent_operation::parent_operation;
  graph::run* near = nullptr;  ///< has answered, and what it has answered did not do
  void reset() noexcept {
    if (near) std::exchange(near, nullptr)->release();
  }
};

template <class Near, class Far, class Accept, class In>
struct cascade_step {
  using output = typename Near::template output<In>;
  static_assert(std::is_same_v<output, typename Far::template output<In>>, "catena: both models of a cascade answer the same type");
  using inputs = arguments<passing::dynamic, In>;
  using operation = cascade_operation;
  struct data {
    Accept accept;
    duration reserve;
    std::vector<graph::plan_ptr> plans;
  };

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, std::string name, std::vector<std::uint32_t> ids, Near near, Far far, Accept accept,
                              duration reserve) {
    static_assert(std::is_invocable_r_v<bool, const Accept&, const output&>, "catena: a cascade's accept takes the answer as const T& and answers bool");
    if (reserve < duration{}) chain.fault("stage '" + name + "': the cascade's reserve must be zero or more");
    auto d = std::make_shared<data>(data{std::move(accept), reserve, {}});
    d->plans = {plan_of_choice<Near, In>(chain, std::move(near)), plan_of_choice<Far, In>(chain, std::move(far))};
    graph::stage_request request = choice_request(std::move(name), "cascade", std::move(ids), &execute);
    request.demands = shared_demands(chain, request.name, 1, d->plans[0], d->plans[1]);
    return add_choice<output, operation>(chain, std::move(request), std::move(d));
  }

 private:
  static const data& data_of(const operation& op) noexcept { return *static_cast<const data*>(op.its_step().stage); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto* op = begin_choice<cascade_step, operation>(r, s);
    if (!op) return graph::outcome::stopped;
    if (failure why = start(*op, 0, no_deadline, &near_ended); why.is_set()) start_far(*op);
    return finish_start<cascade_step>(r, s, *op);
  }

  /// What is returned is set where it could not be begun.
  static failure start(operation& op, std::size_t which, time_point limit, void (*ended)(graph::run&, parent_operation&)) {
    return begin_child(op, *data_of(op).plans[which], {.deadline = limit, .ended = ended, .abandoned = &abandoned},
                       [&](graph::run& made) { child_inputs<In>::lend(*op.owner, op.its_step(), made); });
  }

  // ---- near ----

  static void near_ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<operation&>(parent);
    if (child.why_stopped() == graph::stop_reason::exited || accepted(op, child)) return answer(op, child);
    if (child.answered()) op.near = &child;
    else child.release();
    start_far(op);
  }

  /// An `accept` that throws fails the step.
  static bool accepted(operation& op, graph::run& child) noexcept {
    try {
      return child.answered() && data_of(op).accept(std::as_const(*child.slot<output>(child.of().result)));
    } catch (...) {
      op.owner->fail(op.its_step(), failure::from(std::current_exception()));
      return false;
    }
  }

  // ---- far ----

  static void start_far(operation& op) {
    graph::run& r = *op.owner;
    if (r.stopped()) return complete_step<cascade_step>(op);
    const duration reserve = data_of(op).reserve;
    const bool keeps_time = op.near && reserve > duration{} && r.deadline != no_deadline;
    failure why = start(op, 1, keeps_time ? earlier(r.deadline, reserve) : no_deadline, &far_ended);
    if (why.is_set()) far_failed(op, std::move(why));
  }

  static void far_ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<operation&>(parent);
    if (has_answer(child)) return answer(op, child);
    failure why = is_late(child, *op.owner) ? out_of_time() : child.reason();
    child.release();
    far_failed(op, std::move(why));
  }

  static void far_failed(operation& op, failure why) {
    graph::run& r = *op.owner;
    if (op.near && !r.stopped() && !time_is_over(r) && is_away(why)) {
      take_answer<output>(*op.near, r, op.its_step());
      r.degraded = true;
    } else {
      r.fail(op.its_step(), std::move(why));
    }
    complete_step<cascade_step>(op);
  }

  // ---- the end ----

  static void answer(operation& op, graph::run& child) {
    take_answer<output>(child, *op.owner, op.its_step());
    child.release();
    complete_step<cascade_step>(op);
  }
  static void abandoned(parent_operation& parent) noexcept { abandon_step<cascade_step>(static_cast<operation&>(parent)); }
};

}  // namespace catena::detail
