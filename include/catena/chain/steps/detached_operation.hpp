// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Work that is handed to other threads and may outlive its run: a model's, or a function's on another executor.
#include <catena/chain/steps/nested_step.hpp>

#include <utility>

namespace catena::detail {

/// A suspended step whose work cannot be interrupted. When the run is stopped it no longer waits for it; the frame
/// with the inputs stays until the work is done, and the answer is counted as waste.
struct detached_operation : graph::operation, ready_node {
  detached_operation(graph::run& r, std::uint32_t index) : operation(r, index) {
    work.hold(r);
    state.store(phase::suspended, std::memory_order_relaxed);
  }

  [[nodiscard]] const graph::step& its_step() const noexcept { return owner->of().steps[this->step]; }
  [[nodiscard]] bool given_up() const noexcept { return state.load(std::memory_order_acquire) == phase::abandoned; }
  [[nodiscard]] bool claim() noexcept { return change(phase::suspended, phase::delivered); }
  /// The run no longer waits for it; false if it is on its way home already.
  [[nodiscard]] bool give_up() noexcept {
    if (!change(phase::suspended, phase::abandoned)) return false;
    reset();
    return true;
  }
  void reset() noexcept { work.drop(); }

  /// graph::step_description::cancel: the run goes on without it.
  static bool cancel(graph::operation& base) { return static_cast<detached_operation&>(base).give_up(); }

  /// Whoever gives the operation up lets go of it; whoever claims it, when it is home.
  work_elsewhere work;

 private:
  bool change(phase from, phase to) noexcept { return state.compare_exchange_strong(from, to, std::memory_order_acq_rel); }
};

/// Enters the operation into its run, which it pins; false: the run is stopped, do not start it.
template <class Step>
bool begin_detached(detached_operation& op) {
  graph::run& r = *op.owner;
  r.retain();
  if (r.enlist(op)) return true;
  Step::release_inputs(r, op.its_step());
  op.reset();
  r.release();
  return false;
}

/// The work is done, and nobody wants it any more.
template <class Step>
void drop_detached(detached_operation& op) noexcept {
  const boost::intrusive_ptr<graph::run> pinned(op.owner, false);
  pinned->runtime().count_waste();
  Step::release_inputs(*pinned, op.its_step());
}

/// Where a run goes on behind an operation that was done elsewhere.
enum class resumes : bool { at_home, here };

/// ready_node::resume of a claimed operation: the run goes on behind it.
template <class Step, resumes Where>
void resume_detached(ready_node& node, wake how) {
  auto& op = static_cast<detached_operation&>(node);
  const boost::intrusive_ptr<graph::run> pinned(op.owner, false);
  const std::uint32_t index = op.step;
  work_elsewhere bridge;
  // Until the next operation holds it, this thread keeps the executor from running out of work.
  if constexpr (Where == resumes::here) bridge.hold(*pinned);
  end_operation<Step>(op);
  if (how == wake::abandoned) pinned->abandon();
  else if constexpr (Where == resumes::at_home) pinned->resume_after(index);
  else pinned->resume_here_after(index);
  bridge.drop();
}

/// Takes what the stage's callable answered, from any thread, once; false if nobody wants it any more. Then the operation is
/// to be brought home.
template <class Step, class Answered>
[[nodiscard]] bool take_detached(detached_operation& op, Answered&& answered) {
  if (!op.claim()) {
    drop_detached<Step>(op);
    return false;
  }
  op.resume = &resume_detached<Step, resumes::at_home>;
  try {
    (void)deliver<std::decay_t<Answered>>::to(*op.owner, op.its_step(), std::forward<Answered>(answered));
  } catch (...) {
    op.owner->fail(op.its_step(), failure::from(std::current_exception()));
  }
  return true;
}
template <class Step>
[[nodiscard]] bool take_detached(detached_operation& op, failure why) {
  if (!op.claim()) {
    drop_detached<Step>(op);
    return false;
  }
  op.resume = &resume_detached<Step, resumes::at_home>;
  op.owner->fail(op.its_step(), std::move(why));
  return true;
}

/// Takes an answer or a failure, and brings the operation home.
template <class Step, class Answered>
void answer_detached(detached_operation& op, Answered&& answered) {
  if (take_detached<Step>(op, std::forward<Answered>(answered))) op.owner->resume_on_executor(op);
}

}  // namespace catena::detail
