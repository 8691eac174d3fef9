// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage that is asked a second time when it takes long: `.hedge`.
#include <catena/chain/steps/stage_plan.hpp>
#include <catena/recover/effects.hpp>
#include <catena/recover/hedge.hpp>
#include <catena/runtime/brief_mutex.hpp>
#include <catena/runtime/spin_lock.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace catena::detail {

/// How long a stage's answers take, as its runs have seen it.
/// \threads safe
class hedge_clock {
 public:
  explicit hedge_clock(const hedge_options& options) : options_(options) {}

  /// After how long the next attempt begins; nothing: too little is known yet.
  [[nodiscard]] std::optional<duration> delay() noexcept {
    const std::lock_guard lock(mutex_);
    return delay_;
  }
  void add(duration took, time_point now) noexcept {
    constexpr std::size_t looks_each = 16;  // a quantile takes longer to find than a latency to count
    const std::lock_guard lock(mutex_);
    seen_.add(took, now);
    if (++added_ % looks_each == 0 || seen_.count() == options_.least_count) delay_ = hedge_delay(options_, seen_);
  }

 private:
  const hedge_options options_;
  brief_mutex mutex_;
  latency_histogram seen_;
  std::optional<duration> delay_;
  std::size_t added_ = 0;
};

/// What all runs of a hedged stage share.
struct hedged_work {
  explicit hedged_work(const hedge_options& o)
      : options(o), budget(o.budget ? *o.budget : retry_budget({.share = 0.05, .per_second = 1})), clock(o) {}
  hedge_options options;
  retry_budget budget;
  graph::plan_ptr work;
  mutable hedge_clock clock;
};

/// One run's turn. Attempts that have lost end after the step, and find it here: it stays where it is as long as they do.
struct hedge_operation : parent_operation, ready_node {
  using parent_operation::parent_operation;
  struct next_timer : timer_node {
    hedge_operation* operation = nullptr;
  };

  spin_lock lock;                ///< guards what follows
  std::uint32_t begun = 0;       ///< attempts
  std::uint32_t in_flight = 0;   ///< of those
  std::uint32_t left = 0;        ///< of those that lost: the runtime knows, and the step has not waited
  bool decided = false;          ///< one has answered, or all have failed
  bool waits = false;            ///< for those that lost
  std::array<time_point, 4> began{};
  failure last;

  next_timer next;               ///< the moment when another attempt begins
  void reset() noexcept { last = {}; }
};

/// The same for all stages that take and answer the same.
template <class Out, class... In>
struct hedge_step {
  using output = Out;
  using inputs = arguments<passing::dynamic, In...>;
  using operation = hedge_operation;

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, const std::string& name, std::vector<std::uint32_t> ids, graph::plan_ptr work,
                              const hedge_options& options, effects what) {
    const std::string& label = label_of(chain, name);
    auto stage = std::make_shared<hedged_work>(options);
    stage->work = std::move(work);
    try {
      check(options);
    } catch (const std::invalid_argument& e) {
      chain.fault("stage '" + label + "': " + e.what());
    }
    if (what == effects::once) chain.fault("stage '" + label + "': .hedge() would do twice what is to be done once");
    if (stage->work->sequential) chain.fault("stage '" + label + "': .hedge() cannot begin beside a function that runs inline: say .on(executor) as well");
    graph::stage_request request;
    request.name = name;
    request.inputs = std::move(ids);
    describe_child_step<output, operation>(chain, request, stage->work, sizeof...(In), &execute, &cancel);
    request.demands = shared_demands(chain, label, sizeof...(In), stage->work);
    request.keeps_scratch = true;
    request.stage = std::move(stage);
    return chain.add_stage(std::move(request));
  }

 private:
  static const hedged_work& stage_of(const operation& op) noexcept { return *static_cast<const hedged_work*>(op.its_step().stage); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto& op = make_operation<operation>(r, s);
    if (!r.enlist(op)) {
      release_inputs(r, s);
      return graph::outcome::stopped;
    }
    const boost::intrusive_ptr<graph::run> pinned(&r);
    const hedged_work& stage = stage_of(op);
    const time_point now = r.runtime().time->now();
    stage.budget.began(now);
    begin(op, now);
    await_next(op, now);
    return finish_start<hedge_step>(r, s, op);
  }

  // ---- an attempt ----

  static void begin(operation& op, time_point now) {
    std::uint32_t index = 0;
    {
      const std::lock_guard lock(op.lock);
      if (op.decided) return;
      index = op.begun++;
      op.began[index] = now;
      ++op.in_flight;
    }
    graph::run* child = nullptr;
    failure why;
    try {
      child = &make_child(op, *stage_of(op).work, {.index = index, .stoppable = true, .ended = &ended, .abandoned = &abandoned},
                          [&](graph::run& made) { child_inputs<In...>::lend(*op.owner, op.its_step(), made); });
    } catch (...) {
      why = failure::from(std::current_exception());
    }
    if (child) return start_child(*child);
    if (count_out(op, std::move(why)) == verdict::failed) fail(op);
  }

  /// What the end of an attempt is for the step.
  enum class verdict : std::uint8_t { waits, failed, answered, came_late };

  /// An attempt has ended; `why` is not set where it has answered.
  static verdict count_out(operation& op, failure why) {
    const std::lock_guard lock(op.lock);
    --op.in_flight;
    if (op.decided) return verdict::came_late;
    if (!why.is_set()) {
      op.decided = true;
      return verdict::answered;
    }
    op.last = std::move(why);
    op.decided = op.in_flight == 0;
    return op.decided ? verdict::failed : verdict::waits;
  }

  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<operation&>(parent);
    graph::run& r = *op.owner;
    const time_point now = r.runtime().time->now();
    const bool answered = has_answer(child);
    const duration took = now - op.began[child.tail<child_tail>().index];
    const verdict is = count_out(op, answered ? failure() : child.reason());
    if (answered || is == verdict::came_late) stage_of(op).clock.add(took, now);  // who was stopped would have taken longer
    switch (is) {
      case verdict::waits: return child.release();
      case verdict::came_late: return came_late(op, child);
      case verdict::failed: child.release(); return fail(op);
      case verdict::answered: break;
    }
    take_answer<output>(child, r, op.its_step());
    child.release();
    stop_next(op);
    if (leave_losers(op)) complete_step<hedge_step>(op);
  }

  static void fail(operation& op) {
    stop_next(op);
    op.owner->fail(op.its_step(), std::move(op.last));
    complete_step<hedge_step>(op);
  }

  // ---- those that have lost ----

  /// Tells them to stop. False: the step must wait for them, since the runtime has left too much behind already.
  static bool leave_losers(operation& op) {
    graph::run& r = *op.owner;
    bool goes_on = true;
    {
      const std::lock_guard lock(op.lock);
      if (op.in_flight == 0) return true;
      while (op.left < op.in_flight && r.runtime().leave_behind()) ++op.left;
      op.waits = op.left < op.in_flight;
      goes_on = !op.waits;
    }
    r.guarded([&] { stop_children_locked(op); });
    return goes_on;
  }

  /// What is left to do for one that has ended after the step was decided.
  enum class late : std::uint8_t { nothing, came_home, was_awaited };

  static late count_late_locked(operation& op) noexcept {
    if (op.left > 0) return --op.left, late::came_home;
    return op.waits && op.in_flight == 0 ? late::was_awaited : late::nothing;
  }

  static void came_late(operation& op, graph::run& child) {
    const boost::intrusive_ptr<graph::run> pinned(op.owner);
    child.release();
    late is{};
    {
      const std::lock_guard lock(op.lock);
      is = count_late_locked(op);
    }
    if (is == late::came_home) pinned->runtime().came_home();
    if (is == late::was_awaited) complete_step<hedge_step>(op);
  }

  // ---- the next attempt ----

  static void await_next(operation& op, time_point now) {
    graph::run& r = *op.owner;
    const hedged_work& stage = stage_of(op);
    const std::optional<duration> delay = stage.clock.delay();
    if (!delay) return;
    const time_point when = later(now, *delay);
    if (is_decided(op) || op.begun > stage.options.extra || when >= r.deadline) return;
    op.next.operation = &op;
    op.next.when = when;
    op.next.fire = &is_time;
    r.retain();
    r.runtime().timers->add(op.next);
    if (is_decided(op) || r.stopped()) stop_next(op);  // who decided or stopped it before could not
  }

  static bool is_decided(operation& op) noexcept {
    const std::lock_guard lock(op.lock);
    return op.decided;
  }

  static void stop_next(operation& op) noexcept {
    if (op.owner->runtime().timers->remove(op.next)) op.owner->release();
  }

  static void is_time(timer_node& node, wake how) {
    operation& op = *static_cast<operation::next_timer&>(node).operation;
    op.resume = &go_on;
    if (how == wake::abandoned) go_on(op, how);
    else op.owner->resume_on_executor(op);
  }

  /// On the run's executor.
  static void go_on(ready_node& node, wake how) {
    auto& op = static_cast<operation&>(node);
    graph::run& r = *op.owner;
    const boost::intrusive_ptr<graph::run> pinned(&r, false);
    if (how == wake::abandoned || r.stopped() || is_decided(op)) return;  // the attempts that are under way end the step
    const time_point now = r.runtime().time->now();
    if (!stage_of(op).budget.try_extra(now)) return;
    begin(op, now);
    await_next(op, now);
  }

  static bool cancel(graph::operation& base) {
    auto& op = static_cast<operation&>(base);
    stop_next(op);
    stop_children_locked(op);
    return false;
  }

  /// The executor is gone, for all of them.
  static void abandoned(parent_operation& parent) noexcept {
    auto& op = static_cast<operation&>(parent);
    bool is_last = false;
    late is{};
    {
      const std::lock_guard lock(op.lock);
      --op.in_flight;
      if (op.decided) is = count_late_locked(op);
      else is_last = op.decided = op.in_flight == 0;
    }
    if (is == late::came_home) op.owner->runtime().came_home();
    if (is == late::was_awaited || is_last) abandon_step<hedge_step>(op);
  }
};

/// A stage expression that is hedged.
template <class Base>
struct hedged_stage {
  template <class... In>
  using output = typename Base::template output<In...>;

  template <class... In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> ids) && {
    auto work = plan_of_stage<Base, In...>(chain, label_of(chain, name), std::move(base));
    return hedge_step<output<In...>, In...>::add_to(chain, name, std::move(ids), std::move(work), options, what);
  }

  std::string name;  ///< empty where another step around it has it
  Base base;
  hedge_options options;
  effects what;
};

}  // namespace catena::detail
