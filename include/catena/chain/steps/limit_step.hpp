// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage with a gate in front of it: `.limit(...)`.
#include <catena/chain/steps/child_end.hpp>
#include <catena/chain/steps/stage_plan.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::detail {

struct true_as_estimated {};  ///< nothing is settled afterwards

/// What `.limit(...)` was given.
template <class Gate, class Cost, class TrueCost>
struct limit_terms {
  static_assert(gate<Gate>, "catena: .limit() takes a gate, such as a catena::admission; see schedule/gate.hpp");
  Gate through;
  Cost cost;
  TrueCost true_cost;
};
template <class Gate, class Cost, class TrueCost>
limit_terms<Gate, Cost, TrueCost> terms_of(Gate through, Cost cost, TrueCost true_cost) {
  return {std::move(through), std::move(cost), std::move(true_cost)};
}

/// Whether a function counts what it is given: a fraction would be cut off.
template <class F, class... Given>
concept counts = std::invocable<const F&, const Given&...> &&
                 std::integral<std::remove_cvref_t<std::invoke_result_t<const F&, const Given&...>>>;

/// The same, for inputs and an output that are known by now; the cost of a request and what it turns out to be.
template <class Gate, class Out, class... In>
struct limit_charge {
  template <class Cost, class TrueCost>
  limit_charge(limit_terms<Gate, Cost, TrueCost> terms) : through(std::move(terms.through)) {  // NOLINT
    if constexpr (std::integral<Cost>) {
      fixed = static_cast<std::int64_t>(terms.cost);
    } else {
      static_assert(counts<Cost, In...>,
                    "catena: a cost is an integer, or a function that takes the stage's inputs as const T& and answers one");
      cost = std::move(terms.cost);
    }
    if constexpr (!std::is_same_v<TrueCost, true_as_estimated>) {
      static_assert(settling_gate<Gate>, "catena: this gate knows no cost that could be settled");
      static_assert(counts<TrueCost, Out>,
                    "catena: the true cost is a function that takes the stage's answer as const T& and answers an integer");
      true_cost = std::move(terms.true_cost);
    }
  }

  Gate through;
  std::int64_t fixed = 1;
  std::function<std::int64_t(const In&...)> cost;      ///< empty: every request costs `fixed`
  std::function<std::int64_t(const Out&)> true_cost;   ///< empty: it cost what it took
};

/// What is told of the gate under the stage's name, with a count of its refusals there; null: it tells of itself.
template <class Gate>
auto measure_of(const Gate& through) {
  if constexpr (requires { typename Gate::measure; }) return std::make_shared<const typename Gate::measure>(through);
  else return nullptr;
}

template <gate Gate>
struct limit_operation : parent_operation, ready_node {
  struct passage_of : Gate::passage {
    using Gate::passage::passage;
    limit_operation* operation = nullptr;
  };

  limit_operation(graph::run& r, std::uint32_t index, const Gate& through, const gate_request& asked)
      : parent_operation(r, index), passage(through, asked) {}
  void reset() noexcept { work.drop(); }

  passage_of passage;
  work_elsewhere work;   ///< held while it waits: whoever lets it in may work elsewhere
  bool waited = false;   ///< set before the operation can be cancelled
};

/// One run's turn at a gate: it passes at once and runs the work inline, or stands in line.
template <gate Gate, class Out, class... In>
struct limit_step {
  using output = Out;
  using inputs = arguments<passing::dynamic, In...>;
  using operation = limit_operation<Gate>;

  struct stage_data {
    limit_charge<Gate, Out, In...> charge;
    graph::plan_ptr work;
    decltype(measure_of(std::declval<const Gate&>())) measure;
  };

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  /// Fills in everything but the stage's name and inputs.
  static void prepare(graph::builder& chain, graph::stage_request& request, graph::plan_ptr work,
                      limit_charge<Gate, Out, In...> charge) {
    request.layer = step_layer::admission;
    if (!charge.through.is_of(*chain.runtime())) chain.fault("stage '" + work->name + "': .limit() is given a gate of another runtime");
    if (charge.fixed < 0) chain.fault("stage '" + work->name + "': the cost of .limit() must be zero or more");
    describe_child_step<output, operation>(chain, request, work, sizeof...(In), &execute, &cancel);
    request.suspends = !refusing_gate<Gate> || !work->sequential;
    if constexpr (requires { charge.through.tunables(); }) request.tunables = charge.through.tunables();
    auto measure = measure_of(charge.through);
    request.measure = measure;
    request.stage = std::make_shared<const stage_data>(stage_data{std::move(charge), std::move(work), std::move(measure)});
  }

 private:
  static const stage_data& data_of(const graph::step& s) noexcept { return *static_cast<const stage_data*>(s.stage); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    const stage_data& data = data_of(s);
    const gate_request asked{.cost = cost_of(data, inputs(r, s)), .deadline = r.deadline, .priority = r.priority};
    auto& op = make_operation<operation>(r, s, data.charge.through, asked);
    if (!op.passage.try_pass()) {
      if constexpr (refusing_gate<Gate>) return not_let_in(op);
      else return wait(op);
    }
    if (!data.work->sequential && !r.enlist(op)) {
      op.passage.ended(never_began);
      end_operation<limit_step>(op);
      return graph::outcome::stopped;
    }
    start_work(op);
    return finish_start<limit_step>(r, s, op);
  }

  static std::int64_t cost_of(const stage_data& data, const inputs& from) {
    if (!data.charge.cost) return data.charge.fixed;
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return data.charge.cost(std::as_const(*from.template get<I>())...);
    }(std::index_sequence_for<In...>{});
  }

  static graph::outcome not_let_in(operation& op) {
    if constexpr (!std::is_null_pointer_v<decltype(stage_data::measure)>) data_of(op.its_step()).measure->count_refusal();
    op.owner->note_never_began();
    op.owner->fail(op.its_step(), op.passage.why());
    end_operation<limit_step>(op);
    return graph::outcome::stopped;
  }

  // ---- in line ----

  static graph::outcome wait(operation& op) {
    graph::run& r = *op.owner;
    const graph::step& s = op.its_step();
    const boost::intrusive_ptr<graph::run> pinned(&r);  // as soon as it can be cancelled, the run can end
    op.passage.operation = &op;
    op.resume = &resumed;
    op.work.hold(r);
    op.waited = true;
    if (!op.passage.wait(&decided, &line_abandoned)) {
      r.fail(s, failure(errc::cancelled, "the executor of its gate is gone"));
      end_operation<limit_step>(op);
      return graph::outcome::stopped;
    }
    if (!r.enlist(op)) {
      if (op.passage.withdraw()) {
        r.note_never_began();
        end_operation<limit_step>(op);
        return graph::outcome::stopped;
      }
      r.guarded([&] { stop_children_locked(op); });
    }
    return finish_start<limit_step>(r, s, op);
  }

  static operation& operation_of(typename Gate::passage& p) noexcept {
    return *static_cast<typename operation::passage_of&>(p).operation;
  }

  static void decided(typename Gate::passage& p) {
    operation& op = operation_of(p);
    op.owner->resume_on_executor(op);
  }

  static void line_abandoned(typename Gate::passage& p) noexcept { abandon_step<limit_step>(operation_of(p)); }

  /// ready_node::resume of one that has been decided, on its run's executor.
  static void resumed(ready_node& node, wake how) {
    auto& op = static_cast<operation&>(node);
    graph::run& r = *op.owner;
    if (how == wake::abandoned) {
      if (op.passage.passed()) op.passage.ended(never_began);
      return abandon_step<limit_step>(op);
    }
    op.work.drop();
    if (!op.passage.passed()) return refuse(op, op.passage.why());
    if (r.stopped() || time_is_over(r)) {
      op.passage.ended(never_began);
      return refuse(op, failure(errc::deadline_exceeded));
    }
    start_work(op);
  }

  static void refuse(operation& op, failure why) {
    op.owner->note_never_began();
    op.owner->fail(op.its_step(), std::move(why));
    complete_step<limit_step>(op);
  }

  static bool cancel(graph::operation& base) {
    auto& op = static_cast<operation&>(base);
    if constexpr (!refusing_gate<Gate>) {
      if (op.waited && op.passage.withdraw()) {
        // Nobody lets it in any more: the run need not wait, and its inputs end with the run.
        op.owner->note_never_began();
        op.reset();
        return true;
      }
    }
    stop_children_locked(op);
    return false;
  }

  // ---- let in ----

  static void start_work(operation& op) {
    const graph::step& s = op.its_step();
    failure why = begin_child(op, *data_of(s).work, {.ended = &ended, .abandoned = &abandoned},
                              [&](graph::run& made) { child_inputs<In...>::give(*op.owner, s, made); });
    if (!why.is_set()) return;
    op.passage.ended(never_began);
    refuse(op, std::move(why));
  }

  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<operation&>(parent);
    graph::run& r = *op.owner;
    if (child.never_began()) r.note_never_began();
    else settle(op, child);
    op.passage.ended(work_end_of(child, r));
    take_answer<output>(child, r, op.its_step());
    child.release();
    complete_step<limit_step>(op);
  }

  /// A true cost that cannot be told fails the step.
  static void settle(operation& op, graph::run& child) noexcept {
    const auto& true_cost = data_of(op.its_step()).charge.true_cost;
    if constexpr (settling_gate<Gate>) {
      const output* answer = true_cost ? answer_of<output>(child) : nullptr;
      if (!answer) return;
      try {
        op.passage.settle(true_cost(*answer));
      } catch (...) {
        op.owner->fail(op.its_step(), failure::from(std::current_exception()));
      }
    }
  }

  static void abandoned(parent_operation& parent) noexcept {
    auto& op = static_cast<operation&>(parent);
    op.passage.ended({request_outcome::ignored});
    abandon_step<limit_step>(op);
  }
};

/// A stage expression with a gate around it.
template <class Base, gate Gate, class Cost, class TrueCost>
struct limited_stage {
  template <class... In>
  using output = typename Base::template output<In...>;

  template <class... In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> ids) && {
    using step = limit_step<Gate, output<In...>, In...>;
    graph::stage_request request;
    request.name = name;
    request.inputs = std::move(ids);
    step::prepare(chain, request, plan_of_stage<Base, In...>(chain, label_of(chain, name), std::move(base)),
                  std::move(terms));
    return chain.add_stage(std::move(request));
  }

  std::string name;  ///< empty where another step around it has it
  Base base;
  limit_terms<Gate, Cost, TrueCost> terms;
};

}  // namespace catena::detail
