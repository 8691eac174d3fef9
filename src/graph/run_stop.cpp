// SPDX-License-Identifier: BSL-1.0
// How a run is stopped, parked, and left behind.
#include <catena/graph/run.hpp>
#include <catena/incident/ticket.hpp>

#include <boost/asio/post.hpp>

#include <utility>

namespace catena::graph {
namespace {

/// A posted piece of work on behalf of a run that it keeps from completing, until `function` retires it; destroyed unused, it tells the
/// run that the executor is gone.
template <class Function>
class for_run {
 public:
  for_run(run& r, Function f) noexcept : run_(&r), function_(f) {}
  for_run(for_run&& other) noexcept : run_(std::exchange(other.run_, nullptr)), function_(other.function_) {}
  for_run& operator=(for_run&&) = delete;
  ~for_run() {
    if (run_) run_->abandon();
  }
  void operator()() { function_(*std::exchange(run_, nullptr)); }

 private:
  run* run_;
  Function function_;
};

/// Looks whether a run that was stopped at its deadline has ended. What it told to end has its turn first, and what that told.
class overdue_look {
 public:
  explicit overdue_look(run& r) noexcept : run_(&r) {}
  void operator()() {
    if (!run_->try_retain_active()) return;
    const keeps_active kept{*run_};
    if (--turns_ > 0) boost::asio::post(run_->executor(), overdue_look(*this));
    else static_cast<void>(run_->leave_behind());
  }

 private:
  struct keeps_active {
    run& r;
    ~keeps_active() { r.retire(ending::later); }
  };
  boost::intrusive_ptr<run> run_;
  int turns_ = 16;
};

}  // namespace

bool run::enlist(operation& op) noexcept {
  if (!stoppable_) return !stopped();
  lock();
  const bool wanted = !stopped();
  if (wanted) {
    op.listed = true;
    op.following = operations_;
    if (operations_) operations_->previous = &op;
    operations_ = &op;
    arm_deadline_locked();
  }
  unlock();
  return wanted;
}

void run::delist(operation& op) noexcept {
  if (!stoppable_) return;
  lock();
  if (op.listed) {
    op.listed = false;
    (op.previous ? op.previous->following : operations_) = op.following;
    if (op.following) op.following->previous = op.previous;
    op.previous = op.following = nullptr;
  }
  unlock();
}

void run::stop_with(stop_reason why, failure reason) noexcept {
  lock();
  if (stopped()) {
    unlock();
    return;
  }
  if (why == stop_reason::deadline && operations_) reason = reason.within(plan_->stages[operations_->step].name);
  reason_ = std::move(reason);
  stop_locked(why);
}

void run::exit_with(std::shared_ptr<void> value) noexcept {
  lock();
  if (stopped()) {
    unlock();
    return;
  }
  if (!seldom_) seldom_ = std::make_unique<seldom>();
  seldom_->exit_value = std::move(value);
  stop_locked(stop_reason::exited);
}

/// Tells every suspended operation, and unlocks.
void run::stop_locked(stop_reason why) noexcept {
  std::uint32_t given_up = 0;
  stop.store(static_cast<std::uint8_t>(why), std::memory_order_release);
  for (operation* op = operations_; op;) {
    operation* const following = op->following;
    auto* cancel = plan_->stages[op->step].cancel;
    if (cancel && cancel(*op)) {
      op->listed = false;
      (op->previous ? op->previous->following : operations_) = following;
      if (following) following->previous = op->previous;
      ++given_up;
    }
    op = following;
  }
  unlock();
  if (given_up) active_.fetch_sub(given_up, std::memory_order_acq_rel);
}

bool run::park(const std::string& path) {
  run& all = outermost();
  if (!all.tail_->park || stopped() || all.stopped()) return false;
  auto answer = std::make_shared<parked_answer>(all.id, runtime().ready->executor());
  failure why = failure(errc::parked, "it waits for a person's decision").within(path).with_parked(answer);
  for (run* r = this;; r = &r->tail_->around(*r)) {
    r->make_seldom();
    if (r == &all) break;
  }
  // From here on nothing throws but what hands the failure over.
  bool first = false;
  for (run* r = this;; r = &r->tail_->around(*r)) {
    bool disarmed = false;
    r->guarded([&] {
      first = r->seldom_->parked++ == 0;
      if (!first) return;
      r->deadline = no_deadline;
      disarmed = std::exchange(r->armed_, false) && r->runtime().timers->remove(r->guard());
    });
    if (disarmed) r->release();
    if (r == &all) break;
  }
  if (first) all.plan_->run_ended();  // models it needs may go meanwhile
  bool tell = false;
  all.guarded([&] {
    tell = !all.seldom_->answer;
    if (tell) all.seldom_->answer = std::move(answer);
  });
  if (tell) all.tail_->park(all, std::move(why));
  return true;
}

void run::unpark(time_point until) noexcept {
  for (run* r = this;; r = &r->tail_->around(*r)) {
    bool last = false;
    r->guarded([&] {
      last = --r->seldom_->parked == 0;
      if (!last) return;
      r->deadline = until;
      r->arm_deadline_locked();
    });
    if (r->tail_->around) continue;
    if (last) r->plan_->run_began();
    return;
  }
}

void run::note_abandoned() noexcept {
  abandoned_.store(true, std::memory_order_relaxed);
  stop_with(stop_reason::cancelled, failure(errc::cancelled, "the executor is gone"));
}

void run::abandon() noexcept {
  note_abandoned();
  retire(ending::later);
}

bool run::leave_behind() {
  if (!runtime().leave_behind()) return false;
  bool is_already = false;  // a run that was parked may have two deadlines on their way
  guarded([&] { is_already = std::exchange(left_behind_, true); });
  if (is_already) {
    runtime().came_home();
    return false;
  }
  retain();  // for what goes on
  count_end({});  // of its stages some may be writing their times
  tail_->complete(*this, ending::later);
  return true;
}

/// All that went on has ended: the run has been completed long ago.
void run::end_left_behind() noexcept {
  report();
  runtime().came_home();
  release();
}

void run::arm_deadline_locked() {
  if (!guarded_ || armed_ || deadline == no_deadline) return;
  armed_ = true;
  guard().when = deadline;
  retain();
  runtime().timers->add(guard());
}

void run::deadline_passed(timer_node& node, wake how) {
  run& self = *static_cast<deadline_guard&>(node).owner;
  auto stop_now = [](run& r) {
    if (r.runtime().time->now() >= r.deadline) {  // else it was parked meanwhile
      r.stop_with(stop_reason::deadline, failure(errc::deadline_exceeded));
      if (r.active_.load(std::memory_order_acquire) != 1) boost::asio::post(*r.executor_, overdue_look(r));
    }
    r.retire(ending::later);
  };
  // From here on it cannot complete: once it has, its own executor may be gone.
  if (how == wake::resumed && self.try_retain_active()) {
    if (self.is_at_home()) stop_now(self);
    else boost::asio::post(*self.executor_, for_run(self, stop_now));
  }
  self.release();
}

}  // namespace catena::graph
