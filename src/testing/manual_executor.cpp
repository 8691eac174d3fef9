// SPDX-License-Identifier: BSL-1.0
#include <catena/testing/manual_executor.hpp>

namespace catena::testing {

thread_local const manual_context* manual_context::current_ = nullptr;

manual_context::~manual_context() {
  shutdown();
  drop_waiting();
  destroy();
  drop_waiting();
}

bool manual_context::step() {
  std::unique_lock lock(mutex_);
  if (waiting_.empty()) return false;
  // Not uniform_int_distribution: its results differ between standard libraries, and a seed should mean the same anywhere.
  std::swap(waiting_[random_() % waiting_.size()], waiting_.back());
  auto drawn = std::move(waiting_.back());
  waiting_.pop_back();
  ++steps_;
  lock.unlock();

  struct inside {
    explicit inside(const manual_context* context) noexcept : outer(std::exchange(current_, context)) {}
    ~inside() { current_ = outer; }
    const manual_context* outer;
  } const scope(this);
  task& work = *drawn;
  work.run(std::move(drawn));
  return true;
}

void manual_context::wait_for_work() {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [&] { return !waiting_.empty(); });
}

std::size_t manual_context::ready_count() const {
  std::lock_guard lock(mutex_);
  return waiting_.size();
}

std::size_t manual_context::outstanding_work_count() const {
  std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(outstanding_);
}

void manual_context::push(std::unique_ptr<task> work) {
  std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(work));
  arrived_.notify_one();
}

void manual_context::add_work(std::ptrdiff_t count) noexcept {
  std::lock_guard lock(mutex_);
  outstanding_ += count;
}

/// What is destroyed may bring more work, which is destroyed as well.
void manual_context::drop_waiting() noexcept {
  for (;;) {
    std::vector<std::unique_ptr<task>> dropped;
    {
      std::lock_guard lock(mutex_);
      dropped.swap(waiting_);
    }
    if (dropped.empty()) return;
  }
}

}  // namespace catena::testing
