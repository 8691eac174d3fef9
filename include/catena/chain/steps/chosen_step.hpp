// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage whose work is chosen anew for each request: one of several plans, which may come and go while the chain runs.
#include <catena/chain/steps/child_end.hpp>
#include <catena/chain/steps/stage_plan.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace catena::detail {

/// What a chooser answers: the plan that does the work, and a ticket that comes back to it when the work has ended.
template <class Ticket>
struct chosen_work {
  graph::plan_ptr work;
  Ticket ticket{};
};

/// A cheap shared handle on something that decides which plan does the work of a request, or why none does.
///
///     struct my_chooser {
///       using ticket = ...;   // a default-made one owns nothing
///       result<chosen_work<ticket>> choose(graph::run& around, const In&... in) const;
///       void ended(ticket t, work_end how, const failure& why) const noexcept;
///     };
///
/// `around` is the run of the stage, and says for whom, how urgently and until when. Of all choices each is told once that it
/// has ended: how, whether the work had begun, and why it failed, which is not set when it answered. A choose() that throws
/// fails the request like one that answers a failure.
/// \threads  called by many runs at once; no lock of the run's is held meanwhile
template <class C, class... In>
concept chooser = std::copy_constructible<C> && std::default_initializable<typename C::ticket> && std::movable<typename C::ticket> &&
                  requires(const C& c, graph::run& around, typename C::ticket t, work_end how, const failure& why, const In&... in) {
                    { c.choose(around, in...) } -> std::same_as<result<chosen_work<typename C::ticket>>>;
                    { c.ended(std::move(t), how, why) } noexcept;
                  };

/// One that may name another plan for what has failed, of which it is told that it has ended as ever:
///
///       bool may_choose_other() const noexcept;   // false for ever: inputs need not be kept
///       std::optional<chosen_work<ticket>> choose_other(graph::run& around, const ticket& failed, const failure& why) const;
template <class C>
concept second_chooser = requires(const C& c, graph::run& around, const typename C::ticket& failed, const failure& why) {
  { c.may_choose_other() } noexcept -> std::same_as<bool>;
  { c.choose_other(around, failed, why) } -> std::same_as<std::optional<chosen_work<typename C::ticket>>>;
};

/// Why a step from In... to Out could not run this plan, for a chooser to check before it ever chooses it; empty: it can.
///
/// A plan that wants to move an input is refused because another one may be content with a const reference: how a stage takes
/// its inputs is settled when its chain is built.
template <class Out, class... In>
[[nodiscard]] std::string fault_of_choice(const graph::plan& work, const runtime_state& runtime) {
  if (work.runtime.get() != &runtime) return "belongs to another runtime";
  if (work.result_type != &graph::value_type_of<Out>)
    return "answers " + std::string(work.result_type->name) + ", not " + std::string(type_name<Out>());
  if (work.exit_type) return "would leave the chain around it early";
  if (!work.parks.empty()) return "may park its run at '" + work.parks + "': park at the stage that is made of this";
  if (work.inputs.size() != sizeof...(In)) return "takes another number of inputs";
  std::size_t i = 0;
  const bool same = ((work.inputs[i++].type == &graph::value_type_of<In>) && ...);
  if (!same) return "takes other inputs";
  for (const graph::plan_input& input : work.inputs)
    if (!input.may_be_borrowed) return "wants to move its input: let it take a const reference";
  return {};
}

template <class Ticket>
struct chosen_operation : parent_operation {
  using parent_operation::parent_operation;
  Ticket ticket{};
  bool began = false;  ///< something did, and failed, before another one was chosen
};

/// One run's turn: asks the chooser and runs what it names as a child, which pins it.
/// \cost  beside the chooser, what any child run costs: no allocation, no lock
template <class Chooser, class Out, class... In>
struct chosen_step {
  static_assert(chooser<Chooser, In...>);
  using output = Out;
  using inputs = arguments<passing::dynamic, In...>;
  using ticket = typename Chooser::ticket;
  using operation = chosen_operation<ticket>;

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  /// Fills in everything but the stage's name and inputs.
  static void prepare(graph::builder&, graph::stage_request& request, std::string kind, Chooser by) {
    request.kind = std::move(kind);
    request.layer = step_layer::choice;
    request.demands.assign(sizeof...(In), graph::demand::either);
    request.type = &graph::value_type_of<output>;
    request.fixed = request.dynamic = &execute;
    request.stage = std::make_shared<const Chooser>(std::move(by));
    request.scratch_size = sizeof(operation);
    request.suspends = true;
    request.each_child = &each_child;
    request.cancel = &cancel_children;
    request.keeps_inputs = true;
    request.result_optional = std::is_same_v<output, unit>;
  }

 private:
  static const Chooser& chooser_of(const graph::step& s) noexcept { return *static_cast<const Chooser*>(s.stage); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto& op = make_operation<operation>(r, s);
    result<chosen_work<ticket>> chosen = choose(r, s);
    if (!chosen) return refuse(op, chosen.error());
    if (const failure why = start(op, *std::move(chosen)); why.is_set()) return refuse(op, why);
    return finish_start<chosen_step>(r, s, op);
  }

  /// What is returned is set where it could not be begun.
  static failure start(operation& op, chosen_work<ticket> chosen) {
    graph::run& r = *op.owner;
    op.ticket = std::move(chosen.ticket);
    // It is listed already where another one before could be suspended.
    if (!chosen.work->sequential && !op.listed && !r.enlist(op)) return not_begun(op, r.reason());
    failure why = begin_child(op, *chosen.work, {.ended = &ended, .abandoned = &abandoned}, [&](graph::run& made) {
      hand_over(op, made);
      chosen.work.reset();  // the child pins it, and may have ended elsewhere before this returns
    });
    return why.is_set() ? not_begun(op, std::move(why)) : why;
  }

  static failure not_begun(operation& op, failure why) {
    tell(op, never_began, why);
    return why.is_set() ? why : failure(errc::cancelled);
  }

  static void hand_over(operation& op, graph::run& child) {
    if constexpr (second_chooser<Chooser>) {
      if (chooser_of(op.its_step()).may_choose_other()) return child_inputs<In...>::lend(*op.owner, op.its_step(), child);
    }
    child_inputs<In...>::give(*op.owner, op.its_step(), child);
  }

  static result<chosen_work<ticket>> choose(graph::run& r, const graph::step& s) {
    const inputs from(r, s);
    try {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return chooser_of(s).choose(r, std::as_const(*from.template get<I>())...);
      }(std::index_sequence_for<In...>{});
    } catch (...) {
      return failure::from(std::current_exception());
    }
  }

  static void tell(operation& op, work_end how, const failure& why) noexcept {
    chooser_of(op.its_step()).ended(std::exchange(op.ticket, {}), how, why);
  }

  /// Nothing has begun.
  static graph::outcome refuse(operation& op, const failure& why) {
    graph::run& r = *op.owner;
    r.note_never_began();
    r.fail(op.its_step(), why);
    end_operation<chosen_step>(op);
    return graph::outcome::stopped;
  }

  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<operation&>(parent);
    graph::run& r = *op.owner;
    if constexpr (second_chooser<Chooser>) {
      if (!has_answer(child) && try_other(op, child)) return;
    }
    if (!op.began) pass_on_never_began(child, r);
    tell(op, work_end_of(child, r), child.reason());
    take_answer<output>(child, r, op.its_step());
    child.release();
    complete_step<chosen_step>(op);
  }

  static bool try_other(operation& op, graph::run& child) {
    graph::run& r = *op.owner;
    if (r.stopped() || time_is_over(r)) return false;
    std::optional<chosen_work<ticket>> other = choose_other(op, child);
    if (!other) return false;
    op.began = op.began || !child.never_began();
    tell(op, work_end_of(child, r), child.reason());
    child.release();
    if (failure why = start(op, *std::move(other)); why.is_set()) {
      r.fail(op.its_step(), std::move(why));
      complete_step<chosen_step>(op);
    }
    return true;
  }

  /// One that throws has none.
  static std::optional<chosen_work<ticket>> choose_other(const operation& op, const graph::run& child) noexcept {
    try {
      const Chooser& by = chooser_of(op.its_step());
      if (by.may_choose_other()) return by.choose_other(*op.owner, op.ticket, child.reason());
    } catch (...) {
    }
    return std::nullopt;
  }

  static void abandoned(parent_operation& parent) noexcept {
    auto& op = static_cast<operation&>(parent);
    tell(op, {request_outcome::ignored}, failure());
    abandon_step<chosen_step>(op);
  }
};

}  // namespace catena::detail
