// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/timer_service.hpp>

#include <mutex>
#include <utility>

namespace catena {

timer_service::timer_service(std::shared_ptr<time_source> time, boost::asio::any_io_executor executor)
    : time_(std::move(time)), executor_(std::move(executor)) {}

void timer_service::add(timer_node& node) {
  std::unique_lock lock(mutex_);
  if (gone_) {
    lock.unlock();
    node.fire(node, wake::abandoned);
    return;
  }
  heap_.push(node);
  if (!work_) work_ = executor_.keep_busy();
  set_alarm_locked();
}

bool timer_service::remove(timer_node& node) noexcept {
  boost::asio::any_io_executor last;
  std::lock_guard lock(mutex_);
  if (!node.waiting) return false;
  heap_.remove(node);
  last = work_if_idle_locked();
  return true;
}

boost::asio::any_io_executor timer_service::work_if_idle_locked() noexcept {
  if (!heap_.empty()) return {};
  // An alarm that rings with nothing due is set to what is next, and most of what is next comes later: where every request has
  // a timer and takes it back, the alarm need not hear of it. But a time that is moved must not be moved to it.
  if (alarm_ && alarm_at_ != no_deadline && !time_->is_real()) {
    alarm_->clear();
    alarm_at_ = no_deadline;
  }
  return std::exchange(work_, {});
}

void timer_service::executor_gone() noexcept {
  std::unique_ptr<alarm> last;
  std::unique_lock lock(mutex_);
  gone_ = true;
  work_ = {};
  last = std::move(alarm_);
  while (timer_node* node = heap_.pop_due(no_deadline)) {
    lock.unlock();
    node->fire(*node, wake::abandoned);
    lock.lock();
  }
}

void timer_service::set_alarm_locked() {
  if (gone_ || heap_.earliest() >= alarm_at_) return;
  if (!alarm_) {
    // Only now: the steady clock's alarm is a thread.
    alarm_ = time_->make_alarm(executor_.get(), [weak = weak_from_this()] {
      if (auto service = weak.lock()) service->ring();
    });
  }
  alarm_at_ = heap_.earliest();
  alarm_->set(alarm_at_);
}

void timer_service::ring() {
  boost::asio::any_io_executor last;
  std::unique_lock lock(mutex_);
  alarm_at_ = no_deadline;
  const time_point now = time_->now();
  while (timer_node* due = heap_.pop_due(now)) {
    // `fire` may add and remove other nodes, and may free this one.
    lock.unlock();
    due->fire(*due, wake::resumed);
    lock.lock();
  }
  set_alarm_locked();
  last = work_if_idle_locked();
}

}  // namespace catena
