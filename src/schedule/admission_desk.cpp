// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/admission_desk.hpp>

#include <utility>

namespace catena::detail {

admission_desk::admission_desk(std::shared_ptr<runtime_state> runtime) : runtime_(std::move(runtime)) {
  timer_.owner = this;
  timer_.fire = &time_has_come;
}

std::shared_ptr<admission_desk> admission_desk::of(const std::shared_ptr<runtime_state>& runtime) {
  return runtime->only_user<admission_desk>([&] { return std::make_shared<admission_desk>(runtime); });
}

bool admission_desk::enter(admission_request& r) {
  std::unique_lock lock(mutex_);
  if (closed_) return false;
  line_.enter(r, now());
  finish(std::move(lock));
  return true;
}

bool admission_desk::withdraw(admission_request& r) {
  std::unique_lock lock(mutex_);
  if (!line_.leave(r, now())) return false;
  finish(std::move(lock));
  return true;
}

void admission_desk::tokens_changed(const admission_group& group) {
  std::unique_lock lock(mutex_);
  line_.tokens_changed(group, now());
  finish(std::move(lock));
}

void admission_desk::set_rate(admission_bucket& bucket, rate refill) {
  std::unique_lock lock(mutex_);
  const time_point moment = now();
  bucket.tokens.set_rate(refill, moment);
  line_.rate_changed(bucket, moment);
  finish(std::move(lock));
}

duration admission_desk::expected_wait(const admission_group& group, std::int64_t cost, priority p) const {
  std::lock_guard lock(mutex_);
  const time_point moment = now();
  return admission_line::expected(group, cost, p, moment) - moment;
}

std::size_t admission_desk::waiting_count(const admission_group& group) const {
  std::lock_guard lock(mutex_);
  return group.line_size;
}

void admission_desk::add(admission_bucket& bucket) {
  std::lock_guard lock(mutex_);
  line_.add(bucket);
}

void admission_desk::add(admission_group& group) {
  std::lock_guard lock(mutex_);
  line_.add(group);
}

void admission_desk::remove(admission_group& group) noexcept {
  std::lock_guard lock(mutex_);
  line_.remove(group);
}

// ---- what was decided -----------------------------------------------------------------------------------------------------

void admission_desk::finish(std::unique_lock<std::mutex> lock) {
  set_timer_locked(line_.next_moment());
  admission_request* decided = line_.take_decided();
  if (!decided) return;
  const auto pinned = shared_from_this();  // a request that is told may be the last to hold the desk
  std::shared_lock telling(telling_);
  lock.unlock();
  while (decided) {
    admission_request& r = *std::exchange(decided, decided->next_decided);
    r.decided(r);
  }
}

void admission_desk::set_timer_locked(time_point when) {
  if (timer_.pin) {
    if (timer_.when == when) return;
    // One that fires just now looks at the line itself.
    if (!runtime_->timers->remove(timer_)) return;
    timer_.pin.reset();
  }
  if (when == no_deadline || closed_) return;
  timer_.when = when;
  timer_.pin = shared_from_this();
  runtime_->timers->add(timer_);
}

void admission_desk::time_has_come(timer_node& node, wake how) {
  admission_desk& self = *static_cast<line_timer&>(node).owner;
  std::shared_ptr<admission_desk> pinned;  // before the lock: it may be the last
  if (how == wake::abandoned) {
    // From inside set_timer_locked(), at a desk that was made when the executor was gone already.
    pinned = std::move(self.timer_.pin);
    return;
  }
  std::unique_lock lock(self.mutex_);
  pinned = std::move(self.timer_.pin);
  self.line_.advance(self.now());
  self.finish(std::move(lock));
}

/// What waits is abandoned, and what is being told is waited for.
void admission_desk::executor_gone() noexcept {
  const auto pinned = shared_from_this();
  admission_request* waiting = nullptr;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    waiting = line_.take_all();
    set_timer_locked(no_deadline);
  }
  { const std::unique_lock nobody_is_told(telling_); }
  while (waiting) {
    admission_request& r = *std::exchange(waiting, waiting->next_decided);
    r.abandon(r);
  }
}

}  // namespace catena::detail
