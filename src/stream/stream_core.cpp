// SPDX-License-Identifier: BSL-1.0
#include <catena/stream/stream_core.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace catena {

void check(const stream_options& options) {
  if (options.capacity < 1 || options.capacity > 1'000'000)
    throw std::invalid_argument("stream_options::capacity must be 1 to 1000000, is " + std::to_string(options.capacity));
  if (options.idle_timeout < duration{}) throw std::invalid_argument("stream_options::idle_timeout must be zero or more");
}

}  // namespace catena

namespace catena::detail {

stream_core::stream_core(std::shared_ptr<runtime_state> runtime, const stream_options& options, time_point deadline)
    : options_((check(options), options)), runtime_(std::move(runtime)), deadline_(deadline) {
  timer_.owner = this;
  timer_.fire = &time_has_come;
}

void stream_core::begin() {
  runtime_->add_executor_user(weak_from_this());
  const std::lock_guard lock(mutex_);
  set_timer_locked();
}

void stream_core::on_stop(std::function<void()> stop) {
  {
    const std::lock_guard lock(mutex_);
    if (open_ && reader_here_) {
      stop_ = std::move(stop);
      return;
    }
  }
  stop();
}

bool stream_core::is_wanted() const noexcept {
  const std::lock_guard lock(mutex_);
  return open_ && reader_here_;
}

bool stream_core::is_read() const noexcept {
  const std::lock_guard lock(mutex_);
  return reader_ != nullptr;
}

bool stream_core::wait_to_read(stream_waiter& w) {
  const std::lock_guard lock(mutex_);
  if (count_ != 0 || !open_) return false;
  reader_ = &w;
  return true;
}

bool stream_core::wait_for_first(stream_waiter& w) {
  const std::lock_guard lock(mutex_);
  if (count_ != 0 || !open_) return false;
  first_ = &w;
  return true;
}

void stream_core::wait_to_write_locked(stream_waiter& w) {
  writer_ = &w;
  if (options_.idle_timeout == duration{}) return;
  idle_end_ = later(runtime_->time->now(), options_.idle_timeout);
  set_timer_locked();
}

bool stream_core::withdraw(stream_waiter& w) {
  const std::lock_guard lock(mutex_);
  for (stream_waiter** one : {&reader_, &writer_, &first_}) {
    if (*one != &w) continue;
    *one = nullptr;
    return true;
  }
  return false;
}

void stream_core::came_locked(told_waiters& told) noexcept {
  told.add(reader_);
  told.add(first_);
}

void stream_core::was_taken_locked(told_waiters& told) noexcept {
  idle_end_ = no_deadline;
  told.add(writer_);
}

void stream_core::end_locked(failure why, told_waiters& told) noexcept {
  if (!open_) return;
  open_ = false;
  why_ = std::move(why);
  idle_end_ = no_deadline;
  set_timer_locked();
  told.add(reader_);
  told.add(writer_);
  told.add(first_);
}

void stream_core::reader_left() noexcept {
  told_waiters told;
  const std::lock_guard lock(mutex_);
  reader_here_ = false;
  end_locked(failure(errc::cancelled, "nobody reads the stream any more"), told);
  told.stop(stop_);
}

void stream_core::writer_left(failure why) noexcept {
  std::function<void()> last;  // destroyed under no lock: it may hold the user's
  told_waiters told;
  const std::lock_guard lock(mutex_);
  end_locked(std::move(why), told);
  last.swap(stop_);
}

void stream_core::executor_gone() noexcept {
  std::function<void()> last;
  told_waiters told;
  const std::lock_guard lock(mutex_);
  end_locked(failure(errc::cancelled, "the executor is gone"), told);
  last.swap(stop_);
}

/// For the deadline, or the end of the writer's wait. What comes later than the timer is waited for when that has fired.
void stream_core::set_timer_locked() {
  const time_point moment = open_ ? std::min(deadline_, idle_end_) : no_deadline;
  if (open_ && timer_.pin && timer_.when <= moment) return;
  timer_.set_locked(*runtime_->timers, moment);
}

void stream_core::time_has_come(timer_node& node, wake how) {
  stream_core& self = *static_cast<pinned_timer<stream_core>&>(node).owner;
  std::shared_ptr<stream_core> pinned;  // before the lock: it may be the last
  if (how == wake::abandoned) {
    pinned = std::move(self.timer_.pin);
    return;
  }
  told_waiters told;
  const std::lock_guard lock(self.mutex_);
  pinned = std::move(self.timer_.pin);
  const time_point now = self.runtime_->time->now();
  if (now >= self.deadline_) self.end_locked(failure(errc::deadline_exceeded), told);
  else if (now >= self.idle_end_) self.end_locked(failure(errc::timed_out, "nobody took an item of the stream for as long as it may stand still"), told);
  if (!self.open_) told.stop(self.stop_);
  else self.set_timer_locked();
}

}  // namespace catena::detail
