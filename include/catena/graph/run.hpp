// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One run of a plan: its frame, its walkers, its end.
#include <catena/call.hpp>
#include <catena/graph/pin_table.hpp>
#include <catena/graph/plan.hpp>
#include <catena/graph/run_report.hpp>
#include <catena/observe/request_trace.hpp>
#include <catena/result.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace catena::graph {

/// Why a run is no longer wanted; call_context::stop holds one of these.
enum class stop_reason : std::uint8_t { none, failed, cancelled, deadline, exited };

/// Whether a run ends inside the function that began it; Asio forbids calling a handler from there.
enum class ending : bool { later, inside_initiation };
/// Whether a walk that begins has just looked whether the deadline has passed.
enum class has_looked : bool { no, yes };

/// What differs by who began a run: a caller with a completion handler, or a stage of another run.
struct tail_operations {
  /// Hands the outcome over. The run is released by the callee.
  void (*complete)(run&, ending);
  /// Frees what the tail owns without completing, and releases the run: the executor is gone.
  void (*abandon)(run&) noexcept;
  /// Gives the run's memory back to where it came from; the run itself is already destroyed, its tail's memory is intact.
  void (*deallocate)(const plan&, void* memory, std::size_t size) noexcept;
  /// The run around it; null: it is nobody's child.
  run& (*around)(run&) noexcept = nullptr;
  /// Hands a failure over while the run goes on; its own outcome goes to run::answer_of_parked(). Null: it cannot do that.
  void (*park)(run&, failure why) = nullptr;
};

/// A suspended step, in the scratch space of the run's frame.
///
/// The initiator sets phase `starting`, starts, and changes it to `suspended`; the completion exchanges `completed`. Whoever
/// comes second goes on with the run: so an operation that completes at once neither recurses nor runs twice.
struct operation {
  enum class phase : std::uint8_t { starting, suspended, completed, delivered, abandoned };

  operation(run& r, std::uint32_t step_index) noexcept : owner(&r), step(step_index) {}
  operation(const operation&) = delete;
  operation& operator=(const operation&) = delete;

  run* owner;
  std::uint32_t step;
  std::atomic<phase> state{phase::starting};
  bool listed = false;
  bool storage_used = false;  ///< for operation_storage, where there is a byte to spare
  operation* previous = nullptr;  ///< neighbours in the run's list of operations that can be cancelled
  operation* following = nullptr;
};

/// A coroutine that has just finished one suspended stage and can await the next one of its kind, so that a line of
/// coroutine stages costs one spawned coroutine and not one each.
struct driver {
  const void* kind = nullptr;       ///< identifies what it can await; null: it can await nothing more
  const boost::asio::any_io_executor* executor = nullptr;  ///< where it runs
  operation* next = nullptr;        ///< the operation it has been given
  bool open = true;                 ///< the walkers have nothing else to do: what they start now may be given to the driver
  static inline thread_local driver* current = nullptr;
};

/// The moment a run's deadline passes; present in the frame of a run that has one of its own and can suspend.
struct deadline_guard : timer_node {
  run* owner = nullptr;
};

/// One run. Its memory holds, behind this object: the plan's frame, then the tail (who began it), then what only some
/// runs need (deadline guard, trace parent, stage times).
///
/// Two counts end it. `active` counts walkers and awaited operations: at zero the run completes, once. `references`
/// counts those and operations that may outlive the run: at zero the memory goes.
class run : public call_context, public ready_node {
 public:
  struct start_options {
    const run_options& call;    ///< all but its id
    std::uint64_t id = 0;
    const tail_operations* tail = nullptr;
    std::size_t tail_size = 0;
    const boost::asio::any_io_executor* executor = nullptr;
    bool own_deadline = false;  ///< false: who began the run stops it at the deadline
    bool stoppable = false;     ///< someone outside may stop it while it is suspended
    const run* around = nullptr;      ///< whose step it works for; null: it is nobody's child
    std::uint32_t around_step = 0;
    std::uint32_t index = 0;          ///< which of that step's children it is
  };

  [[nodiscard]] static std::size_t size_for(const plan& p, const start_options& options) noexcept;
  /// Makes a run in `memory` of size = size_for(p, options) bytes, with its input slots empty and the tail's memory raw.
  [[nodiscard]] static run* create(const plan& p, const start_options& options, void* memory, std::size_t size) noexcept;
  /// Runs until everything has ended or is suspended. May complete and free the run.
  /// \param now  a reading of the clock from just now, where the caller has one: then it is not read again
  void start(ending how, std::optional<time_point> now = std::nullopt);

  [[nodiscard]] std::byte* at(std::uint32_t offset) noexcept { return reinterpret_cast<std::byte*>(this) + offset; }
  template <class T>
  [[nodiscard]] T* slot(std::uint32_t offset) noexcept {
    return std::launder(reinterpret_cast<T*>(at(offset)));
  }
  template <class Tail>
  [[nodiscard]] Tail& tail() noexcept {
    return *std::launder(reinterpret_cast<Tail*>(at(plan_->frame_size)));
  }
  [[nodiscard]] const tail_operations& began_by() const noexcept { return *tail_; }
  [[nodiscard]] const plan& of() const noexcept { return *plan_; }
  [[nodiscard]] const step_description& description(const step& s) const noexcept {
    return plan_->stages[index_of(s)];
  }
  [[nodiscard]] std::uint32_t index_of(const step& s) const noexcept { return static_cast<std::uint32_t>(&s - plan_->steps.data()); }
  /// What a stage is told of its run.
  [[nodiscard]] call call_in(const step& s) const noexcept { return {*this, index_of(s)}; }
  [[nodiscard]] runtime_state& runtime() const noexcept { return *plan_->runtime; }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return *executor_; }
  /// Whether it runs on the runtime's own executor.
  [[nodiscard]] bool is_at_home() const noexcept { return executor_ == &runtime().ready->executor(); }
  /// The deadline of the whole that this run is a part of; its own may be a stage's timeout.
  [[nodiscard]] time_point request_deadline() const noexcept { return const_cast<run*>(this)->outermost().deadline; }
  /// Before start(): runs on another executor, which lives in the tail.
  void use_executor(const boost::asio::any_io_executor& executor) noexcept { executor_ = &executor; }

  /// Puts the i-th input into the frame, by value or as a pointer to a value that outlives the run.
  template <class T>
  void give_input(std::size_t i, T&& value) {
    const plan_input& input = plan_->inputs[i];
    T* stored = ::new (static_cast<void*>(at(input.offset))) T(std::move(value));
    publish(stored, input.consumers);
  }
  void lend_input(std::size_t i, const void* value) noexcept {
    ::new (static_cast<void*>(at(plan_->inputs[i].offset))) const void*(value);
    borrowed_ |= 1U << i;
  }
  [[nodiscard]] bool borrowed(std::uint32_t input) const noexcept { return (borrowed_ >> input & 1U) != 0; }

  /// Announces a value that has just been constructed in its slot.
  template <class T>
  static void publish(T* value, std::uint32_t consumers) noexcept {
    if constexpr (needs_count<T>) {
      if (consumers == 0) std::destroy_at(value);
      else live_count_of(value).store(consumers, std::memory_order_release);
    }
  }

  /// Ends the run early; the first to call wins. What is suspended is told, what must be awaited is awaited.
  /// \threads on the run's executor
  void stop_with(stop_reason why, failure reason) noexcept;
  void fail(const step& s, failure why) noexcept { stop_with(stop_reason::failed, std::move(why).within(description(s).name)); }
  /// Ends the run with a value of its result type, before its last stage.
  void exit_with(std::shared_ptr<void> value) noexcept;
  [[nodiscard]] bool stopped() const noexcept { return stop.load(std::memory_order_relaxed) != 0; }
  [[nodiscard]] bool stoppable() const noexcept { return stoppable_; }
  [[nodiscard]] stop_reason why_stopped() const noexcept { return static_cast<stop_reason>(stop.load(std::memory_order_acquire)); }
  [[nodiscard]] const failure& reason() const noexcept { return reason_; }

  /// Enters an operation into the list of what can be cancelled; false: the run was stopped, do not start it.
  [[nodiscard]] bool enlist(operation& op) noexcept;
  void delist(operation& op) noexcept;
  /// Says that the operation has been started, and what came meanwhile: `starting` (nothing), `completed` (the step is
  /// done) or `abandoned` (it will never complete). After `starting` the run must not be touched.
  [[nodiscard]] static operation::phase started(operation& op) noexcept {
    // What has completed stays so: a cancellation that is on its way must not take it for one that waits.
    auto was = operation::phase::starting;
    op.state.compare_exchange_strong(was, operation::phase::suspended, std::memory_order_acq_rel);
    return was;
  }
  /// Says that the operation has completed (its output stands in its slot, or the run is stopped): true if the caller
  /// must go on with resume_after, false if the initiator does.
  [[nodiscard]] static bool completed(operation& op) noexcept {
    return op.state.exchange(operation::phase::completed, std::memory_order_acq_rel) == operation::phase::suspended;
  }
  /// Goes on behind a step that had been suspended.
  void resume_after(std::uint32_t step_index);
  /// The same on this thread, which need not be the executor's: for a step that plan::goes_on_anywhere().
  void resume_here_after(std::uint32_t step_index);
  /// Calls node.resume(node, ...) on the run's executor, from any thread, grouped with others where that is possible.
  void resume_on_executor(ready_node& node);
  /// The executor is gone: when everything has ended, the run is freed and not completed.
  void note_abandoned() noexcept;
  /// One thing the run waited for will never complete: its executor is gone.
  void abandon() noexcept;

  /// Completes it as it is now, while work that did not end when it was told goes on by itself; its answers are waste. Only of a
  /// run that is stopped, by somebody who keeps it from completing. False: the runtime has left too much behind already.
  [[nodiscard]] bool leave_behind();
  /// Keeps the run from completing; false if it already has. Ends with retire().
  [[nodiscard]] bool try_retain_active() noexcept;
  void retire(ending how);
  /// Calls f under the run's lock, which also guards the lists of the children of its operations.
  template <class F>
  void guarded(F f) noexcept {
    lock();
    f();
    unlock();
  }
  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;

  [[nodiscard]] bool answered() const noexcept { return why_stopped() == stop_reason::none; }
  /// What it waits for, and the runs inside it.
  /// \param path   of the stage that it is a part of; empty: of none
  /// \threads any, while it cannot end
  void tell_waits(const std::string& path, std::vector<run_report::wait>& to);
  [[nodiscard]] run_report report_of_live();
  /// Nobody waits for it any more, and it may end when the trace is closed: it is a part of that all the same.
  void note_under_way() noexcept;
  [[nodiscard]] bool is_traced() const noexcept { return recording && recording->log; }
  /// Adds an attribute to the span of a step, where that is recorded.
  void note(std::uint32_t step, std::string name, trace_value value) noexcept {
    if (is_traced()) recording->log->add_note(recording->span_of(step), std::move(name), std::move(value));
  }
  void note(std::uint32_t step, const char* name, const char* value) noexcept {
    if (is_traced()) recording->log->add_note(recording->span_of(step), name, std::string(value));
  }
  /// What it hands on itself to work that is done for it.
  [[nodiscard]] trace_context handed_on() const noexcept {
    if (!trace) return {};
    trace_context c = *trace;
    if (recording) c.set_span(recording->shown);
    return c;
  }
  [[nodiscard]] bool answered_or_exited() const noexcept {
    return why_stopped() == stop_reason::none || why_stopped() == stop_reason::exited;
  }
  /// The run failed before its work began: it was refused, or taken out of a queue. Whoever paid for it gets it back.
  [[nodiscard]] bool never_began() const noexcept { return never_began_.load(std::memory_order_acquire); }
  /// Its only stage did not begin; in a run of several stages another one may have.
  void note_never_began() noexcept {
    if (plan_->steps.size() == 1) never_began_.store(true, std::memory_order_release);
  }
  /// The times of the stages, and behind them that of the run; null where nobody records them.
  [[nodiscard]] stage_span* spans() noexcept {
    return recorded_ ? slot<stage_span>(size_ - static_cast<std::uint32_t>((plan_->steps.size() + 1) * sizeof(stage_span))) : nullptr;
  }

  /// An early exit's value, if why_stopped() is `exited`.
  [[nodiscard]] const std::shared_ptr<void>& exit_value() const noexcept { return seldom_->exit_value; }

  /// The run whose stage it is; null: it is nobody's child.
  [[nodiscard]] run* around() noexcept { return tail_->around ? &tail_->around(*this) : nullptr; }
  /// A step of this run, one that is suspended, waits for a person from now on: until unpark(), neither this run nor any around it
  /// has a deadline, and whoever began the outermost one is told at once that it is parked, if he has not been told already.
  /// False: there is nobody who could be told, or it is stopped.
  /// \param path  of the step
  [[nodiscard]] bool park(const std::string& path);
  /// It waits no longer. Those of the runs in which nobody else waits have this deadline.
  void unpark(time_point until) noexcept;
  /// Where its outcome goes once it was parked, or null.
  [[nodiscard]] std::shared_ptr<parked_answer> answer_of_parked() const noexcept { return seldom_ ? seldom_->answer : nullptr; }

  /// What was chosen once for this run, the runs around it, and all that is a part of them; made when it is first asked for.
  [[nodiscard]] std::shared_ptr<pin_table> pins();
  /// Before start(), in a run that is nobody's child: it is a part of the request that these are of.
  void share_pins(std::shared_ptr<pin_table> pins);

 private:
  run(const plan& p, const start_options& options, std::size_t size) noexcept;
  ~run() {
    if (recording) end_recording();
  }

  [[nodiscard]] bool execute_until(const step*& s, const step* last);
  void walk_plain();
  void walk_until_deadline(std::uint64_t began);
  void walk_timed();
  /// \param now  a reading of the clock from just now, or nothing
  void run_ready(std::uint32_t first, ending how, has_looked has, std::optional<time_point> now);
  [[nodiscard]] outcome execute(std::uint32_t index, std::optional<time_point>& now);
  [[nodiscard]] std::optional<time_point> note_end_of(std::uint32_t step) noexcept;
  [[nodiscard]] std::uint32_t push_ready(std::uint32_t index, std::uint32_t list) noexcept;
  [[nodiscard]] std::uint32_t push_successors(std::uint32_t index, std::uint32_t list) noexcept;
  void fail_with_current_exception(std::uint32_t index) noexcept;
  void finish(ending how);
  [[nodiscard]] run& outermost() noexcept;
  [[nodiscard]] deadline_guard& guard() noexcept { return *slot<deadline_guard>(extras_); }
  void arm_deadline_locked();
  void make_seldom();
  void stop_locked(stop_reason why) noexcept;
  void begin_recording(const start_options& options, std::byte* where) noexcept;
  void end_recording() noexcept;
  void count_end(std::span<const stage_span> stages) noexcept;
  void report() noexcept;
  void end_left_behind() noexcept;
  void lock() noexcept;
  void unlock() noexcept { lock_.clear(std::memory_order_release); }
  static void deadline_passed(timer_node& node, wake how);

  const plan* plan_;
  const tail_operations* tail_;
  const boost::asio::any_io_executor* executor_;
  std::atomic<std::uint32_t> references_{1};
  std::atomic<std::uint32_t> active_{1};
  std::uint32_t borrowed_ = 0;
  std::atomic_flag lock_;
  std::atomic<bool> abandoned_{false};
  bool stoppable_;
  bool guarded_;   ///< has a deadline_guard, the first thing behind the tail
  bool armed_ = false;
  const bool recorded_;  ///< has stage_spans, the last thing of all
  bool left_behind_ = false;
  bool is_whole_ = true;   ///< it is counted as a run of its chain; the one around it is not
  std::atomic<bool> never_began_{false};
  std::uint32_t size_;
  std::uint32_t extras_;  ///< offset of what is behind the tail
  failure reason_;
  /// What few runs have, so that it costs the others one pointer. Made under the lock.
  struct seldom {
    std::shared_ptr<void> exit_value;
    std::shared_ptr<pin_table> pins;
    std::shared_ptr<parked_answer> answer;
    std::uint32_t parked = 0;  ///< how many steps in it wait for a person
  };
  std::unique_ptr<seldom> seldom_;
  operation* operations_ = nullptr;
};

inline void intrusive_ptr_add_ref(run* r) noexcept { r->retain(); }
inline void intrusive_ptr_release(run* r) noexcept { r->release(); }

/// The first offset of a frame: behind the run itself.
inline constexpr std::uint32_t frame_begin = (sizeof(run) + 15) / 16 * 16;

}  // namespace catena::graph
