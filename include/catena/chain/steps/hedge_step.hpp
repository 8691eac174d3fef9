// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage that is asked a second time when it takes long: `.hedge`.
#include <catena/chain/steps/race.hpp>
#include <catena/recover/effects.hpp>
#include <catena/recover/hedge.hpp>
#include <catena/runtime/brief_mutex.hpp>

#include <array>
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

/// How long a stage's answers take, as its runs have seen it.
/// \threads safe
class hedge_clock {
 public:
  explicit hedge_clock(const hedge_options& options) : options_(options) {}

  /// From now on other options hold; what was seen stays known.
  void set_options(const hedge_options& options) noexcept {
    const std::lock_guard lock(mutex_);
    options_ = options;
    delay_ = hedge_delay(options_, seen_);
  }

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
  hedge_options options_;
  brief_mutex mutex_;
  latency_histogram seen_;
  std::optional<duration> delay_;
  std::size_t added_ = 0;
};

/// What all runs of a hedged stage share.
struct hedged_work : stage_measure {
  explicit hedged_work(const hedge_options& o)
      : options(o), extra(o.extra), budget(o.budget ? *o.budget : retry_budget({.share = 0.05, .per_second = 1})), clock(o) {}
  void collect(metric_set& to, std::string_view chain, std::string_view stage) const override;
  const hedge_options options;     ///< as they were said
  std::atomic<std::size_t> extra;  ///< as it is by now; the clock has the others
  retry_budget budget;
  graph::plan_ptr work;
  mutable hedge_clock clock;
  mutable std::atomic<std::uint64_t> hedges{0};  ///< attempts beside another one
};
[[nodiscard]] std::vector<tunable_place> tunables_of(const std::shared_ptr<hedged_work>& stage);

/// One run's turn.
struct hedge_operation : race_operation, ready_node {
  using race_operation::race_operation;
  struct next_timer : timer_node {
    hedge_operation* operation = nullptr;
  };

  std::uint32_t begun = 0;  ///< attempts
  std::uint32_t extra = 0;  ///< attempts beside the first one that there may be
  std::array<time_point, 4> began{};
  next_timer next;          ///< the moment when another attempt begins
  work_abroad work;         ///< held while that is awaited: the timer may come when the run has just ended
};

/// The same for all stages that take and answer the same.
template <class Out, class... In>
struct hedge_step : race<hedge_step<Out, In...>, hedge_operation> {
  using output = Out;
  using inputs = arguments<passing::dynamic, In...>;
  using operation = hedge_operation;
  using racing = race<hedge_step, hedge_operation>;

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
    request.layer = step_layer::hedge;
    request.name = name;
    request.inputs = std::move(ids);
    describe_child_step<output, operation>(chain, request, stage->work, sizeof...(In), &execute, &cancel);
    request.demands = shared_demands(chain, label, sizeof...(In), stage->work);
    request.keeps_scratch = true;
    request.measure = stage;
    request.tunables = tunables_of(stage);
    request.stage = std::move(stage);
    return chain.add_stage(std::move(request));
  }

  // ---- for race ----

  static void lend(operation& op, graph::run& child) { child_inputs<In...>::lend(*op.owner, op.its_step(), child); }
  static void has_ended(operation& op, graph::run& child, race_end is) noexcept {
    const bool would_have_taken_longer = !has_answer(child) && !is_late(is);
    if (would_have_taken_longer) return;
    const time_point now = op.owner->runtime().time->now();
    stage_of(op).clock.add(now - op.began[child.tail<child_tail>().index], now);
  }
  static void decided(operation& op) noexcept { stop_next(op); }

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
    op.extra = static_cast<std::uint32_t>(stage.extra.load(std::memory_order_relaxed));
    begin(op, now);
    await_next(op, now);
    return finish_start<hedge_step>(r, s, op);
  }

  static void begin(operation& op, time_point now) {
    const std::uint32_t index = op.begun;
    op.began[index] = now;
    if (!racing::begin(op, *stage_of(op).work, index)) return;
    ++op.begun;
    if (index != 0) stage_of(op).hedges.fetch_add(1, std::memory_order_relaxed);
  }

  // ---- the next attempt ----

  static void await_next(operation& op, time_point now) {
    graph::run& r = *op.owner;
    const hedged_work& stage = stage_of(op);
    const std::optional<duration> delay = stage.clock.delay();
    if (!delay) return;
    const time_point when = later(now, *delay);
    if (op.is_decided() || op.begun > op.extra || when >= r.deadline) return;
    op.next.operation = &op;
    op.next.when = when;
    op.next.fire = &is_time;
    op.work.hold(r);
    r.retain();
    r.runtime().timers->add(op.next);
    if (op.is_decided() || r.stopped()) stop_next(op);  // who decided or stopped it before could not
  }

  static void stop_next(operation& op) noexcept {
    if (!op.owner->runtime().timers->remove(op.next)) return;
    op.work.drop();
    op.owner->release();
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
    op.work.drop();
    if (how == wake::abandoned || r.stopped() || op.is_decided()) return;  // the attempts that are under way end the step
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
