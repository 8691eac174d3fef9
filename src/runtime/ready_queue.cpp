// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/ready_queue.hpp>

#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>

#include <algorithm>
#include <utility>

namespace catena {

void ready_queue::list::push_back(ready_node& node) noexcept {
  node.next = nullptr;
  (last ? last->next : first) = &node;
  last = &node;
  ++size;
}

void ready_queue::list::append(list& other) noexcept {
  if (!other.first) return;
  (last ? last->next : first) = other.first;
  last = other.last;
  size += other.size;
  other = {};
}

ready_queue::list ready_queue::list::take(std::size_t count) noexcept {
  if (count >= size) return std::exchange(*this, {});
  list taken{first, first, count};
  for (std::size_t i = 1; i < count; ++i) taken.last = taken.last->next;
  first = std::exchange(taken.last->next, nullptr);
  size -= count;
  return taken;
}

ready_node* ready_queue::list::pop_front() noexcept {
  ready_node* node = first;
  first = node->next;
  if (!first) last = nullptr;
  --size;
  return node;
}

/// The share that this thread is resuming, and what it pushed meanwhile; both return to the queue at the end, also when
/// a completion handler throws.
class ready_queue::drain_scope {
 public:
  drain_scope(ready_queue& queue, list share) noexcept : queue_(queue), share_(share), outer_(current_) { current_ = this; }
  drain_scope(const drain_scope&) = delete;
  drain_scope& operator=(const drain_scope&) = delete;
  ~drain_scope() {
    current_ = outer_;
    share_.append(pushed_);
    if (!share_.first) return;
    std::unique_lock lock(queue_.mutex_);
    if (queue_.gone_) {
      lock.unlock();
      abandon(share_);
      return;
    }
    queue_.waiting_.append(share_);
    queue_.post_drainer_locked();
  }

  void resume_all() {
    // Alone in its share a node may be long: what it pushes must not wait for it.
    buffering_ = share_.size > 1;
    while (share_.first) {
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
  list share_;
  list pushed_;
  drain_scope* outer_;
  bool buffering_ = false;
};

thread_local ready_queue::drain_scope* ready_queue::drain_scope::current_ = nullptr;
thread_local const ready_queue* ready_queue::posting_ = nullptr;

void ready_queue::push(ready_node& node) {
  if (auto* scope = drain_scope::find(*this)) {
    scope->push(node);
    return;
  }
  std::unique_lock lock(mutex_);
  if (gone_) {
    lock.unlock();
    list alone;
    alone.push_back(node);
    abandon(alone);
    return;
  }
  waiting_.push_back(node);
  post_drainer_locked();
}

void ready_queue::post_drainer_locked() noexcept {
  if (pin_) return;
  pin_ = shared_from_this();
  posting_ = this;
  try {
    // Under the lock, so that the executor cannot be destroyed between the check of gone_ and the post.
    executor_.post(drainer_);
  } catch (...) {
    // An executor that throws has not taken the drainer: what waits stays, and the next push posts again.
    pin_.reset();
  }
  posting_ = nullptr;
}

void ready_queue::drainer_resumed(ready_node& node, wake how) {
  auto& drainer = static_cast<drainer_node&>(node);
  if (how == wake::abandoned && posting_ == drainer.queue) return;  // the post has thrown
  const auto queue = drainer.queue->shared_from_this();
  if (how == wake::resumed) return queue->drain();
  queue->executor_gone();
  std::lock_guard lock(queue->mutex_);
  queue->pin_.reset();
}

void ready_queue::drain() {
  std::unique_lock lock(mutex_);
  pin_.reset();
  if (!waiting_.first) return;
  list share = waiting_.take(std::clamp<std::size_t>(waiting_.size / 4, 1, max_share));
  if (waiting_.first) post_drainer_locked();
  lock.unlock();
  drain_scope scope(*this, share);
  scope.resume_all();
}

void ready_queue::hold_work() noexcept {
  if (held_.fetch_add(1, std::memory_order_acq_rel) != 0) return;
  std::lock_guard lock(mutex_);
  if (!gone_ && !work_ && held_.load(std::memory_order_acquire) != 0)
    work_ = boost::asio::prefer(executor_.get(), boost::asio::execution::outstanding_work.tracked);
}

void ready_queue::drop_work() noexcept {
  if (held_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  boost::asio::any_io_executor last;  // let go of outside the lock: an io_context may stop by it
  std::lock_guard lock(mutex_);
  if (held_.load(std::memory_order_acquire) == 0) last = std::exchange(work_, {});
}

void ready_queue::executor_gone() noexcept {
  std::unique_lock lock(mutex_);
  gone_ = true;
  work_ = {};
  // A drainer that is still posted is part of this queue: the pin stays until the executor has destroyed it.
  list nodes = std::exchange(waiting_, {});
  lock.unlock();
  abandon(nodes);
}

/// What is abandoned may push others: those stand in line behind it instead of deepening the stack.
void ready_queue::abandon(list nodes) noexcept {
  static thread_local list* line = nullptr;
  if (line) return line->append(nodes);
  line = &nodes;
  while (nodes.first) {
    ready_node* node = nodes.pop_front();
    node->resume(*node, wake::abandoned);
  }
  line = nullptr;
}

}  // namespace catena
