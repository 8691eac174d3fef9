// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Brings requests to instances: queue, batch former, idle instance, compute thread, results. Types are erased.
#include <catena/model/model_options.hpp>
#include <catena/result.hpp>
#include <catena/runtime/state.hpp>
#include <catena/schedule/batch_policy.hpp>
#include <catena/schedule/request_queue.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace catena::detail {

/// One request for a model, a part of whatever asks. It stays where it is until it is ended, exactly once.
struct pending_request : queued_request {
  const void* input = nullptr;
  bool unwanted = false;  ///< withdrawn, perhaps before it was submitted; guarded by the batcher's lock
};

struct batch_place;

/// How requests end that are not answered.
struct request_operations {
  /// The lock of the place is held.
  void (*fail)(batch_place&, pending_request&, failure);
  /// Its executor is gone while it was queued.
  void (*abandon)(pending_request&) noexcept;
  /// Its executor is gone while it is computed: whoever asked will go without it, the request itself is ended later. True:
  /// abandon_given_up must follow, under no lock, because what it destroys is the user's.
  bool (*give_up)(pending_request&) noexcept;
  void (*abandon_given_up)(pending_request&) noexcept;
};

class batcher;

/// One instance's place: the batch it has, if any.
///
/// `mutex` guards the rows from when the batch is formed: an answer on its way home holds it, so that an executor is not
/// destroyed meanwhile. The submit path never takes it.
struct batch_place : compute_job {
  batcher* owner = nullptr;
  std::size_t index = 0;               ///< of the instance
  std::mutex mutex;
  std::vector<queued_request*> taken;  ///< as they came out of the queue
  std::vector<pending_request*> rows;  ///< null: ended
  std::size_t size = 0;                ///< of the batch
  bool open = false;                   ///< the batch is not done
  bool failed = false;                 ///< the instance threw: how long it took says nothing
  bool called = false;                 ///< the instance's function has not returned
  time_point began{};
  std::shared_ptr<batcher> pin;        ///< set from when the place is scheduled until it is idle
  ready_list homeward;                 ///< ended while the function runs, on their way to the runtime's executor together
  std::atomic<int> handing_over{0};    ///< threads in hand_over(): the executor must stay
  ready_list onward;                   ///< the same, whose runs go on with another model, from this thread

  /// Takes row i out, to be ended by the caller; null, and a line in the log, if it has been ended or never was.
  [[nodiscard]] pending_request* take_locked(std::size_t i) noexcept;
  /// With the others when the instance's function returns; at once if it has returned.
  void send_home_locked(ready_node& node) noexcept;
  /// Sends what has been ended so far on its way. The lock must not be held: runs may end by it, and what they own.
  void hand_over() noexcept;
};

/// The driver of one model: it performs what the queue and the batch former decide.
///
/// Two kinds of locks: the batcher's own for queue and idle instances, and one for each batch_place. A thread that holds
/// the batcher's takes neither another nor a run's, so a run's cancellation may take it.
/// \threads  safe
/// \lifetime pinned by handles, by chains that have it as a stage, and by instances at work
class batcher : public executor_user, public std::enable_shared_from_this<batcher> {
 public:
  enum class entry {
    accepted,  ///< the request will be ended, perhaps it already is
    full,      ///< the queue is full
    unwanted,  ///< it was withdrawn before
    closed,    ///< the executor is gone
  };

  batcher(std::shared_ptr<runtime_state> runtime, const model_options& options, const request_operations& operations);
  ~batcher() override;

  [[nodiscard]] entry submit(pending_request& r);
  /// Takes a request out of the queue, also one that is about to be submitted; false if it was not in it.
  [[nodiscard]] bool withdraw(pending_request& r) noexcept;
  /// What a request that found the queue full fails with; says when to come again.
  [[nodiscard]] failure full() const;

  [[nodiscard]] model_stats stats() const;
  [[nodiscard]] const std::string& name() const noexcept { return options_.name; }
  [[nodiscard]] const model_options& options() const noexcept { return options_; }
  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept { return runtime_; }
  void executor_gone() noexcept override;

  // ---- for the batch ----

  /// The instance threw: what is unanswered fails with it.
  void fail_batch(batch_place& place, std::exception_ptr cause) noexcept;
  /// The batch is done: what is unanswered fails, and the instance is free once its function has returned.
  void finish_batch(batch_place& place) noexcept;
  void log(log_level level, std::string_view text) const noexcept;
  /// "model 'risk': " and the text.
  [[nodiscard]] std::string says(std::string_view text) const;

 private:
  /// Hands the batch to its instance. Must not throw.
  virtual void compute(batch_place& place) noexcept = 0;

  struct delay_timer : timer_node {
    batcher* owner = nullptr;
    std::shared_ptr<batcher> pin;  ///< set while the timer waits or fires
  };

  static void run_job(compute_job& job) noexcept;
  void run_batch(batch_place& place) noexcept;
  /// Fills the place from the queue; the requests found expired stand at the end of its rows. Returns how many.
  [[nodiscard]] std::size_t form_locked(batch_place& place, time_point now) noexcept;
  void fail_rows(batch_place& place, std::size_t from, std::size_t to, const failure& why) noexcept;
  void make_idle(batch_place& place) noexcept;
  /// Schedules idle instances for what waits, or sets the timer; returns the jobs to be submitted after unlocking.
  [[nodiscard]] compute_job* schedule_locked(time_point now) noexcept;
  void submit_jobs(compute_job* jobs) noexcept;
  void set_timer_locked(time_point when) noexcept;
  static void delay_over(timer_node& node, wake how);
  [[nodiscard]] batch_decision decide_locked(time_point now);
  [[nodiscard]] time_point now_if_needed() const noexcept { return needs_time_ ? runtime_->time->now() : time_point{}; }

  const std::shared_ptr<runtime_state> runtime_;
  const model_options options_;
  const request_operations& operations_;
  const batch_limits limits_;
  const bool needs_time_;  ///< arrivals are stamped
  std::vector<std::unique_ptr<batch_place>> places_;

  mutable std::mutex mutex_;
  batch_policy policy_;
  request_queue queue_;
  std::vector<batch_place*> idle_;  ///< the last to become idle is the first to work: its caches are warm
  std::size_t scheduled_ = 0;       ///< instances on their way to a compute thread, where they will take what waits
  delay_timer timer_;
  bool closed_ = false;
  duration batch_time_{};           ///< smoothed; zero: unknown
  model_stats stats_;
};

}  // namespace catena::detail
