// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/timer_service.hpp>

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
  gone_ = true;
  auto last = std::move(alarm_);
  while (timer_node* node = heap_.pop_due(no_deadline)) {
    lock.unlock();
    node->fire(*node, wake::abandoned);
    lock.lock();
  }
}

void timer_service::set_alarm_locked() {
  if (gone_ || heap_.earliest() >= alarm_at_) return;
  if (!alarm_) {
    // Only now: an Asio timer brings a reactor into an io_context, which every turn of its loop then polls.
    alarm_ = time_->make_alarm(executor_, [weak = weak_from_this()] {
      if (auto service = weak.lock()) service->ring();
    });
  }
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
