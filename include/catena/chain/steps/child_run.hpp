// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Runs inside runs: how a stage that consists of other stages begins them, lends them its inputs, and is told.
#include <catena/chain/steps/arguments.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace catena::detail {

struct child_tail;

/// Where a child is that is started in a loop: its starter and its end may meet, and the second of them goes on.
enum class child_turn : std::uint8_t { starting, waits, ended };

/// A suspended step that waits for runs of its own.
struct parent_operation : graph::operation {
  using graph::operation::operation;
  child_tail* children = nullptr;  ///< those that can suspend; guarded by the parent run's lock
  std::vector<failure>* hidden = nullptr;  ///< where its child is to put failures that it answers in spite of, or null

  [[nodiscard]] const graph::step& its_step() const noexcept { return owner->of().steps[this->step]; }
  void reset() noexcept {}
};

/// What a child run keeps of the run around it. The child pins its parent, whose values it may be lent.
struct child_tail {
  parent_operation* parent = nullptr;
  graph::run* parent_run = nullptr;
  const graph::step* parent_step = nullptr;
  /// Called once when the child has ended; it must release the child.
  void (*ended)(graph::run& child, parent_operation& parent) = nullptr;
  /// Called uncompleted when an executor is gone, after the child has been released.
  void (*abandoned)(parent_operation& parent) noexcept = nullptr;
  /// Gives back the inputs the child was lent; null when it was lent none.
  void (*give_back)(graph::run& parent, const graph::step& s) noexcept = nullptr;
  graph::run* self = nullptr;
  child_tail* previous = nullptr;
  child_tail* following = nullptr;
  std::size_t index = 0;  ///< which of the parent's children it is
  bool listed = false;
  std::atomic<child_turn> turn{child_turn::starting};

  static void complete(graph::run& child, graph::ending) {
    auto& tail = child.tail<child_tail>();
    parent_operation& parent = *tail.parent;
    unlist(tail);
    tail.ended(child, parent);
  }
  static void abandon(graph::run& child) noexcept {
    auto& tail = child.tail<child_tail>();
    const boost::intrusive_ptr<graph::run> pinned(tail.parent_run);  // it may have ended without this child
    parent_operation& parent = *tail.parent;
    auto* abandoned = tail.abandoned;
    unlist(tail);
    child.release();
    abandoned(parent);
  }
  static void deallocate(const graph::plan& p, void* memory, std::size_t size) noexcept {
    const auto& tail = *std::launder(reinterpret_cast<child_tail*>(static_cast<std::byte*>(memory) + p.frame_size));
    graph::run& parent = *tail.parent_run;
    if (tail.give_back) tail.give_back(parent, *tail.parent_step);
    // The plan is pinned by the parent's.
    p.frames.deallocate(memory, size);
    parent.release();
  }
  static graph::run& around(graph::run& child) noexcept { return *child.tail<child_tail>().parent_run; }
  static constexpr graph::tail_operations operations{&complete, &abandon, &deallocate, &around};

  static void list(child_tail& tail) noexcept {
    parent_operation& parent = *tail.parent;
    tail.listed = true;
    parent.owner->guarded([&] {
      tail.following = parent.children;
      if (parent.children) parent.children->previous = &tail;
      parent.children = &tail;
    });
  }
  static void unlist(child_tail& tail) noexcept {
    if (!tail.listed) return;
    parent_operation& parent = *tail.parent;
    parent.owner->guarded([&] {
      (tail.previous ? tail.previous->following : parent.children) = tail.following;
      if (tail.following) tail.following->previous = tail.previous;
    });
    tail.listed = false;
  }
};

/// Stops all children of a step, each on its own turn of the executor. The parent run's lock is held.
inline void stop_children_locked(parent_operation& parent) {
  struct stop {
    boost::intrusive_ptr<graph::run> child;
    void operator()() const {
      if (!child->try_retain_active()) return;
      child->stop_with(graph::stop_reason::cancelled, failure(errc::cancelled));
      child->retire(graph::ending::later);
    }
  };
  for (child_tail* tail = parent.children; tail; tail = tail->following)
    boost::asio::post(parent.owner->executor(), stop{tail->self});
}

/// graph::step_description::cancel of every step with children.
inline bool cancel_children(graph::operation& op) {
  stop_children_locked(static_cast<parent_operation&>(op));
  return false;
}

/// graph::step_description::each_child of every step with children.
inline void each_child(graph::operation& op, void (*f)(graph::run&, void*), void* data) {
  for (child_tail* tail = static_cast<parent_operation&>(op).children; tail; tail = tail->following) f(*tail->self, data);
}

struct child_options {
  time_point deadline = no_deadline;  ///< the child's own; the parent's applies anyway
  std::size_t index = 0;
  bool stoppable = false;             ///< the step itself may stop the child
  std::atomic<std::uint32_t>* retries_left = nullptr;  ///< null: as its parent
  std::optional<time_point> now = {};  ///< a reading of the clock from just now, where there is one
  void (*ended)(graph::run& child, parent_operation& parent) = nullptr;
  void (*abandoned)(parent_operation& parent) noexcept = nullptr;
};

/// Makes a run of `plan` for a step of the parent's run; its inputs are still to be given.
inline graph::run& make_child(parent_operation& parent, const graph::plan& plan, const child_options& options) {
  graph::run& around = *parent.owner;
  const bool own_deadline = options.deadline < around.deadline;
  const run_options call{.deadline = own_deadline ? options.deadline : around.deadline, .priority = around.priority, .tenant = around.tenant};
  const graph::run::start_options start{
      .call = call,
      .id = around.id,
      .tail = &child_tail::operations,
      .tail_size = sizeof(child_tail),
      .executor = &around.executor(),
      .own_deadline = own_deadline && !plan.sequential,
      .stoppable = around.stoppable() || options.stoppable || own_deadline,
      .around = &around,
      .around_step = parent.step,
      .index = static_cast<std::uint32_t>(options.index)};
  const std::size_t size = graph::run::size_for(plan, start);
  graph::run& child = *graph::run::create(plan, start, plan.frames.allocate(size), size);
  child.retries_left = options.retries_left ? options.retries_left : around.retries_left;
  around.retain();
  ::new (static_cast<void*>(&child.tail<child_tail>())) child_tail{.parent = &parent,
                                                                   .parent_run = &around,
                                                                   .parent_step = &parent.its_step(),
                                                                   .ended = options.ended,
                                                                   .abandoned = options.abandoned,
                                                                   .self = &child,
                                                                   .index = options.index};
  return child;
}

/// Makes a child and has it given its inputs; nothing is left of it when that throws.
template <class Give>
graph::run& make_child(parent_operation& parent, const graph::plan& plan, const child_options& options, Give give) {
  graph::run& child = make_child(parent, plan, options);
  try {
    give(child);
  } catch (...) {
    child.release();
    throw;
  }
  return child;
}

/// Starts a child whose inputs have been given.
inline void start_child(graph::run& child, std::optional<time_point> now = std::nullopt) {
  if (!child.of().sequential && child.stoppable()) {
    auto& tail = child.tail<child_tail>();
    child_tail::list(tail);
    // The parent may have been stopped before the child could be seen.
    if (tail.parent_run->stopped()) child.stop_with(graph::stop_reason::cancelled, failure(errc::cancelled));
  }
  child.start(graph::ending::later, now);
}

/// Makes a child, has it given its inputs, and starts it: then all may have ended already. What is returned is set where there is none.
template <class Give>
[[nodiscard]] failure begin_child(parent_operation& parent, const graph::plan& plan, const child_options& options, Give give) {
  graph::run* child = nullptr;
  try {
    child = &make_child(parent, plan, options, give);
  } catch (...) {
    return failure::from(std::current_exception());
  }
  start_child(*child, options.now);
  return {};
}

/// The inputs of a step with children: given to the only child that needs them, or lent to several.
template <class... In>
struct child_inputs {
  using inputs = arguments<passing::dynamic, In...>;
  static_assert(sizeof...(In) <= 32, "catena: a stage with something said about it takes at most 32 inputs");

  /// Moves what the step alone owns and lends the rest.
  static void give(graph::run& parent, const graph::step& s, graph::run& child) {
    const inputs from(parent, s);
    bool lent = false;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((from.template sole<I>() ? child.give_input(I, std::move(*from.template get<I>())) : (lent = true, lend_one<I>(from, child))), ...);
    }(std::index_sequence_for<In...>{});
    if (lent) keep_lent(child, from);
  }

  /// Lends everything: another child may need it too.
  static void lend(graph::run& parent, const graph::step& s, graph::run& child) {
    const inputs from(parent, s);
    [&]<std::size_t... I>(std::index_sequence<I...>) { (lend_one<I>(from, child), ...); }(std::index_sequence_for<In...>{});
    keep_lent(child, from);
  }

 private:
  template <std::size_t I>
  static void lend_one(const inputs& from, graph::run& child) noexcept {
    child.lend_input(I, from.template get<I>());
  }
  /// A child may outlive its step's answer, when it gives up work that cannot be stopped: until its memory goes it
  /// counts as a consumer of all that the step consumes.
  static void keep_lent(graph::run& child, const inputs& from) noexcept {
    from.retain();
    child.tail<child_tail>().give_back = [](graph::run& parent, const graph::step& s) noexcept { inputs(parent, s).release(); };
  }
};

/// How a step takes its inputs when only one of its children gets them.
template <class... Plans>
std::vector<graph::demand> child_demands(std::size_t count, const Plans&... plans) {
  std::vector<graph::demand> demands(count, graph::demand::either);
  for (std::size_t i = 0; i < count; ++i)
    if (((!plans->inputs[i].may_be_borrowed) || ...)) demands[i] = graph::demand::moves;
  return demands;
}

/// The same when several children may need them: none may move.
inline std::vector<graph::demand> shared_demands(graph::builder& chain, const std::string& name, std::size_t count,
                                                 std::span<const graph::plan_ptr> plans) {
  for (std::size_t i = 0; i < count; ++i)
    if (std::any_of(plans.begin(), plans.end(), [i](const graph::plan_ptr& p) { return !p->inputs[i].may_be_borrowed; }))
      chain.fault("stage '" + name + "' wants to move what its other part may still need: let both take a const reference");
  return std::vector<graph::demand>(count, graph::demand::reads);
}
template <class... Plans>
std::vector<graph::demand> shared_demands(graph::builder& chain, const std::string& name, std::size_t count, const Plans&... plans) {
  const graph::plan_ptr all[] = {plans...};
  return shared_demands(chain, name, count, std::span<const graph::plan_ptr>(all));
}

[[nodiscard]] inline bool has_answer(const graph::run& child) noexcept {
  return child.answered_or_exited();
}

/// Whether a child that has a deadline of its own, an earlier one than its parent, has missed it: itself, or a chain inside that
/// looks at the same deadline between its stages. An inline function may answer later.
[[nodiscard]] inline bool is_late(const graph::run& child, const graph::run& parent, time_point now) noexcept {
  if (child.deadline >= parent.deadline) return false;
  if (has_answer(child)) return now > child.deadline;
  return child.why_stopped() == graph::stop_reason::deadline || (child.reason().is(errc::deadline_exceeded) && now >= child.deadline);
}
[[nodiscard]] inline bool is_late(const graph::run& child, const graph::run& parent) noexcept {
  return child.deadline < parent.deadline && is_late(child, parent, parent.runtime().time->now());
}
[[nodiscard]] inline failure out_of_time() { return failure(errc::timed_out, "gave no answer within the stage's time"); }

/// A child's answer while it still has it; null if there is none that stays in the chain.
template <class Answer>
const Answer* answer_of(graph::run& child) noexcept {
  switch (child.why_stopped()) {
    case graph::stop_reason::none: return child.slot<Answer>(child.of().result);
    case graph::stop_reason::exited: return child.of().exit_type ? nullptr : static_cast<const Answer*>(child.exit_value().get());
    default: return nullptr;
  }
}

/// Takes it out of the child.
template <class Answer>
Answer take_answer_of(graph::run& child) {
  if (child.why_stopped() == graph::stop_reason::exited) return std::move(*std::static_pointer_cast<Answer>(child.exit_value()));
  Answer* value = child.slot<Answer>(child.of().result);
  Answer taken(std::move(*value));
  graph::release_value(value);
  return taken;
}

/// Moves a child's answer into the output of the parent's step, or fails the parent, or leaves it by the child's exit.
template <class Out, class Answer = Out>
void move_answer(graph::run& child, graph::run& parent, const graph::step& s) {
  if (child.degraded) parent.degraded = true;
  switch (child.why_stopped()) {
    case graph::stop_reason::none: {
      Answer* value = child.slot<Answer>(child.of().result);
      emplace_output<Out>(parent, s, std::move(*value));
      graph::release_value(value);
      return;
    }
    case graph::stop_reason::exited:
      if (child.of().exit_type) parent.exit_with(child.exit_value());
      else emplace_output<Out>(parent, s, std::move(*std::static_pointer_cast<Answer>(child.exit_value())));
      return;
    default: parent.fail(s, child.reason()); return;
  }
}

/// A step that is nothing but its child has not begun if the child has not.
inline void pass_on_never_began(const graph::run& child, graph::run& parent) noexcept {
  if (child.never_began()) parent.note_never_began();
}

/// The same; an answer whose move throws fails the parent.
template <class Out, class Answer = Out>
void take_answer(graph::run& child, graph::run& parent, const graph::step& s) noexcept {
  try {
    move_answer<Out, Answer>(child, parent, s);
  } catch (...) {
    parent.fail(s, failure::from(std::current_exception()));
  }
}

}  // namespace catena::detail
