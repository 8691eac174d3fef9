// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage whose failures a person is told: `.notify(...)`.
#include <catena/chain/steps/stage_plan.hpp>
#include <catena/incident/notifier.hpp>
#include <catena/incident/notify_options.hpp>
#include <catena/incident/parking_lot.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
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
  std::shared_ptr<parking_lot> lot;  ///< null: its runs are not parked
};

/// One run's turn: its work, and then perhaps a person's decision.
struct notify_operation : parent_operation, ready_node {
  struct place_of : parked_place {
    notify_operation* operation = nullptr;
  };

  notify_operation(graph::run& r, std::uint32_t index) : parent_operation(r, index) {
    hidden = &failures;
    place.operation = this;
  }
  void reset() noexcept {
    std::vector<failure>().swap(failures);
    last = {};
  }

  place_of place;
  std::vector<failure> failures;  ///< of the candidates that somebody else stood in for
  failure last;                   ///< while it is parked, why
  bool lapsed = false;            ///< nobody decided in time, and it is not parked again
};

/// The path of a step from the outermost chain, as its failures have it.
[[nodiscard]] std::string path_of(graph::run& r, const graph::step& s);

/// Whether somebody is to be told: not of what was cancelled or had no time left, since then the run is over.
[[nodiscard]] bool concerns_somebody(const notify_options& options, graph::run& r, const failure& why) noexcept;

/// Says what happened. \param inputs  in words, where their types have opted in
[[nodiscard]] incident make_incident(notify_operation& op, const failure& why, std::vector<std::optional<std::string>> inputs);

/// Tells it, and keeps it for replay.
void report(const noted_work& stage, graph::run& r, incident what) noexcept;

/// Parks the run, and tells it. False: it cannot be parked. Else it may have gone on by now, and must not be touched; op.resume
/// is called with what was decided.
[[nodiscard]] bool try_park(notify_operation& op, const noted_work& stage, const failure& why, incident& what);

/// It goes on: takes back what parking it did, and says what was decided.
[[nodiscard]] decision end_parking(notify_operation& op, const noted_work& stage);

/// graph::step_description::cancel of such a step.
bool cancel_notify(graph::operation& base);

/// Why a decision is none for a stage that answers Out; empty: it is one.
template <class Out>
std::string fault_of(const decision& d) {
  constexpr bool optional = requires(Out& out) { out = std::nullopt; };
  if (d.what() == decision::kind::use && d.type() != &graph::value_type_of<Out>)
    return "the stage answers " + std::string(type_name<Out>()) + ", not " + std::string(d.type()->name);
  if (d.what() == decision::kind::skip && !optional && !std::is_same_v<Out, unit>)
    return "the stage cannot be skipped: what it answers, " + std::string(type_name<Out>()) + ", is no std::optional";
  return {};
}
/// The same for one that many runs share.
template <class Out>
std::string fault_of_default(const decision& d) {
  if (d.what() == decision::kind::use && !std::is_copy_constructible_v<Out>) return "its value cannot be copied";
  return fault_of<Out>(d);
}
/// What is wrong with the options, but for the decision.
[[nodiscard]] std::string fault_of(const park_options& options);

/// The same for all stages that take and answer the same.
template <class Out, class... In>
struct notify_step {
  using output = Out;
  using inputs = arguments<passing::dynamic, In...>;
  using operation = notify_operation;

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, const std::string& name, std::vector<std::uint32_t> ids, graph::plan_ptr work,
                              notify_terms said) {
    const std::string& label = label_of(chain, name);
    auto stage = std::make_shared<noted_work>(noted_work{std::move(said), std::move(work), nullptr});
    stage->said.to.add_to_metrics(chain.runtime());
    const auto& park = stage->said.options.park;
    if (park) {
      stage->lot = parking_lot::of(*chain.runtime());
      std::string wrong = fault_of(*park);
      if (wrong.empty()) wrong = fault_of_default<output>(park->on_limit);
      if (!wrong.empty()) chain.fault("stage '" + label + "' cannot park: " + wrong);
    }
    graph::stage_request request;
    request.layer = step_layer::notify;
    request.name = name;
    request.inputs = std::move(ids);
    describe_child_step<output, operation>(chain, request, stage->work, sizeof...(In), &execute, &cancel_notify);
    request.demands = shared_demands(chain, label, sizeof...(In), stage->work);
    request.suspends = park || !stage->work->sequential;
    request.keeps_scratch = park.has_value();  // a timer that comes late looks at it
    request.parks = park.has_value();
    request.lets_park = true;
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
    failure why = begin_child(op, *stage_of(op).work, {.ended = &ended, .abandoned = &abandoned},
                              [&](graph::run& made) { child_inputs<In...>::lend(*op.owner, op.its_step(), made); });
    if (why.is_set()) failed(op, std::move(why));
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
    if (concerns_somebody(stage.said.options, r, why)) {
      incident what = incident_of(op, why);
      if (stage.lot && !op.lapsed) {
        op.resume = &go_on;
        op.place.fault = [](const parked_place&, const decision& d) { return fault_of<output>(d); };
        if (try_park(op, stage, why, what)) return;
      }
      report(stage, r, std::move(what));
    }
    give_up(op, std::move(why));
  }

  static void give_up(operation& op, failure why) {
    op.owner->fail(op.its_step(), std::move(why));
    complete_step<notify_step>(op);
  }

  // ---- after a decision, on the run's executor ----

  static void go_on(ready_node& node, wake how) {
    auto& op = static_cast<operation&>(node);
    graph::run& r = *op.owner;
    const boost::intrusive_ptr<graph::run> pinned(&r, !op.place.keeps_memory);
    const noted_work& stage = stage_of(op);
    const decision d = end_parking(op, stage);
    if (how == wake::abandoned) return abandon_step<notify_step>(op);
    if (r.stopped()) return complete_step<notify_step>(op);
    switch (d.what()) {
      case decision::kind::retry: op.failures.clear(); return start(op);
      case decision::kind::use:
      case decision::kind::skip: return answer(op, d);
      case decision::kind::fail: break;
    }
    failure why = d.why().is_set() ? d.why().with_cause(std::make_exception_ptr(error(op.last))) : op.last;
    if (stage.said.to.keeps_dead_letters()) stage.said.to.bury(r.runtime().shared_from_this(), incident_of(op, why));
    give_up(op, std::move(why));
  }

  /// The decision stands for the stage's answer.
  static void answer(operation& op, const decision& d) {
    graph::run& r = *op.owner;
    try {
      if (d.what() == decision::kind::skip) {
        if constexpr (std::is_default_constructible_v<output>) emplace_output<output>(r, op.its_step());
      } else if constexpr (std::is_copy_constructible_v<output>) {
        emplace_output<output>(r, op.its_step(), *static_cast<const output*>(d.value()));
      } else {
        emplace_output<output>(r, op.its_step(), std::move(*static_cast<output*>(d.value())));
      }
      r.degraded = true;
    } catch (...) {
      r.fail(op.its_step(), failure::from(std::current_exception()));
    }
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
    auto work = plan_of_stage<Base, In...>(chain, label_of(chain, name), std::move(base));
    return notify_step<output<In...>, In...>::add_to(chain, name, std::move(ids), std::move(work), std::move(said));
  }

  std::string name;  ///< empty where another step around it has it
  Base base;
  notify_terms said;
};

}  // namespace catena::detail
