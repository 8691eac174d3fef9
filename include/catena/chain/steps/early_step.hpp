// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage that fails at once where it has no chance to end in time: `.fail_early`.
#include <catena/chain/steps/stage_plan.hpp>
#include <catena/chain/steps/time_spent.hpp>
#include <catena/recover/fail_early.hpp>
#include <catena/runtime/brief_mutex.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace catena::detail {

/// What all runs of such a stage have seen.
/// \threads safe
class early_core {
 public:
  explicit early_core(const fail_early_options& options) : original(options), odds_(options) {}

  void set_options(const fail_early_options& options) noexcept {
    const std::lock_guard lock(mutex_);
    odds_.set_options(options);
  }

  const fail_early_options original;
  const void* judging = nullptr;  ///< graph::step::stage of the step that judges; set when the chain is built

  /// \param left     until it must have ended, waiting and all
  /// \param of_work  the time that its work may take, once that has begun
  [[nodiscard]] early_verdict judge(duration left, duration of_work, time_point now) noexcept {
    const std::lock_guard lock(mutex_);
    return odds_.judge(std::min(left - wait_.at(now), of_work), now);
  }
  /// The work has begun, so long after it was judged.
  void began(duration waited, time_point now) noexcept {
    const std::lock_guard lock(mutex_);
    wait_.began(waited, now);
  }
  void ended(early_verdict as, call_end how, duration took, time_point now) noexcept {
    const std::lock_guard lock(mutex_);
    odds_.ended(as, how, took, now);
  }

  struct view {
    duration wait{}, hopeless_below{};
    std::optional<duration> usual;
  };
  [[nodiscard]] view look(time_point now) noexcept {
    const std::lock_guard lock(mutex_);
    return {wait_.at(now), odds_.hopeless_below(), odds_.usual()};
  }

 private:
  brief_mutex mutex_;
  finish_odds odds_;
  expected_wait wait_;
};

[[nodiscard]] std::vector<tunable_place> tunables_of(const std::shared_ptr<early_core>& core);

/// Faults of the options are the chain's.
inline std::shared_ptr<early_core> early_core_of(graph::builder& chain, const std::string& name, const fail_early_options& options) {
  try {
    return std::make_shared<early_core>(options);
  } catch (const std::invalid_argument& e) {
    chain.fault("stage '" + label_of(chain, name) + "': " + e.what());
    return std::make_shared<early_core>(fail_early_options{});
  }
}

/// Where the stage's runs wait between being judged and beginning, two steps do what otherwise one does.
enum class early_part : std::uint8_t { all, judges, measures };

/// attempt_options::attempt_limit; null: an attempt has none.
using attempt_limit_now = std::shared_ptr<const std::atomic<duration::rep>>;

/// What all runs of one of these steps share.
struct early_work {
  early_part part = early_part::all;
  attempt_limit_now limit;
  std::shared_ptr<early_core> core;
  graph::plan_ptr work;
};

struct early_operation : parent_operation {
  using parent_operation::parent_operation;
  early_verdict verdict = early_verdict::goes;
  time_point began{};  ///< or was judged
};

/// The same for all stages that take and answer the same.
template <class Out, class... In>
struct early_step {
  using output = Out;
  using inputs = arguments<passing::dynamic, In...>;
  using operation = early_operation;

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, const std::string& name, std::vector<std::uint32_t> ids, early_work about) {
    auto stage = std::make_shared<const early_work>(std::move(about));
    graph::stage_request request;
    if (stage->part != early_part::measures) {
      stage->core->judging = stage.get();
      request.tunables = tunables_of(stage->core);
    }
    request.name = name;
    request.inputs = std::move(ids);
    describe_child_step<output, operation>(chain, request, stage->work, sizeof...(In), &execute, &cancel_children);
    request.suspends = !stage->work->sequential;
    request.keeps_scratch = stage->part == early_part::judges;  // work that was left behind may begin later, and looks there
    request.stage = std::move(stage);
    return chain.add_stage(std::move(request));
  }

 private:
  static const early_work& stage_of(const operation& op) noexcept { return *static_cast<const early_work*>(op.its_step().stage); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto& op = make_operation<operation>(r, s);
    const early_work& stage = stage_of(op);
    op.began = r.runtime().time->now();
    if (stage.part == early_part::measures) note_wait(op);
    else op.verdict = stage.core->judge(time_left(op), time_of_work(stage), op.began);
    if (stage.part != early_part::measures && op.verdict == early_verdict::hopeless) return not_begun(op, hopeless(op));
    if (r.description(s).suspends && !r.enlist(op)) {
      end_operation<early_step>(op);
      return graph::outcome::stopped;
    }
    failure why = begin_child(op, *stage.work, {.ended = &ended, .abandoned = &abandoned},
                              [&](graph::run& made) { child_inputs<In...>::give(r, s, made); });
    if (why.is_set()) return not_begun(op, std::move(why));
    return finish_start<early_step>(r, s, op);
  }

  static constexpr duration no_end = duration::max() / 2;  // what is waited is subtracted
  static duration time_left(const operation& op) noexcept {
    const time_point deadline = op.owner->deadline;
    return deadline == no_deadline ? no_end : deadline - op.began;
  }
  static duration time_of_work(const early_work& stage) noexcept {
    return stage.limit ? duration(stage.limit->load(std::memory_order_relaxed)) : no_end;
  }

  /// The step that has judged it is that of a run around this one.
  static void note_wait(operation& op) noexcept {
    early_core& core = *stage_of(op).core;
    for (graph::run* r = op.owner; r->around(); r = r->around()) {
      parent_operation& parent = *r->tail<child_tail>().parent;
      if (parent.its_step().stage != core.judging) continue;
      const auto& judged = static_cast<const operation&>(parent);
      op.verdict = judged.verdict;
      return core.began(op.began - judged.began, op.began);
    }
  }

  static graph::outcome not_begun(operation& op, failure why) {
    graph::run& r = *op.owner;
    r.note_never_began();
    r.fail(op.its_step(), std::move(why));
    end_operation<early_step>(op);
    return graph::outcome::stopped;
  }

  static failure hopeless(const operation& op) {
    const early_core::view seen = stage_of(op).core->look(op.began);
    const duration left = time_left(op), of_work = time_of_work(stage_of(op));
    const bool waiting_counts = seen.wait > duration{} && left - seen.wait < of_work;
    std::string text = "next to no chance to end in the " + in_words(waiting_counts ? left : std::min(left, of_work)) + " that it has";
    if (waiting_counts) text += ", of which it would wait " + in_words(seen.wait);
    text += seen.usual ? ": half of its calls take " + in_words(*seen.usual) + " or less"
                       : ": hardly any of its calls ends within " + in_words(seen.hopeless_below);
    const std::string spent = time_spent_before(*op.owner, op.its_step());
    return failure(errc::deadline_unreachable, spent.empty() ? text : text + "; spent before: " + spent);
  }

  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<operation&>(parent);
    graph::run& r = *op.owner;
    const early_work& stage = stage_of(op);
    if (stage.part != early_part::judges && !child.never_began()) {
      const time_point now = r.runtime().time->now();
      stage.core->ended(op.verdict, has_answer(child) ? call_end::answered : call_end::cut_short, now - op.began, now);
    }
    pass_on_never_began(child, r);
    take_answer<output>(child, r, op.its_step());
    child.release();
    complete_step<early_step>(op);
  }

  static void abandoned(parent_operation& parent) noexcept { abandon_step<early_step>(static_cast<operation&>(parent)); }
};

/// A stage expression that is judged, measured, or both.
template <class Base>
struct early_stage {
  template <class... In>
  using output = typename Base::template output<In...>;

  template <class... In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> ids) && {
    about.work = plan_of_stage<Base, In...>(chain, label_of(chain, name), std::move(base));
    return early_step<output<In...>, In...>::add_to(chain, name, std::move(ids), std::move(about));
  }

  std::string name;  ///< empty where another step around it has it
  Base base;
  early_work about;
};

}  // namespace catena::detail
