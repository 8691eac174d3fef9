// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/state.hpp>

#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <utility>

namespace catena {
namespace {

/// The end of one runtime, on whichever thread its last handle goes.
class runtime_end {
 public:
  void destroy(const runtime_state* runtime) noexcept {
    where_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    delete runtime;
    over_.store(true, std::memory_order_release);
    over_.notify_all();
  }
  /// For a runtime that has no handles any more: until then it may use its executor. Not for one that this thread destroys,
  /// and with it the executor.
  void wait() const noexcept {
    if (where_.load(std::memory_order_relaxed) != std::this_thread::get_id()) over_.wait(false, std::memory_order_acquire);
  }
  [[nodiscard]] bool is_over() const noexcept { return over_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::thread::id> where_{};
  std::atomic<bool> over_{false};
};

/// Lives in the caller's execution context and tells the runtimes on it when it is destroyed.
class context_watch final : public boost::asio::execution_context::service {
 public:
  using key_type = context_watch;
  static inline boost::asio::execution_context::id id;

  explicit context_watch(boost::asio::execution_context& context) : service(context) {}

  void add(std::weak_ptr<runtime_state> runtime, std::shared_ptr<const runtime_end> end) {
    std::lock_guard lock(mutex_);
    std::erase_if(runtimes_, [](const watched& w) { return w.end->is_over(); });
    runtimes_.push_back({std::move(runtime), std::move(end)});
  }

 private:
  struct watched {
    std::weak_ptr<runtime_state> runtime;
    std::shared_ptr<const runtime_end> end;
  };

  void shutdown() override {
    std::vector<watched> runtimes;
    {
      std::lock_guard lock(mutex_);
      runtimes.swap(runtimes_);
    }
    for (const auto& [weak, end] : runtimes) {
      if (const auto runtime = weak.lock()) runtime->executor_gone();
      else end->wait();
    }
  }

  std::mutex mutex_;
  std::vector<watched> runtimes_;
};

runtime_options checked(runtime_options options) {
  if (options.compute_thread_count < 1 || options.compute_thread_count > 1024)
    throw std::invalid_argument("runtime_options::compute_thread_count must be 1 to 1024, is " +
                                std::to_string(options.compute_thread_count));
  if (options.loading_thread_count < 1 || options.loading_thread_count > 64)
    throw std::invalid_argument("runtime_options::loading_thread_count must be 1 to 64, is " +
                                std::to_string(options.loading_thread_count));
  if (options.spin < duration{} || options.spin > std::chrono::seconds(1))
    throw std::invalid_argument("runtime_options::spin must be 0 to 1 s");
  if (!options.time) options.time = steady_time();
  return options;
}

}  // namespace

runtime_state::runtime_state(boost::asio::any_io_executor executor, runtime_options options)
    : time(std::move(options.time)),
      time_is_real(time->is_real()),
      ready(std::make_shared<ready_queue>(executor)),
      lines(new serial_lines),
      timers(std::make_shared<timer_service>(time, executor)),
      metrics(std::move(options.metrics)),
      tracer(std::move(options.tracer)),
      observer(std::move(options.observer)),
      most_parked(options.most_parked),
      parked_runs(std::move(options.parked_runs)),
      compute(options.compute_thread_count, options.spin, time_is_real ? nullptr : &ready->executor()),
      loading(options.loading_thread_count, {}, time_is_real ? nullptr : &ready->executor(), thread_urgency::background),
      log_(std::move(options.log)),
      most_left_behind_(options.most_left_behind) {}

std::shared_ptr<runtime_state> runtime_state::create(boost::asio::any_io_executor executor, runtime_options options) {
  if (!executor) throw std::invalid_argument("runtime: the executor is empty");
  auto& context = boost::asio::query(executor, boost::asio::execution::context);
  const auto end = std::make_shared<runtime_end>();
  std::shared_ptr<runtime_state> state(new runtime_state(std::move(executor), checked(std::move(options))),
                                       [end](const runtime_state* runtime) { end->destroy(runtime); });
  boost::asio::use_service<context_watch>(context).add(state, end);
  return state;
}

void runtime_state::log(log_level level, std::string_view component, std::string_view text) const noexcept {
  if (log_) log_(level, component, text);
}

void runtime_state::add_executor_user(std::weak_ptr<executor_user> user) {
  {
    std::lock_guard lock(users_mutex_);
    std::erase_if(users_, [](const auto& u) { return u.expired(); });
    users_.push_back(user);
    if (!is_executor_gone_) return;
  }
  if (const auto late = user.lock()) late->executor_gone();
}

void runtime_state::executor_gone() noexcept {
  std::vector<std::weak_ptr<executor_user>> users;
  {
    std::lock_guard lock(users_mutex_);
    users.swap(users_);
    is_executor_gone_ = true;
  }
  // First, because they use the timers and bring their answers to the ready queue.
  for (const auto& weak : users)
    if (auto user = weak.lock()) user->executor_gone();
  drop_drain_waiters();
  timers->executor_gone();
  ready->executor_gone();
  lines->close();
}

/// Work elsewhere may end its run long after the executor is destroyed.
void runtime_state::drop_drain_waiters() noexcept {
  const auto& gone = boost::asio::query(ready->executor(), boost::asio::execution::context);
  std::vector<std::shared_ptr<drain_waiter>> dropped;  // destroyed under no lock: their handlers are the user's
  std::lock_guard lock(drain_mutex_);
  const auto stay = std::partition(drain_waiters_.begin(), drain_waiters_.end(),
                                   [&](const auto& waiter) { return !waiter->give_up(gone); });
  dropped.assign(stay, drain_waiters_.end());
  drain_waiters_.erase(stay, drain_waiters_.end());
}

void runtime_state::tell_users_of_drain() noexcept {
  std::vector<std::weak_ptr<executor_user>> users;
  {
    std::lock_guard lock(users_mutex_);
    users = users_;
  }
  for (const auto& weak : users)
    if (auto user = weak.lock()) user->drain_begins();
}

void runtime_state::wait_for_runs(time_point deadline, std::shared_ptr<drain_waiter> waiter) {
  draining_.store(true, std::memory_order_seq_cst);
  tell_users_of_drain();
  std::unique_lock lock(drain_mutex_);
  if (live_run_count() == 0) {
    lock.unlock();
    waiter->complete_once({});
    return;
  }
  std::erase_if(drain_waiters_, [](const auto& w) { return w->is_completed(); });  // by their deadlines
  drain_waiters_.push_back(waiter);
  if (deadline == no_deadline) return;
  waiter->pin = waiter;
  waiter->when = deadline;
  waiter->fire = [](timer_node& node, wake how) {
    auto self = std::move(static_cast<drain_waiter&>(node).pin);
    if (how == wake::resumed)
      self->complete_once(failure(errc::deadline_exceeded, "runs are still in flight at the deadline of drain"));
  };
  timers->add(*waiter);
}

void runtime_state::runs_ended() noexcept {
  std::vector<std::shared_ptr<drain_waiter>> waiters;
  // Completing only posts, and under the lock no executor is destroyed meanwhile.
  std::lock_guard lock(drain_mutex_);
  waiters.swap(drain_waiters_);
  for (auto& waiter : waiters) {
    if (timers->remove(*waiter)) waiter->pin.reset();
    waiter->complete_once({});
  }
}

}  // namespace catena
