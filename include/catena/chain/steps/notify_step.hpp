// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage whose failures a person is told: `.notify(...)`.
#include <catena/chain/steps/stage_plan.hpp>
#include <catena/incident/notifier.hpp>
#include <catena/incident/notify_options.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace catena::detail {

/// What was said with `.notify(...)`.
struct notify_terms {
  notifier to;
  notify_options options;
};

/// What all runs of such a stage share.
struct noted_work {
  notify_terms said;
  graph::plan_ptr work;
};

/// One run's turn.
struct notify_operation : parent_operation {
  notify_operation(graph::run& r, std::uint32_t index) : parent_operation(r, index) { hidden = &failures; }
  std::vector<failure> failures;  ///< of the candidates that somebody else stood in for
  void reset() noexcept { std::vector<failure>().swap(failures); }
};

/// The path of a step from the outermost chain, as its failures have it.
[[nodiscard]] std::string path_of(graph::run& r, const graph::step& s);

/// Whether somebody is to be told: not of what was cancelled or had no time left, since then the run is over.
[[nodiscard]] bool concerns_somebody(const notify_options& options, graph::run& r, const failure& why) noexcept;

/// Says what happened. \param inputs  in words, where their types have opted in
[[nodiscard]] incident make_incident(notify_operation& op, const failure& why, std::vector<std::optional<std::string>> inputs);

/// Tells it, and keeps it for replay.
void report(const noted_work& stage, graph::run& r, incident what) noexcept;

/// Base is a stage expression.
template <class Base, class... In>
struct notify_step {
  using output = typename Base::template output<In...>;
  using inputs = arguments<passing::dynamic, In...>;
  using operation = notify_operation;

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, const std::string& name, std::vector<std::uint32_t> ids, Base base, notify_terms said) {
    const std::string& label = label_of(chain, name);
    auto stage = std::make_shared<noted_work>(noted_work{std::move(said), nullptr});
    stage->work = plan_of_stage<Base, In...>(chain, label, std::move(base));
    graph::stage_request request;
    request.name = name;
    request.inputs = std::move(ids);
    describe_child_step<output, operation>(chain, request, stage->work, sizeof...(In), &execute, &cancel_children);
    request.demands = shared_demands(chain, label, sizeof...(In), stage->work);
    request.suspends = !stage->work->sequential;
    request.stage = std::move(stage);
    return chain.add_stage(std::move(request));
  }

 private:
  static const noted_work& stage_of(const operation& op) noexcept { return *static_cast<const noted_work*>(op.its_step().stage); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto& op = make_operation<operation>(r, s);
    if (r.description(s).suspends && !r.enlist(op)) {
      end_operation<notify_step>(op);
      return graph::outcome::stopped;
    }
    start(op);
    return finish_start<notify_step>(r, s, op);
  }

  static void start(operation& op) {
    graph::run* child = nullptr;
    failure why;
    try {
      child = &make_child(op, *stage_of(op).work, {.ended = &ended, .abandoned = &abandoned},
                          [&](graph::run& made) { child_inputs<In...>::lend(*op.owner, op.its_step(), made); });
    } catch (...) {
      why = failure::from(std::current_exception());
    }
    if (child) return start_child(*child);
    failed(op, std::move(why));
  }

  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<operation&>(parent);
    graph::run& r = *op.owner;
    if (has_answer(child)) {
      take_answer<output>(child, r, op.its_step());
      child.release();
      return complete_step<notify_step>(op);
    }
    pass_on_never_began(child, r);
    failure why = child.reason();
    child.release();
    failed(op, std::move(why));
  }

  static void abandoned(parent_operation& parent) noexcept { abandon_step<notify_step>(static_cast<operation&>(parent)); }

  static void failed(operation& op, failure why) {
    graph::run& r = *op.owner;
    const noted_work& stage = stage_of(op);
    if (concerns_somebody(stage.said.options, r, why)) report(stage, r, incident_of(op, why));
    r.fail(op.its_step(), std::move(why));
    complete_step<notify_step>(op);
  }

  static incident incident_of(operation& op, const failure& why) {
    const inputs from(*op.owner, op.its_step());
    std::vector<std::optional<std::string>> texts;
    [&]<std::size_t... I>(std::index_sequence<I...>) { (texts.push_back(text_or_nothing(*from.template get<I>())), ...); }(std::index_sequence_for<In...>{});
    return make_incident(op, why, std::move(texts));
  }

  /// A type whose text throws keeps its value to itself.
  template <class T>
  static std::optional<std::string> text_or_nothing(const T& value) noexcept {
    try {
      return text_for_incident(value);
    } catch (...) {
      return std::nullopt;
    }
  }
};

/// A stage expression whose failures a person is told.
template <class Base>
struct notified_stage {
  template <class... In>
  using output = typename Base::template output<In...>;

  template <class... In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> ids) && {
    return notify_step<Base, In...>::add_to(chain, name, std::move(ids), std::move(base), std::move(said));
  }

  std::string name;  ///< empty where another step around it has it
  Base base;
  notify_terms said;
};

}  // namespace catena::detail
