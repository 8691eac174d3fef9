// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What runtime handles share.
#include <catena/log.hpp>
#include <catena/observe/metric_source.hpp>
#include <catena/observe/sink.hpp>
#include <catena/result.hpp>
#include <catena/runtime/compute_pool.hpp>
#include <catena/runtime/live_list.hpp>
#include <catena/runtime/ready_queue.hpp>
#include <catena/runtime/registry.hpp>
#include <catena/runtime/serial_line.hpp>
#include <catena/runtime/timer_service.hpp>
#include <catena/runtime/tunable.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace catena {

class metrics;
class parking_store;
class tracer;
namespace detail {
class batcher;
}
namespace graph {
class known_chain;
}

struct runtime_options {
  /// Threads on which models compute, 1 to 1024; they start with the first model's first batch.
  std::size_t compute_thread_count = 1;
  /// How long a compute thread that has nothing to do looks for work before it sleeps, 0 to 1 s. It takes tens of
  /// microseconds to wake a thread that sleeps. At most one thread fewer than there are cores looks, on one core none.
  duration spin = std::chrono::microseconds(20);
  /// Threads on which models are loaded and warmed up, 1 to 64; they leave the cores to all others, and start with the first
  /// model that is loaded.
  std::size_t loading_thread_count = 1;
  /// How much may go on that did not end when it was told to, because its run has ended at its deadline or another answer was
  /// taken. One more is waited for.
  std::size_t most_left_behind = 1024;
  /// How many runs may wait for a person's decision at once, 0 or more. One more fails instead.
  std::size_t most_parked = 1024;
  /// Who keeps what is known of parked runs; null: nobody. See incident/parking_store.hpp.
  std::shared_ptr<parking_store> parked_runs = nullptr;
  /// Where the time comes from; null: the machine's steady clock.
  std::shared_ptr<time_source> time = nullptr;
  /// Who counts the runs of its chains and times their stages; null: nobody, and no clock is read for it.
  std::shared_ptr<catena::metrics> metrics = nullptr;
  /// Who records requests and keeps those worth looking at; null: nobody, and no clock is read for it.
  std::shared_ptr<catena::tracer> tracer = nullptr;
  /// Where ended runs are reported; null: nowhere.
  std::shared_ptr<sink> observer = nullptr;
  /// Where the library logs to; empty: nowhere.
  log_hook log = nullptr;
};

/// Somebody who waits for the runs in flight. The last run and the deadline may come at once: the first to call wins.
class drain_waiter : public timer_node, public std::enable_shared_from_this<drain_waiter> {
 public:
  virtual ~drain_waiter() = default;
  void complete_once(result<void> outcome) {
    if (!completed_.exchange(true)) complete(std::move(outcome));
  }
  [[nodiscard]] bool is_completed() const noexcept { return completed_; }
  /// The runtime's executor is gone: not called any more, if it lives there.
  [[nodiscard]] bool give_up(const boost::asio::execution_context& gone) noexcept {
    return context == &gone && !completed_.exchange(true);
  }
  /// Keeps the waiter while its timer may still fire.
  std::shared_ptr<drain_waiter> pin;
  const boost::asio::execution_context* context = nullptr;  ///< of the waiter's executor

 private:
  /// Called once, from any thread: hands the outcome to the waiter's executor.
  virtual void complete(result<void> outcome) = 0;
  std::atomic<bool> completed_{false};
};

/// Somebody who holds work of the executor's on other threads, and must let go of it before the executor is destroyed.
class executor_user {
 public:
  virtual ~executor_user() = default;
  virtual void executor_gone() noexcept = 0;
  /// The runtime waits for all runs to end.
  virtual void drain_begins() noexcept {}
};

/// Whether work begins something or belongs to what has begun: drain stops the new and waits for the old.
enum class work_kind : bool { fresh, old };

/// The shared parts of a runtime, and the count of its runs.
/// \threads  safe
class runtime_state : public std::enable_shared_from_this<runtime_state> {
 public:
  static std::shared_ptr<runtime_state> create(boost::asio::any_io_executor executor, runtime_options options);
  ~runtime_state() { ready->let_go_of_executor(); }

  /// Counts a run in and gives it its number, from 1; zero when the runtime is draining, unless the run is a part of one
  /// that is counted already.
  [[nodiscard]] std::uint64_t begin_run(work_kind kind) noexcept {
    const std::uint64_t number = begun_runs_.fetch_add(1, std::memory_order_seq_cst) + 1;
    if (!draining_.load(std::memory_order_seq_cst) || kind == work_kind::old) [[likely]]
      return number;
    end_run();
    return 0;
  }
  void end_run() noexcept {
    const std::uint64_t ended = ended_runs_.fetch_add(1, std::memory_order_seq_cst) + 1;
    if (draining_.load(std::memory_order_seq_cst) && ended == begun_runs_.load(std::memory_order_seq_cst)) [[unlikely]]
      runs_ended();
  }
  [[nodiscard]] std::uint64_t live_run_count() const noexcept {
    const std::uint64_t ended = ended_runs_.load(std::memory_order_seq_cst);  // first: it never overtakes the other
    return begun_runs_.load(std::memory_order_seq_cst) - ended;
  }
  /// Counts work whose answer nobody wanted any more.
  void count_waste() noexcept { wasted_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t wasted_count() const noexcept { return wasted_.load(std::memory_order_relaxed); }
  /// A run has ended, and something of it goes on: drain waits for that. False: it must wait itself.
  [[nodiscard]] bool leave_behind() noexcept {
    if (left_behind_.fetch_add(1, std::memory_order_relaxed) >= most_left_behind_) {
      left_behind_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    static_cast<void>(begin_run(work_kind::old));
    return true;
  }
  /// It has ended.
  void came_home() noexcept {
    count_waste();
    left_behind_.fetch_sub(1, std::memory_order_relaxed);
    end_run();
  }
  [[nodiscard]] std::size_t left_behind_count() const noexcept { return left_behind_.load(std::memory_order_relaxed); }
  /// From now on runs that work for another run share what that one has chosen, which costs each of them two allocations.
  void pin_choices() noexcept { pins_choices_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool pins_choices() const noexcept { return pins_choices_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool draining() const noexcept { return draining_.load(std::memory_order_seq_cst); }
  void wait_for_runs(time_point deadline, std::shared_ptr<drain_waiter> waiter);
  void log(log_level level, std::string_view component, std::string_view text) const noexcept;
  /// One that comes when the executor is gone is told so at once.
  void add_executor_user(std::weak_ptr<executor_user> user);
  /// The one executor_user of type T that everybody on this runtime shares; made when it is missing.
  template <class T, class Make>
  [[nodiscard]] std::shared_ptr<T> only_user(Make make) {
    std::lock_guard lock(users_mutex_);
    for (const auto& user : users_)
      if (auto found = std::dynamic_pointer_cast<T>(user.lock())) return found;
    std::shared_ptr<T> made = make();
    std::erase_if(users_, [](const auto& u) { return u.expired(); });
    users_.push_back(made);
    if (is_executor_gone_) made->executor_gone();
    return made;
  }
  /// Makes a source known, and gives it back.
  template <class T>
  [[nodiscard]] std::shared_ptr<T> known_source(std::shared_ptr<T> source) {
    sources.add(source);
    return source;
  }
  /// The executor is about to be destroyed.
  void executor_gone() noexcept;

  std::shared_ptr<time_source> time;
  const bool time_is_real;  ///< time passes by itself
  std::shared_ptr<ready_queue> ready;
  const boost::intrusive_ptr<serial_lines> lines;
  std::shared_ptr<timer_service> timers;
  const std::shared_ptr<catena::metrics> metrics;
  const std::shared_ptr<catena::tracer> tracer;
  std::shared_ptr<sink> observer;
  const std::size_t most_parked;
  const std::shared_ptr<parking_store> parked_runs;
  compute_pool compute;
  compute_pool loading;
  tunable_registry tunables;  ///< what of its chains and models can be changed
  registry<const metric_source> sources;        ///< what of its chains and models has measured itself
  registry<const graph::known_chain> chains;
  registry<detail::batcher> models;
  live_list live_runs;  ///< those that are recorded and nobody's children

 private:
  runtime_state(boost::asio::any_io_executor executor, runtime_options options);
  void runs_ended() noexcept;
  void tell_users_of_drain() noexcept;
  void drop_drain_waiters() noexcept;

  log_hook log_;
  std::atomic<std::uint64_t> begun_runs_{0};
  std::atomic<std::uint64_t> ended_runs_{0};
  std::atomic<std::uint64_t> wasted_{0};
  const std::size_t most_left_behind_;
  std::atomic<std::size_t> left_behind_{0};
  std::atomic<bool> draining_{false};
  std::atomic<bool> pins_choices_{false};
  std::mutex drain_mutex_;
  std::vector<std::shared_ptr<drain_waiter>> drain_waiters_;
  std::mutex users_mutex_;
  std::vector<std::weak_ptr<executor_user>> users_;
  bool is_executor_gone_ = false;  ///< guarded as they are
};

}  // namespace catena
