// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage that is given so much time, and tried again when it fails: `.timeout`, `.retry`, `.attempt_timeout`, `.breaker`.
#include <catena/chain/steps/stage_plan.hpp>
#include <catena/recover/circuit_breaker.hpp>
#include <catena/recover/effects.hpp>
#include <catena/recover/retry.hpp>
#include <catena/runtime/published.hpp>
#include <catena/runtime/random_numbers.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace catena::detail {

/// What is said about a stage's attempts.
struct attempt_options {
  std::optional<duration> timeout = {};          ///< of all of them together
  std::optional<duration> attempt_timeout = {};  ///< of each
  std::optional<retry_options> retry = {};
  std::optional<circuit_breaker> breaker = {};
  catena::effects effects = effects::idempotent;
  std::shared_ptr<std::atomic<duration::rep>> attempt_limit = {};  ///< attempt_timeout as it is by now, where somebody else looks at it
};

/// Those of them that can be changed while the stage serves. A run has those with which it came to the stage.
struct attempt_numbers {
  attempt_numbers() = default;
  explicit attempt_numbers(const attempt_options& o);
  [[nodiscard]] retry_options retry() const {
    return {.retries = retries, .first_wait = first_wait, .factor = factor, .longest_wait = longest_wait, .jitter = spread, .budget = {}, .when = {}};
  }
  void set_retry(const retry_options& o);

  duration timeout{};          ///< where there is one
  duration attempt_timeout{};  ///< where there is one
  duration first_wait{};
  duration longest_wait{};
  double factor = 1;
  std::uint32_t retries = 0;
  jitter spread = jitter::none;
};

/// What all runs of such a stage share.
struct attempted_work : stage_measure {
  explicit attempted_work(attempt_options o) : options(std::move(o)), numbers(attempt_numbers(options)) {}
  void collect(metric_set& to, std::string_view chain, std::string_view stage) const override;
  const attempt_options options;       ///< as they were said
  published<attempt_numbers> numbers;  ///< as they are by now
  graph::plan_ptr work;
  std::optional<retry_budget> budget;  ///< where it is tried again
  mutable std::atomic<std::uint64_t> retries{0};  ///< that have begun
};
[[nodiscard]] std::vector<tunable_place> tunables_of(const std::shared_ptr<attempted_work>& stage);

/// One run's turn: an attempt, or a pause between two.
struct attempt_operation : parent_operation, ready_node {
  attempt_operation(graph::run& r, std::uint32_t index, const published<attempt_numbers>& by_now)
      : parent_operation(r, index), numbers(by_now.load()) {}
  struct pause_timer : timer_node {
    attempt_operation* operation = nullptr;
  };

  const attempt_numbers numbers;
  pause_timer pause;
  time_point until = no_deadline;  ///< when the stage must have answered
  time_point began{};              ///< of the attempt
  std::uint32_t attempts = 0;      ///< that have begun
  bool reached = false;            ///< one of them was let through to the target
  bool worked = false;             ///< the work of one of them has begun
  std::atomic<std::uint32_t> retries_left{0};  ///< for all that is inside, where nothing around it tries anything again
  breaker::pass pass;              ///< of the attempt
  failure last;                    ///< during a pause, why
  void reset() noexcept { last = {}; }
};

/// The same for all stages that take and answer the same.
template <class Out, class... In>
struct attempt_step {
  using output = Out;
  using inputs = arguments<passing::dynamic, In...>;
  using operation = attempt_operation;

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static std::uint32_t add_to(graph::builder& chain, const std::string& name, std::vector<std::uint32_t> ids, graph::plan_ptr work,
                              attempt_options options);

 private:
  static const attempted_work& stage_of(const operation& op) noexcept {
    return *static_cast<const attempted_work*>(op.its_step().stage);
  }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    const attempted_work& stage = *static_cast<const attempted_work*>(s.stage);
    auto& op = make_operation<operation>(r, s, stage.numbers);
    if (r.description(s).suspends && !r.enlist(op)) {
      release_inputs(r, s);
      return graph::outcome::stopped;
    }
    // Who stops the run takes it out of its pause, and may be done with the run before this is.
    const boost::intrusive_ptr<graph::run> pinned(stage.budget ? &r : nullptr);
    const time_point now = r.runtime().time->now();
    if (stage.options.timeout) op.until = later(now, op.numbers.timeout);
    if (stage.budget) op.retries_left.store(op.numbers.retries, std::memory_order_relaxed);
    attempt(op, now);
    return finish_start<attempt_step>(r, s, op);
  }

  // ---- an attempt ----

  static void attempt(operation& op, time_point now) {
    const attempted_work& stage = stage_of(op);
    const attempt_options& said = stage.options;
    ++op.attempts;
    op.began = now;
    if (said.breaker) {
      const auto pass = said.breaker->try_enter(now);
      if (!pass) return failed(op, left_alone(*said.breaker, now), now, begun::no);
      op.pass = *pass;
    }
    if (stage.budget && !is_within(*stage.budget, op, now)) {
      if (said.breaker) said.breaker->ended(op.pass, attempt_end::no_fault, {}, now);
      return give_up(op, op.last);
    }
    const time_point limit = said.attempt_timeout ? std::min(op.until, later(now, op.numbers.attempt_timeout)) : op.until;
    if (op.attempts > 1) stage.retries.fetch_add(1, std::memory_order_relaxed);
    failure why = begin_child(
        op, *stage.work,
        {.deadline = limit, .index = op.attempts, .stoppable = true, .retries_left = own_retries(op), .now = now, .ended = &ended, .abandoned = &abandoned},
        [&](graph::run& made) {
          if (said.retry) child_inputs<In...>::lend(*op.owner, op.its_step(), made);
          else child_inputs<In...>::give(*op.owner, op.its_step(), made);
        });
    if (!why.is_set()) return;
    if (said.breaker) said.breaker->ended(op.pass, attempt_end::no_fault, {}, now);
    failed(op, std::move(why), now, begun::no);
  }

  /// The budget counts what comes to the target: not an attempt that its breaker has refused.
  static bool is_within(const retry_budget& budget, operation& op, time_point now) {
    if (std::exchange(op.reached, true)) return budget.try_extra(now);
    budget.began(now);
    return true;
  }

  static failure left_alone(const circuit_breaker& breaker, time_point now) {
    return failure(errc::unavailable, "its circuit breaker is open").with_retry_after(std::max(breaker.next_probe() - now, duration{}));
  }

  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<operation&>(parent);
    graph::run& r = *op.owner;
    const attempt_options& said = stage_of(op).options;
    const bool answered = has_answer(child);
    const bool looks = child.deadline < r.deadline || said.breaker || !answered;
    const time_point now = looks ? r.runtime().time->now() : time_point{};
    const bool late = looks && is_late(child, r, now);
    failure why = late ? out_of_time() : child.reason();
    if (said.breaker) said.breaker->ended(op.pass, end_of(op, child, late, why, now), now - op.began, now);
    if (answered && !late) {
      take_answer<output>(child, r, op.its_step());
      child.release();
      return complete_step<attempt_step>(op);
    }
    const begun how = child.never_began() ? begun::no : begun::yes;
    child.release();
    failed(op, std::move(why), now, how);
  }

  /// What the end of an attempt says of the target. A limit that earlier attempts have left little of was none of its own, and whoever
  /// runs out of time cancels what runs inside.
  static attempt_end end_of(const operation& op, const graph::run& child, bool late, const failure& why, time_point now) {
    if (child.never_began()) return attempt_end::no_fault;
    const bool had_less = op.attempts > 1 && child.deadline == op.until;
    if (late) return had_less ? attempt_end::out_of_time : attempt_end::failed;
    if (has_answer(child)) return attempt_end::answered;
    return why.is(errc::cancelled) && now >= op.owner->deadline ? attempt_end::out_of_time : attempt_end_of(why);
  }

  static void abandoned(parent_operation& parent) noexcept { abandon_step<attempt_step>(static_cast<operation&>(parent)); }

  // ---- what comes after one that failed ----

  enum class begun : bool { no, yes };

  static void failed(operation& op, failure why, time_point now, begun how) {
    graph::run& r = *op.owner;
    if (how == begun::yes) op.worked = true;
    const std::optional<duration> wait = r.stopped() ? std::nullopt : wait_after(op, why, now, how);
    if (wait) return pause(op, later(now, *wait), std::move(why));
    give_up(op, why);
  }

  static void give_up(operation& op, const failure& why) {
    if (!op.worked) op.owner->note_never_began();
    op.owner->fail(op.its_step(), why.with_attempt(static_cast<int>(op.attempts)));
    complete_step<attempt_step>(op);
  }

  /// Before the next attempt; nothing: there is none.
  static std::optional<duration> wait_after(operation& op, const failure& why, time_point now, begun how) {
    const attempted_work& stage = stage_of(op);
    const auto& retry = stage.options.retry;
    if (!retry || op.attempts > op.numbers.retries) return std::nullopt;
    if (stage.options.effects == effects::once && how == begun::yes) return std::nullopt;
    if (!is_worth(*retry, why)) return std::nullopt;
    random_numbers random(op.owner->id + op.attempts + static_cast<std::uint64_t>(now.time_since_epoch().count()));
    const duration wait = backoff(op.numbers.retry(), why, op.attempts, random.share());
    if (later(now, wait) >= std::min<time_point>(op.until, op.owner->deadline)) return std::nullopt;
    // The budget counts what comes to the target, and so when it comes. Where there is nothing left by now, that is told at once.
    const bool is_within = !op.reached || stage.budget->has_room(now);
    return is_within && take_retry(op) ? std::optional(wait) : std::nullopt;
  }

  /// What throws when it is asked is not worth it.
  static bool is_worth(const retry_options& retry, const failure& why) noexcept {
    try {
      return retry.when ? retry.when(why) : worth_retrying(why);
    } catch (...) {
      return false;
    }
  }

  /// The outermost loop's: those inside of it draw on its retries, so that loops do not multiply.
  static std::atomic<std::uint32_t>* own_retries(operation& op) {
    return stage_of(op).options.retry && !op.owner->retries_left ? &op.retries_left : nullptr;
  }
  static bool take_retry(operation& op) {
    return graph::take_retry(op.owner->retries_left ? *op.owner->retries_left : op.retries_left);
  }

  static void pause(operation& op, time_point end, failure why) {
    graph::run& r = *op.owner;
    const boost::intrusive_ptr<graph::run> pinned(&r);
    timer_service& timers = *r.runtime().timers;
    op.last = std::move(why);
    op.pause.operation = &op;
    op.pause.when = end;
    op.pause.fire = &pause_over;
    r.retain();
    timers.add(op.pause);
    // Who stopped the run before could not take it out.
    if (!r.stopped() || !timers.remove(op.pause)) return;
    r.release();
    end_stopped(op);
  }

  static void pause_over(timer_node& node, wake how) {
    operation& op = *static_cast<operation::pause_timer&>(node).operation;
    if (how == wake::resumed) return end_pause(op);
    op.resume = &go_on;
    go_on(op, how);
  }

  static void end_pause(operation& op) {
    op.resume = &go_on;
    op.owner->resume_on_executor(op);
  }

  /// On the run's executor.
  static void go_on(ready_node& node, wake how) {
    auto& op = static_cast<operation&>(node);
    graph::run& r = *op.owner;
    const boost::intrusive_ptr<graph::run> pinned(&r, false);
    if (how == wake::abandoned) return abandon_step<attempt_step>(op);
    if (r.stopped()) return end_stopped(op);
    attempt(op, r.runtime().time->now());
  }

  static void end_stopped(operation& op) {
    if (!op.worked) op.owner->note_never_began();
    complete_step<attempt_step>(op);
  }

  static bool cancel(graph::operation& base) {
    auto& op = static_cast<operation&>(base);
    if (op.owner->runtime().timers->remove(op.pause)) end_pause(op);
    else stop_children_locked(op);
    return false;
  }
};

template <class Out, class... In>
std::uint32_t attempt_step<Out, In...>::add_to(graph::builder& chain, const std::string& name, std::vector<std::uint32_t> ids,
                                               graph::plan_ptr work, attempt_options options) {
  const std::string& label = label_of(chain, name);
  auto stage = std::make_shared<attempted_work>(std::move(options));
  stage->work = std::move(work);
  for (const auto& [what, limit] : {std::pair("timeout", stage->options.timeout), std::pair("attempt_timeout", stage->options.attempt_timeout)}) {
    if (!limit) continue;
    if (*limit <= duration{}) chain.fault("stage '" + label + "': " + what + " must be greater than zero");
    // A chain of functions looks at the time between them.
    if (stage->work->sequential && stage->work->stages.front().kind == "function")
      chain.fault("stage '" + label + "': ." + what + "() cannot end a function that runs inline: say .on(executor) as well");
  }
  graph::stage_request request;
  request.layer = step_layer::attempts;
  request.name = name;
  request.inputs = std::move(ids);
  describe_child_step<output, attempt_operation>(chain, request, stage->work, sizeof...(In), &execute, &cancel);
  const std::optional<retry_options>& retry = stage->options.retry;
  request.suspends = retry || !stage->work->sequential;
  if (retry) {
    try {
      check(*retry);
    } catch (const std::invalid_argument& e) {
      chain.fault("stage '" + label + "': " + e.what());
    }
    stage->budget = retry->budget ? *retry->budget : retry_budget();
    request.demands = shared_demands(chain, label, sizeof...(In), stage->work);
    request.keeps_scratch = true;  // what was left behind inside may still draw on its retries
  }
  request.measure = stage;
  request.tunables = tunables_of(stage);
  request.stage = std::move(stage);
  return chain.add_stage(std::move(request));
}

/// A stage expression that is attempted as the options say.
template <class Base>
struct attempted_stage {
  template <class... In>
  using output = typename Base::template output<In...>;

  template <class... In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> ids) && {
    auto work = plan_of_stage<Base, In...>(chain, label_of(chain, name), std::move(base));
    return attempt_step<output<In...>, In...>::add_to(chain, name, std::move(ids), std::move(work), std::move(options));
  }

  std::string name;  ///< empty where another step around it has it
  Base base;
  attempt_options options;
};

}  // namespace catena::detail
