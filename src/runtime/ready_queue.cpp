// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/ready_queue.hpp>

#include <algorithm>
#include <thread>
#include <utility>

namespace catena {

/// The share that this thread is resuming, and what it pushed meanwhile; both return to the queue at the end, also when
/// a completion handler throws.
class ready_queue::drain_scope {
 public:
  drain_scope(ready_queue& queue, ready_list share) noexcept
      : queue_(queue), share_(std::move(share)), outer_(current_) { current_ = this; }
  drain_scope(const drain_scope&) = delete;
  drain_scope& operator=(const drain_scope&) = delete;
  ~drain_scope() {
    current_ = outer_;
    share_.append(std::move(pushed_));
    if (!share_.empty()) queue_.push(std::move(share_));
  }

  void resume_all() {
    // Alone in its share a node may be long: what it pushes must not wait for it.
    buffering_ = share_.size() > 1;
    while (!share_.empty()) {
      ready_node* node = share_.pop_front();
      node->resume(*node, wake::resumed);
    }
  }

  static drain_scope* find(const ready_queue& queue) noexcept {
    return current_ && &current_->queue_ == &queue && current_->buffering_ ? current_ : nullptr;
  }
  void push(ready_node& node) noexcept { pushed_.push_back(node); }

 private:
  static thread_local drain_scope* current_;
  ready_queue& queue_;
  ready_list share_;
  ready_list pushed_;
  drain_scope* outer_;
  bool buffering_ = false;
};

thread_local ready_queue::drain_scope* ready_queue::drain_scope::current_ = nullptr;
thread_local const ready_queue* ready_queue::posting_here_ = nullptr;

void ready_queue::push(ready_node& node) {
  if (auto* scope = drain_scope::find(*this)) {
    scope->push(node);
    return;
  }
  ready_list one;
  one.push_back(node);
  push(std::move(one));
}

void ready_queue::push(ready_list&& nodes) {
  std::unique_lock lock(mutex_);
  if (!gone_) return append_and_post(std::move(lock), std::move(nodes));
  lock.unlock();
  nodes.abandon();
}

void ready_queue::append_and_post(std::unique_lock<brief_mutex> lock, ready_list&& nodes) noexcept {
  waiting_.append(std::move(nodes));
  if (pin_) return;
  const auto pinned = pin_ = shared_from_this();
  posting_.fetch_add(1, std::memory_order_relaxed);
  // Not under the lock: on one core the drainer would run at once, and wait for it.
  lock.unlock();
  const auto* const outer = std::exchange(posting_here_, this);
  bool posted = true;
  try {
    executor_.post(drainer_, drainer_memory_);
  } catch (...) {
    posted = false;
  }
  posting_here_ = outer;
  if (!posted) {
    // An executor that throws has not taken the drainer: what waits stays, and the next push posts again.
    lock.lock();
    pin_.reset();
    lock.unlock();
  }
  posting_.fetch_sub(1, std::memory_order_release);
}

void ready_queue::drainer_resumed(ready_node& node, wake how) {
  auto& drainer = static_cast<drainer_node&>(node);
  if (how == wake::abandoned && posting_here_ == drainer.queue) return;  // the post has thrown
  const auto queue = drainer.queue->shared_from_this();
  if (how == wake::resumed) return queue->drain();
  queue->close();
  std::lock_guard lock(queue->mutex_);
  queue->pin_.reset();
}

void ready_queue::drain() {
  std::unique_lock lock(mutex_);
  pin_.reset();
  if (waiting_.empty()) return;
  ready_list share = waiting_.take(std::clamp<std::size_t>(waiting_.size() / 4, 1, max_share));
  if (waiting_.empty()) lock.unlock();
  else append_and_post(std::move(lock), {});
  drain_scope scope(*this, std::move(share));
  scope.resume_all();
}

void ready_queue::hold_work() noexcept {
  if (held_.fetch_add(one_held, std::memory_order_acq_rel) & is_busy) return;
  // The first one, or one that meets it here: it must not go on before the executor is kept busy.
  boost::asio::any_io_executor last;  // let go of outside the lock: an io_context may stop by it
  std::lock_guard lock(mutex_);
  if (gone_ || work_) return;
  work_ = executor_.keep_busy();
  if (held_.fetch_or(is_busy, std::memory_order_acq_rel) < one_held) last = let_go_of_work_locked();
}

void ready_queue::drop_work() noexcept {
  if (held_.fetch_sub(one_held, std::memory_order_acq_rel) != (one_held | is_busy)) return;
  boost::asio::any_io_executor last;
  std::lock_guard lock(mutex_);
  last = let_go_of_work_locked();
}

boost::asio::any_io_executor ready_queue::let_go_of_work_locked() noexcept {
  std::size_t none = is_busy;
  return held_.compare_exchange_strong(none, 0, std::memory_order_acq_rel) ? std::exchange(work_, {}) : boost::asio::any_io_executor();
}

void ready_queue::let_go_of_executor() const noexcept {
  // On an executor that runs at once what is posted, this thread may be the one.
  while (posting_here_ != this && posting_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

void ready_queue::executor_gone() noexcept {
  close();
  while (posting_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

void ready_queue::close() noexcept {
  std::unique_lock lock(mutex_);
  gone_ = true;
  work_ = {};
  // A drainer that is still posted is part of this queue: the pin stays until the executor has destroyed it.
  ready_list nodes = std::move(waiting_);
  lock.unlock();
  nodes.abandon();
}

}  // namespace catena
