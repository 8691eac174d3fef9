// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/timer_service.hpp>

namespace catena {

std::shared_ptr<timer_service> timer_service::create(std::shared_ptr<time_source> time,
                                                     const boost::asio::any_io_executor& executor) {
  std::shared_ptr<timer_service> self(new timer_service(std::move(time)));
  self->alarm_ = self->time_->make_alarm(executor, [weak = std::weak_ptr(self)] {
    if (auto service = weak.lock()) service->ring();
  });
  return self;
}

void timer_service::add(timer_node& node) {
  std::unique_lock lock(mutex_);
  if (!alarm_) {
    lock.unlock();
    node.fire(node, wake::abandoned);
    return;
  }
  heap_.push(node);
  set_alarm_locked();
}

bool timer_service::remove(timer_node& node) noexcept {
  std::lock_guard lock(mutex_);
  if (!node.waiting) return false;
  heap_.remove(node);
  // An alarm that waits for nothing would keep the caller's event loop from running out of work; one that rings too
  // early only finds nothing due.
  if (heap_.empty() && alarm_) {
    alarm_at_ = no_deadline;
    alarm_->clear();
  }
  return true;
}

void timer_service::executor_gone() noexcept {
  std::unique_lock lock(mutex_);
  auto last = std::move(alarm_);
  while (timer_node* node = heap_.pop_due(no_deadline)) {
    lock.unlock();
    node->fire(*node, wake::abandoned);
    lock.lock();
  }
}

void timer_service::set_alarm_locked() {
  if (!alarm_ || heap_.earliest() >= alarm_at_) return;
  alarm_at_ = heap_.earliest();
  alarm_->set(alarm_at_);
}

void timer_service::ring() {
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
}

}  // namespace catena
