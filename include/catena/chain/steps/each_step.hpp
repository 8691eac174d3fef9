// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How each() runs: lanes that take the next item when they are done with one.
#include <catena/chain/steps/stage_plan.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::detail {

enum class each_answer : bool { value, result };

/// A range of T's whose items can be moved out of it.
template <class R>
concept item_range = std::ranges::random_access_range<R> && std::ranges::sized_range<R> &&
                     std::is_same_v<std::ranges::range_reference_t<R>, std::ranges::range_value_t<R>&>;

/// The items under way and their answers. Lanes share it: `next` is the item nobody has begun, `lanes` counts those still running.
template <class Iterator, class Slot>
struct each_operation : parent_operation {
  using parent_operation::parent_operation;
  std::unique_ptr<std::optional<Slot>[]> answers;
  Iterator begin{};
  std::size_t count = 0;
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> lanes{1};
  bool items_movable = false;
  void reset() noexcept { answers.reset(); }
};

template <class Stage, each_answer Answer, class Range, class... With>
struct each_step {
  static_assert(item_range<Range>, "catena: each() maps a range of items in memory, such as a std::vector");
  using item = std::ranges::range_value_t<Range>;
  using mapped = typename Stage::template output<item, With...>;
  static constexpr bool keeps_failures = Answer == each_answer::result;
  using slot = std::conditional_t<keeps_failures, result<mapped>, mapped>;
  using output = std::vector<slot>;
  using inputs = arguments<passing::dynamic, Range, With...>;
  using iterator = std::ranges::iterator_t<Range>;
  using operation = each_operation<iterator, slot>;

  struct stage_data {
    graph::plan_ptr plan;
    std::size_t width;
  };

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, std::string name, std::vector<std::uint32_t> ids, Stage stage, std::size_t width) {
    if (width < 1) chain.fault("stage '" + name + "': width must be at least 1");
    const std::string inner_name = stage.name();
    auto plan = plan_of_stage<Stage, item, With...>(chain, inner_name, std::move(stage));
    graph::stage_request request;
    request.layer = step_layer::each;
    request.name = name;
    request.kind = "each";
    request.inputs = std::move(ids);
    request.demands.assign(1 + sizeof...(With), graph::demand::reads);
    request.demands[0] = plan->inputs[0].may_be_borrowed ? graph::demand::either : graph::demand::moves;
    for (std::size_t i = 1; i <= sizeof...(With); ++i)
      if (!plan->inputs[i].may_be_borrowed)
        chain.fault("stage '" + inner_name + "' wants to move what .with() hands to every item: let it take a const reference");
    request.type = &graph::value_type_of<output>;
    request.fixed = request.dynamic = &execute;
    request.scratch_size = sizeof(operation);
    request.suspends = !plan->sequential;
    request.each_child = &each_child;
    request.cancel = &cancel_children;
    request.keeps_inputs = true;
    request.inner = {plan};
    request.lets_park = true;
    if (plan->exit_type) chain.add_exit(*plan->exit_type, name);
    request.stage = std::make_shared<const stage_data>(stage_data{plan, width});
    return chain.add_stage(std::move(request));
  }

 private:
  static graph::outcome execute(graph::run& r, const graph::step& s) {
    const auto& data = *static_cast<const stage_data*>(s.stage);
    auto& op = make_operation<operation>(r, s);
    const inputs from(r, s);
    op.begin = std::ranges::begin(*from.template get<0>());
    op.count = std::ranges::size(*from.template get<0>());
    op.items_movable = from.template sole<0>();
    op.answers = std::make_unique<std::optional<slot>[]>(op.count);
    if (!data.plan->sequential && !r.enlist(op)) {
      end_operation<each_step>(op);
      return graph::outcome::stopped;
    }
    for (std::size_t lane = 0; lane < data.width && op.next.load(std::memory_order_relaxed) < op.count; ++lane) {
      op.lanes.fetch_add(1, std::memory_order_relaxed);
      run_lane(op);
    }
    lane_ended(op);
    return finish_start<each_step>(r, s, op);
  }

  /// Takes items until there are none or one suspends; that one takes the lane with it.
  static void run_lane(operation& op) {
    graph::run& r = *op.owner;
    for (;;) {
      const std::size_t i = r.stopped() ? op.count : op.next.fetch_add(1, std::memory_order_relaxed);
      if (i >= op.count) return lane_ended(op);
      if (!run_item(op, i)) return;
    }
  }

  /// True if the item has ended already.
  static bool run_item(operation& op, std::size_t i) {
    const auto& plan = *static_cast<const stage_data*>(op.its_step().stage)->plan;
    boost::intrusive_ptr<graph::run> child;
    try {
      child = &make_child(op, plan, {.index = i, .stoppable = true, .ended = &item_ended, .abandoned = &item_abandoned},
                          [&](graph::run& made) { give_item(op, i, made); });
    } catch (...) {
      fail_item(op, i, failure::from(std::current_exception()));
      return true;
    }
    auto& turn = child->tail<child_tail>().turn;
    start_child(*child);
    return turn.exchange(child_turn::waits, std::memory_order_acq_rel) == child_turn::ended;
  }

  static void give_item(operation& op, std::size_t i, graph::run& child) {
    const inputs from(*op.owner, op.its_step());
    item& value = op.begin[static_cast<std::ptrdiff_t>(i)];
    if (op.items_movable) child.give_input(0, std::move(value));
    else child.lend_input(0, &value);
    lend_rest(from, child, std::index_sequence_for<With...>{});
    if (op.items_movable && sizeof...(With) == 0) return;
    from.retain();
    child.tail<child_tail>().give_back = [](graph::run& parent, const graph::step& step) noexcept { release_inputs(parent, step); };
  }

  template <std::size_t... I>
  static void lend_rest(const inputs& from, graph::run& child, std::index_sequence<I...>) {
    (child.lend_input(I + 1, from.template get<I + 1>()), ...);
  }

  static void item_ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<operation&>(parent);
    auto& tail = child.tail<child_tail>();
    take_item(child, op, tail.index);
    const bool lane_is_running = tail.turn.exchange(child_turn::ended, std::memory_order_acq_rel) == child_turn::starting;
    child.release();
    if (!lane_is_running) run_lane(op);
  }

  static void take_item(graph::run& child, operation& op, std::size_t i) {
    graph::run& r = *op.owner;
    if (child.degraded) r.degraded = true;
    if (child.why_stopped() == graph::stop_reason::exited) {
      r.exit_with(child.exit_value());
    } else if (child.answered()) {
      mapped* value = child.slot<mapped>(child.of().result);
      try {
        op.answers[i].emplace(std::move(*value));
      } catch (...) {
        return fail_item(op, i, failure::from(std::current_exception()));  // the child destroys its value
      }
      graph::release_value(value);
    } else {
      fail_item(op, i, child.reason());
    }
  }

  static void fail_item(operation& op, std::size_t i, const failure& reason) {
    failure why = reason.within(op.owner->description(op.its_step()).name + "[" + std::to_string(i) + "]");
    if constexpr (keeps_failures) op.answers[i].emplace(std::move(why));
    else op.owner->stop_with(graph::stop_reason::failed, std::move(why));
  }

  static void item_abandoned(parent_operation& parent) noexcept {
    auto& op = static_cast<operation&>(parent);
    op.owner->note_abandoned();
    lane_ended(op);
  }

  static void lane_ended(operation& op) {
    if (op.lanes.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (!op.owner->stopped()) {
      try {
        gather(op);
      } catch (...) {
        op.owner->fail(op.its_step(), failure::from(std::current_exception()));
      }
    }
    complete_step<each_step>(op);
  }

  static void gather(operation& op) {
    output all;
    all.reserve(op.count);
    for (std::size_t i = 0; i < op.count; ++i) all.push_back(*std::move(op.answers[i]));
    emplace_output<output>(*op.owner, op.its_step(), std::move(all));
  }
};

}  // namespace catena::detail
