// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Brings requests to instances: batch former, idle instance, compute thread, results. Types are erased.
#include <catena/graph/need.hpp>
#include <catena/model/batch_meter.hpp>
#include <catena/model/batch_place.hpp>
#include <catena/model/free_places.hpp>
#include <catena/model/model_options.hpp>
#include <catena/runtime/brief_mutex.hpp>
#include <catena/runtime/pinned_timer.hpp>
#include <catena/runtime/published.hpp>
#include <catena/runtime/state.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace catena::detail {

/// Whether requests must be measured before they are submitted.
enum class measuring : bool { no, yes };

/// What of a request's input its queue and its batch must know; see request_measures.
struct measured {
  std::uint32_t cost = 1;
  std::uint64_t shape = 0;
  std::size_t bytes = 0;
  std::uint32_t locality = 0;
};

/// The driver of one model: it performs what the batch former decides.
///
/// Two kinds of locks: the batcher's own for what waits and idle instances, and one for each batch_place. A thread that holds
/// the batcher's takes neither another nor a run's, so a run's cancellation may take it.
/// \threads  safe
/// \lifetime pinned by handles, by chains that have it as a stage, and by instances at work
class batcher : public executor_user,
                public resident,
                public graph::need,
                public metric_source,
                public std::enable_shared_from_this<batcher> {
 public:
  enum class entry {
    accepted,  ///< the request will be ended, perhaps it already is
    refused,   ///< it found no room
    unwanted,  ///< it was withdrawn before
    closed,    ///< the executor is gone
  };

  batcher(std::shared_ptr<runtime_state> runtime, const model_options& options, const request_operations& operations,
          batch_unit unit, measuring measures);
  ~batcher() override;

  /// \param why  of a refusal
  [[nodiscard]] entry submit(pending_request& r, failure& why);
  /// Takes a request out of the queue, also one that is about to be submitted; false if it was not in it.
  [[nodiscard]] bool withdraw(pending_request& r) noexcept;
  [[nodiscard]] bool measures() const noexcept { return measures_ == measuring::yes; }
  /// Says where each instance is; their requests say where their input is. Before its first request.
  void locate(const std::vector<std::uint32_t>& instances) noexcept;
  /// Held while an instance is called, where a part that is computed again might meet the batch after it.
  [[nodiscard]] std::unique_lock<std::mutex> call_lock(const batch_place& place) const {
    return calls_ ? std::unique_lock(calls_[place.index]) : std::unique_lock<std::mutex>();
  }
  /// Throws what the user's functions throw.
  [[nodiscard]] virtual measured measure(const void* input) const = 0;

  [[nodiscard]] model_stats stats() const;
  [[nodiscard]] const std::string& name() const noexcept override { return options_.name; }
  [[nodiscard]] const model_options& options() const noexcept { return options_; }
  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept { return runtime_; }
  void executor_gone() noexcept override;
  /// Makes known to the runtime what of its options can be changed, and what it measures. Before its first request.
  void announce();
  void collect(metric_set& to) const override;

  // ---- where it is ----

  /// Lets it come and go within the budgets of options().residency, beginning cold. Before its first request.
  /// \errors std::invalid_argument: it needs more than there may be
  void share_memory(const residency_book::footprint& f);
  /// Brings its instances there; those that become hot are warmed up.
  void move_to(residency_level level) override;
  [[nodiscard]] residency_book::activity activity() const override;
  [[nodiscard]] parking park(urgency how) override;
  void unpark() override;
  [[nodiscard]] bool is_waited_for() const override;
  void fail_waiting(const failure& why) override;
  [[nodiscard]] std::size_t queue_capacity() const noexcept { return bounds_.load().capacity; }
  [[nodiscard]] bool is_nearly_full() const;
  [[nodiscard]] bool is_hot() const noexcept { return !parked_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool comes_and_goes() const noexcept override { return memory_ != nullptr; }
  void run_began() noexcept override {
    needed_.fetch_add(1, std::memory_order_relaxed);
    if (parked_.load(std::memory_order_relaxed)) memory_->look();
  }
  void run_ended() noexcept override { needed_.fetch_sub(1, std::memory_order_relaxed); }
  void bring(std::shared_ptr<arrival> to_tell) override;

  void log(log_level level, std::string_view text) const noexcept;
  /// "model 'risk': " and the text.
  [[nodiscard]] std::string says(std::string_view text) const;

  // ---- for its places ----

  [[nodiscard]] const request_operations& operations() const noexcept { return operations_; }
  /// How many rows a batch of this many is computed with.
  [[nodiscard]] std::size_t padded(std::size_t rows) const noexcept { return padded_size(options_.batch, rows); }
  /// Begins a batch of what waits; false if nothing is to be computed.
  [[nodiscard]] bool form(batch_place& place) noexcept;
  /// Hands the batch, or a part of it, to its instance.
  virtual void compute(batch_place& place) noexcept = 0;
  virtual void move_instances(residency_level level) = 0;
  /// Zero: it cannot be warmed up.
  [[nodiscard]] virtual std::size_t warm_up_shapes() const = 0;
  /// Computes a batch for nobody.
  virtual void warm_up(std::size_t instance, std::size_t rows, std::size_t shape) = 0;
  /// A part is to be computed again; false if it must not.
  [[nodiscard]] bool count_repeat(std::size_t rows) noexcept;
  /// The function of its instance has returned; its batch is done later.
  void returned(batch_place& place) noexcept;
  /// Its batch is done: it may be given the next one at once.
  /// \param returned  the function of its instance has returned just now
  void done(batch_place& place, bool returned) noexcept;

 private:
  /// Fills the place from the queue; the requests found expired stand at the end of its rows. Returns how many.
  [[nodiscard]] std::size_t form_locked(batch_place& place, time_point now) noexcept;
  /// Schedules idle instances for what waits, or sets the timer; returns the jobs to be submitted after unlocking.
  [[nodiscard]] compute_job* schedule_locked(time_point now) noexcept;
  /// Other options hold from now on: what waits may have become a batch.
  template <class Options>
  void set_options(const Options& options) noexcept;
  [[nodiscard]] batch_place* place_locked(time_point now, time_point& look_again) noexcept;
  void submit_jobs(compute_job* jobs) noexcept;
  /// Where the input of the batch that is to be begun now lies.
  [[nodiscard]] std::uint32_t preferred_locked(time_point now) noexcept;
  void set_timer_locked(time_point when) noexcept { timer_.set_locked(*runtime_->timers, closed_ ? no_deadline : when); }
  static void delay_over(timer_node& node, wake how);
  [[nodiscard]] time_point look_at_clock_locked() noexcept;
  /// Looks at the clock where the batch is timed; otherwise the last look will do.
  [[nodiscard]] time_point look_locked(const batch_place& place) noexcept;
  /// Whether the next batch of a place is timed: where batches take microseconds, some do for all.
  [[nodiscard]] bool times_next_locked(batch_place& place) const noexcept;
  [[nodiscard]] duration took_locked(const batch_place& place, time_point now) noexcept;
  [[nodiscard]] bool rest_locked() noexcept;
  void learn_locked(const formed_batch& batch, duration took, time_point now) noexcept;
  /// When a request comes, as exactly as the batch former needs it.
  [[nodiscard]] time_point moment_locked() noexcept;
  [[nodiscard]] failure refusal(batch_former::entry bound, const pending_request& r, duration batch_time) const;
  [[nodiscard]] batch_former::push_result push_locked(pending_request& r, time_point now) noexcept;
  void evict(queued_request* leaving, const failure& why) noexcept;
  [[nodiscard]] queued_request* take_all_locked() noexcept;
  /// A traced batch begins; it must not throw for that.
  [[nodiscard]] std::shared_ptr<batch_record> record_of(const batch_place& place, std::size_t waiting) const noexcept;
  void warm_up_all();
  /// One instance, with batches of one size, until that is steady.
  void warm_up_until_steady(std::size_t instance, std::size_t rows, std::size_t shape, time_point end, warm_up_report& report);

  /// The numbers of its options that can be changed, as they are by now, for messages.
  struct bounds {
    bounds() = default;
    explicit bounds(const model_options& o) noexcept {
      set(o.batch);
      set(o.queue);
    }
    void set(const batch_options& o) noexcept {
      max_size = o.max_size;
      max_delay = o.max_delay;
      max_shapes = o.max_shapes;
    }
    void set(const request_queue_options& o) noexcept {
      capacity = o.capacity;
      max_bytes = o.max_bytes;
    }
    std::size_t max_size, max_shapes, capacity, max_bytes;
    duration max_delay;
  };

  const std::shared_ptr<runtime_state> runtime_;
  const model_options options_;  ///< as it was made
  published<bounds> bounds_;
  std::shared_ptr<const tunable_site> announced_;
  const request_operations& operations_;
  const measuring measures_;
  std::vector<std::unique_ptr<batch_place>> places_;

  mutable brief_mutex mutex_;
  batch_former former_;
  free_places free_;
  bool is_located_ = false;  ///< instances and requests say where they are
  std::unique_ptr<std::mutex[]> calls_;  ///< of each instance, where it may have several batches under way
  std::vector<time_point> last_done_;    ///< the same
  std::size_t scheduled_ = 0;       ///< instances on their way to a compute thread, where they will take what waits
  time_point looked_{};             ///< at the clock last
  bool rested_ = true;              ///< nothing was to be done since then
  pinned_timer<batcher> timer_;
  bool closed_ = false;
  std::atomic<bool> parked_{false};  ///< it is not hot, or is about to leave: no batch is begun; changes under the lock
  bool draining_ = false;  ///< residency is to be told when the last batch is done
  mutable bool wished_ = false;  ///< residency has been told that requests wait
  std::shared_ptr<residency_core> memory_;  ///< null: it stays where it is
  residency_core::number seat_ = 0;
  std::atomic<std::size_t> needed_{0};  ///< runs that may come to it
  duration batch_time_{};           ///< smoothed; zero: unknown
  time_point first_batch_ = no_deadline;
  model_stats stats_;
  const std::unique_ptr<batch_meter> meter_;  ///< null where the runtime has no metrics
  const bool is_timed_;                       ///< all its requests and batches are: somebody wants to know
};

}  // namespace catena::detail
