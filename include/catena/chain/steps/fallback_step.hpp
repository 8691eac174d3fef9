// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage that others stand in for when it fails: `.fallback(...)`.
#include <catena/chain/steps/stage_plan.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::detail {

/// One of those who may answer: the stage itself, which comes first, or a fallback.
struct candidate {
  graph::plan_ptr work;
  duration reserve{};  ///< how much of the run's time is kept for those behind it
};

/// What all runs of such a stage share: itself, which comes first, and its fallbacks.
struct replaced_work : stage_measure {
  explicit replaced_work(std::vector<candidate> c) : all(std::move(c)) {}
  void collect(metric_set& to, std::string_view chain, std::string_view stage) const override;
  const std::vector<candidate> all;
  mutable std::atomic<std::uint64_t> fallbacks{0};  ///< answers that one of them gave
};

/// One run's turn: one candidate after the other, until one answers.
struct fallback_operation : parent_operation {
  using parent_operation::parent_operation;
  std::size_t current = 0;
};

/// The same for all stages that take and answer the same.
template <class Out, class... In>
struct fallback_step {
  using output = Out;
  using inputs = arguments<passing::dynamic, In...>;
  using operation = fallback_operation;

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  /// \param all  the stage itself, which comes first, and its fallbacks
  static std::uint32_t add_to(graph::builder& chain, const std::string& name, std::vector<std::uint32_t> ids, std::vector<candidate> all) {
    const std::string& label = label_of(chain, name);
    graph::stage_request request;
    request.layer = step_layer::fallback;
    request.name = name;
    request.inputs = std::move(ids);
    describe_child_step<output, operation>(chain, request, all.front().work, sizeof...(In), &execute, &cancel_children);
    request.suspends = false;
    request.inner.clear();
    for (const candidate& one : all) {
      if (one.reserve < duration{}) chain.fault("stage '" + label + "': the fallback's reserve must be zero or more");
      request.suspends = request.suspends || !one.work->sequential;
      request.inner.push_back(one.work);
      if (&one != all.data() && one.work->exit_type) chain.add_exit(*one.work->exit_type, label);
    }
    request.demands = shared_demands(chain, label, sizeof...(In), std::span<const graph::plan_ptr>(request.inner));
    auto stage = std::make_shared<const replaced_work>(std::move(all));
    request.measure = stage;
    request.stage = std::move(stage);
    return chain.add_stage(std::move(request));
  }

 private:
  static const replaced_work& stage_of(const operation& op) noexcept { return *static_cast<const replaced_work*>(op.its_step().stage); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto& op = make_operation<operation>(r, s);
    if (r.description(s).suspends && !r.enlist(op)) {
      release_inputs(r, s);
      return graph::outcome::stopped;
    }
    start(op);
    return finish_start<fallback_step>(r, s, op);
  }

  static void start(operation& op) {
    graph::run& r = *op.owner;
    const candidate& one = stage_of(op).all[op.current];
    const time_point limit = one.reserve > duration{} && r.deadline != no_deadline ? earlier(r.deadline, one.reserve) : no_deadline;
    failure why = begin_child(op, *one.work,
                              {.deadline = limit, .stoppable = true, .ended = &ended, .abandoned = &single_child<fallback_step>::abandoned},
                              [&](graph::run& made) { child_inputs<In...>::lend(r, op.its_step(), made); });
    if (why.is_set()) failed(op, std::move(why));
  }

  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<operation&>(parent);
    graph::run& r = *op.owner;
    if (is_late(child, r)) {
      child.release();
      return failed(op, out_of_time());
    }
    if (has_answer(child)) {
      take_answer<output>(child, r, op.its_step());
      if (op.current != 0) {
        r.degraded = true;
        stage_of(op).fallbacks.fetch_add(1, std::memory_order_relaxed);
      }
      child.release();
      return complete_step<fallback_step>(op);
    }
    failure why = child.reason();
    child.release();
    failed(op, std::move(why));
  }

  static void failed(operation& op, failure why) {
    graph::run& r = *op.owner;
    if (op.current + 1 < stage_of(op).all.size() && !r.stopped() && !why.is(errc::cancelled)) {
      ++op.current;
      if (auto* hidden = hidden_failures(r)) hidden->push_back(std::move(why));
      return start(op);
    }
    r.fail(op.its_step(), std::move(why));
    complete_step<fallback_step>(op);
  }

  /// Where they go that are known to nobody but this step, if anybody around it wants to know.
  static std::vector<failure>* hidden_failures(graph::run& r) noexcept {
    return r.began_by().around == &child_tail::around ? r.tail<child_tail>().parent->hidden : nullptr;
  }
};

/// A stage expression with others that stand in for it.
template <class Base, class... Fallbacks>
struct replaced_stage {
  template <class... In>
  using output = typename Base::template output<In...>;

  template <class... In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> ids) && {
    static_assert((std::is_same_v<typename Fallbacks::template output<In...>, output<In...>> && ...),
                  "catena: a fallback answers what its stage answers");
    const std::string& label = label_of(chain, name);
    std::vector<candidate> all;
    all.push_back({plan_of_stage<Base, In...>(chain, label, std::move(base)), reserves.front()});
    std::size_t next = 1;
    const auto add = [&](auto& stage) {
      const duration reserve = next < reserves.size() ? reserves[next] : duration{};
      all.push_back({plan_of_stage<std::decay_t<decltype(stage)>, In...>(chain, label, std::move(stage)), reserve});
      ++next;
    };
    std::apply([&](auto&... stages) { (add(stages), ...); }, fallbacks);
    return fallback_step<output<In...>, In...>::add_to(chain, name, std::move(ids), std::move(all));
  }

  std::string name;
  Base base;
  std::tuple<Fallbacks...> fallbacks;
  std::array<duration, sizeof...(Fallbacks)> reserves;  ///< each is kept for the fallback of the same index
};

}  // namespace catena::detail
