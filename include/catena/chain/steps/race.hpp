// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Several runs that do the work of one step, of which the first answer counts: what `.hedge` and first_of share.
#include <catena/chain/steps/stage_plan.hpp>
#include <catena/runtime/spin_lock.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

namespace catena::detail {

/// What the end of one that takes part is for the step; after what decides it: nothing, one of those that were left behind, or the
/// last one that is awaited.
enum class race_end : std::uint8_t { goes_on, failed, answered, came_late, came_home, was_awaited };

[[nodiscard]] constexpr bool is_late(race_end is) noexcept { return is >= race_end::came_late; }

/// The step's turn. Those that have lost end after it, and find it here: it stays where it is as long as they do, which
/// graph::stage_request::keeps_scratch says.
struct race_operation : parent_operation {
  using parent_operation::parent_operation;
  void reset() noexcept { last = {}; }

  /// One more takes part, and keeps what it is to be lent: as soon as it is decided, the step may end. False: it is decided.
  template <class Inputs>
  [[nodiscard]] bool join(const Inputs& kept) noexcept {
    const std::lock_guard guard(lock);
    if (decided) return false;
    ++in_flight;
    kept.retain();
    return true;
  }
  [[nodiscard]] bool is_decided() noexcept {
    const std::lock_guard guard(lock);
    return decided;
  }
  /// One has ended; `why` is not set where it has answered.
  [[nodiscard]] race_end count_out(failure why) noexcept {
    const std::lock_guard guard(lock);
    --in_flight;
    if (decided) return count_late_locked();
    if (!why.is_set()) {
      decided = true;
      return race_end::answered;
    }
    last = std::move(why);
    decided = is_over_locked();
    return decided ? race_end::failed : race_end::goes_on;
  }
  /// One is gone with its executor.
  [[nodiscard]] race_end abandon_locked() noexcept {
    --in_flight;
    if (decided) return count_late_locked();
    decided = is_over_locked();
    return decided ? race_end::failed : race_end::goes_on;
  }
  /// In the turn of the lock in which it was counted out: of two that end at one time only one is the last.
  [[nodiscard]] race_end count_late_locked() noexcept {
    if (left > 0) return --left, race_end::came_home;
    return waits && in_flight == 0 ? race_end::was_awaited : race_end::came_late;
  }
  /// Nobody is under way, and nobody will be.
  [[nodiscard]] bool is_over_locked() const noexcept { return in_flight == 0 && !more_begin; }

  spin_lock lock;               ///< guards what follows
  std::uint32_t in_flight = 0;
  std::uint32_t left = 0;       ///< of those that lost: the runtime knows, and the step has not waited
  bool more_begin = false;      ///< whoever begins them has not done so yet
  bool decided = false;         ///< one has answered, or all have failed
  bool waits = false;           ///< for those that lost
  failure last;
};

/// `Step`, which derives from this, has `inputs`, says how a child is lent them(op, child), and is told: has_ended(op, child, what
/// that is), and decided(op) once.
template <class Step, class Operation>
struct race {
  /// Begins one, unless it is decided; the caller keeps the run.
  static bool begin(Operation& op, const graph::plan& work, std::size_t index) {
    const typename Step::inputs kept(*op.owner, op.its_step());
    if (!op.join(kept)) return false;
    const input_release released(kept);  // it has its own by then
    failure why = begin_child(op, work, {.index = index, .stoppable = true, .ended = &ended, .abandoned = &abandoned},
                              [&](graph::run& made) { Step::lend(op, made); });
    if (why.is_set()) {
      go_on(op, op.count_out(std::move(why)));
      return true;
    }
    // Whoever decided meanwhile may not have seen it.
    if (op.is_decided()) op.owner->guarded([&] { stop_children_locked(op); });
    return true;
  }

  /// No more begin, where more_begin was said.
  static void all_begun(Operation& op) {
    bool is_lost = false;
    {
      const std::lock_guard guard(op.lock);
      op.more_begin = false;
      if (!op.decided) is_lost = op.decided = op.is_over_locked();
    }
    if (is_lost) fail(op);
  }

 private:
  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<Operation&>(parent);
    const race_end is = op.count_out(has_answer(child) ? failure() : child.reason());
    Step::has_ended(op, child, is);
    if (is != race_end::answered) {
      const boost::intrusive_ptr<graph::run> pinned(op.owner);  // it may have ended without this child
      child.release();
      return go_on(op, is);
    }
    take_answer<typename Step::output>(child, *op.owner, op.its_step());
    child.release();
    Step::decided(op);
    if (leave_losers(op)) complete_step<Step>(op);
  }

  /// What one that has not answered, and is gone, leaves to be done.
  static void go_on(Operation& op, race_end is) {
    if (is == race_end::failed) fail(op);
    if (is == race_end::came_home) op.owner->runtime().came_home();
    if (is == race_end::was_awaited) complete_step<Step>(op);
  }

  static void fail(Operation& op) {
    Step::decided(op);
    op.owner->fail(op.its_step(), std::move(op.last));
    complete_step<Step>(op);
  }

  /// Tells them to stop. False: the step must wait for them, since the runtime has left too much behind already.
  static bool leave_losers(Operation& op) {
    graph::run& r = *op.owner;
    boost::intrusive_ptr<graph::run> pinned;
    bool goes_on = true;
    {
      const std::lock_guard guard(op.lock);
      if (op.in_flight == 0) return true;
      pinned = &r;  // the last one that is awaited may end it from now on
      while (op.left < op.in_flight && r.runtime().leave_behind()) ++op.left;
      op.waits = op.left < op.in_flight;
      goes_on = !op.waits;
    }
    r.guarded([&] {
      each_child(op, [](graph::run& child, void*) { child.note_under_way(); }, nullptr);
      stop_children_locked(op);
    });
    return goes_on;
  }

  /// The executor is gone, for all of them.
  static void abandoned(parent_operation& parent) noexcept {
    auto& op = static_cast<Operation&>(parent);
    race_end is{};
    bool is_begun_from = false;
    {
      const std::lock_guard guard(op.lock);
      is = op.abandon_locked();
      is_begun_from = is == race_end::goes_on && op.more_begin;
    }
    if (is == race_end::came_home) op.owner->runtime().came_home();
    if (is == race_end::failed || is == race_end::was_awaited) abandon_step<Step>(op);
    if (is_begun_from) op.owner->note_abandoned();  // whoever begins them ends the step
  }
};

}  // namespace catena::detail
