// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage that is an Asio operation: anything that takes a completion token last.
#include <catena/chain/steps/arguments.hpp>
#include <catena/runtime/memory_slot.hpp>
#include <catena/runtime/serial_line.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/strand.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <utility>

namespace catena::detail {

/// An empty any_io_executor would crash the first run.
template <class On>
void expect_executor(graph::builder& chain, const std::string& stage, const On& on) {
  if constexpr (std::is_same_v<On, boost::asio::any_io_executor>) {
    if (!on) chain.fault("stage '" + stage + "': .on() is given an empty executor");
  }
}

/// Keeps a run's executor from running out of work while one of its stages waits elsewhere, and outlives that executor.
/// A run on another executor than the runtime's keeps that one busy itself.
class work_elsewhere {
 public:
  work_elsewhere() = default;
  work_elsewhere(const work_elsewhere&) = delete;
  work_elsewhere& operator=(const work_elsewhere&) = delete;

  void hold(const graph::run& r) noexcept {
    if (!r.is_at_home()) return;
    queue_ = r.runtime().ready.get();
    queue_->hold_work();
  }
  void drop() noexcept {
    if (auto* queue = std::exchange(queue_, nullptr)) queue->drop_work();
  }

 private:
  ready_queue* queue_ = nullptr;  ///< pinned by the run
};

/// The same for a run that is on another executor than the runtime's, where that run may complete before: it keeps that one busy no longer.
class work_abroad {
 public:
  void hold(const graph::run& r) {
    if (r.is_at_home()) return;
    using boost::asio::any_io_executor;
    work_ = std::make_unique<any_io_executor>(boost::asio::prefer(r.executor(), boost::asio::execution::outstanding_work.tracked));
  }
  void drop() noexcept { work_.reset(); }

 private:
  std::unique_ptr<boost::asio::any_io_executor> work_;  ///< few have one
};

/// For what is cancelled through a slot, in a run that may be stopped from outside: slots are not thread-safe, so one thing after the
/// other must happen to it.
[[nodiscard]] inline serial_line_ptr line_for(const graph::run& r) {
  if (r.is_at_home()) return r.runtime().lines->take(r.runtime().ready->home());
  serial_line_ptr line(new serial_line);
  line->strand = boost::asio::make_strand(r.executor());
  return line;
}

/// A suspended operation that is cancelled through a slot.
struct cancellable_operation : graph::operation {
  cancellable_operation(graph::run& r, std::uint32_t index) : operation(r, index) {
    if (r.stoppable()) line = line_for(r);
  }

  [[nodiscard]] bool has_strand() const noexcept { return line && line->strand; }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return has_strand() ? line->strand : owner->executor(); }
  [[nodiscard]] const graph::step& its_step() const noexcept { return owner->of().steps[this->step]; }

  /// Frees what it holds. The base stays readable, for a cancellation that is already on its way.
  void reset() noexcept { line.reset(); }

  /// graph::step_description::cancel: emits the signal where nothing else happens meanwhile.
  static bool cancel(graph::operation& base) {
    auto& self = static_cast<cancellable_operation&>(base);
    struct emit {
      boost::intrusive_ptr<graph::run> pinned;
      cancellable_operation* operation;
      void operator()() const {
        const auto state = operation->state.load(std::memory_order_acquire);
        if (state != phase::suspended && state != phase::starting) return;
        const serial_line_ptr told = operation->line;  // it may end by what it is told
        told->told = true;
        told->signal.emit(boost::asio::cancellation_type::terminal);
      }
    };
    boost::asio::post(self.executor(), emit{self.owner, &self});
    return false;
  }

  serial_line_ptr line;  ///< null: nothing stops it, and it runs where its run does
};

/// A memory_slot in the frame, for what an operation allocates through its handler.
struct operation_storage : cancellable_operation {
  using cancellable_operation::cancellable_operation;
  static constexpr std::size_t size = 64;
  alignas(std::max_align_t) std::byte bytes[size];
  [[nodiscard]] bool& used() noexcept { return storage_used; }
};

/// The line of what is cancelled through a slot; nothing else has one.
template <class Operation>
[[nodiscard]] auto line_of(const Operation& op) noexcept {
  if constexpr (requires { op.line; }) return op.line;
  else return nullptr;
}

/// Ends a suspended step: frees its operation and goes on with the run, unless the initiator does.
/// `Step` says how its inputs are released.
template <class Step, class Operation>
void complete_step(Operation& op) {
  if (!graph::run::completed(op)) return;
  graph::run& r = *op.owner;
  const std::uint32_t index = op.step;
  [[maybe_unused]] const auto line = line_of(op);  // what comes next runs on it: until then nobody else shall
  end_operation<Step>(op);
  r.resume_after(index);
}

template <class Step, class Operation>
void end_operation(Operation& op) noexcept {
  graph::run& r = *op.owner;
  r.delist(op);
  Step::release_inputs(r, op.its_step());
  op.reset();
}

/// The other half: what the initiator does once the operation has been started.
template <class Step, class Operation>
graph::outcome finish_start(graph::run& r, const graph::step& s, Operation& op) {
  switch (graph::run::started(op)) {
    case graph::operation::phase::starting: return graph::outcome::suspended;
    case graph::operation::phase::abandoned:
      r.fail(s, failure(errc::stage_failed, "the operation dropped its completion handler while it was started"));
      [[fallthrough]];
    default: end_operation<Step>(op); return r.stopped() ? graph::outcome::stopped : graph::outcome::done;
  }
}

/// A suspended step will never complete: frees its operation and abandons the run, unless its initiator must.
template <class Step, class Operation>
void abandon_step(Operation& op) noexcept {
  if (op.state.exchange(graph::operation::phase::abandoned, std::memory_order_acq_rel) != graph::operation::phase::suspended)
    return;
  graph::run& r = *op.owner;
  end_operation<Step>(op);
  r.abandon();
}

/// The operation's turn on its executor, to be started there by `Step::begin`; destroyed unused, it tells `Step::drop`.
template <class Step, class Operation>
class turn {
 public:
  explicit turn(Operation& op) noexcept : op_(&op) {}
  turn(turn&& other) noexcept : op_(std::exchange(other.op_, nullptr)) {}
  turn& operator=(turn&&) = delete;
  ~turn() {
    if (op_) Step::drop(*op_);
  }
  void operator()() { Step::begin(*std::exchange(op_, nullptr)); }

 private:
  Operation* op_;
};

/// The operation whose initiating function this thread is calling, and whether it has dropped its handler uncalled.
class initiating {
 public:
  explicit initiating(const graph::operation& op) noexcept : op_(&op), outer_(std::exchange(current_, this)) {}
  initiating(const initiating&) = delete;
  initiating& operator=(const initiating&) = delete;
  ~initiating() { current_ = outer_; }
  [[nodiscard]] bool dropped() const noexcept { return dropped_; }
  /// True if the operation is being initiated on this thread: then its initiator ends it.
  [[nodiscard]] static bool drop(const graph::operation& op) noexcept {
    for (initiating* i = current_; i; i = i->outer_)
      if (i->op_ == &op) return i->dropped_ = true;
    return false;
  }

 private:
  static inline thread_local initiating* current_ = nullptr;
  const graph::operation* op_;
  initiating* outer_;
  bool dropped_ = false;
};

/// The completion handler given to the operation. Destroyed uncalled, it abandons the run: the executor is gone.
template <class Step>
class step_handler {
 public:
  using executor_type = boost::asio::any_io_executor;
  using allocator_type = slot_allocator<std::byte, operation_storage>;
  using cancellation_slot_type = boost::asio::cancellation_slot;

  explicit step_handler(operation_storage& op) noexcept : op_(&op) {}
  step_handler(step_handler&& other) noexcept : op_(std::exchange(other.op_, nullptr)) {}
  step_handler& operator=(step_handler&&) = delete;
  ~step_handler() {
    if (op_ && !initiating::drop(*op_)) abandon_step<Step>(*op_);
  }

  [[nodiscard]] const executor_type& get_executor() const noexcept { return op_->executor(); }
  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(*op_); }
  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept {
    return op_->owner->stoppable() ? op_->line->signal.slot() : cancellation_slot_type();
  }

  template <class... Args>
  void operator()(Args&&... args) {
    operation_storage& op = *std::exchange(op_, nullptr);
    graph::run& r = *op.owner;
    const graph::step& s = op.its_step();
    try {
      settle(r, s, std::forward<Args>(args)...);
    } catch (...) {
      r.fail(s, failure::from(std::current_exception()));
    }
    complete_step<Step>(op);
  }

 private:
  using output = typename Step::output;

  template <class... Args>
  static void settle(graph::run& r, const graph::step& s, boost::system::error_code ec, Args&&... args) {
    if (ec) r.fail(s, ec == boost::asio::error::operation_aborted ? failure(errc::cancelled) : failure(ec));
    else emplace_output<output>(r, s, std::forward<Args>(args)...);
  }
  template <class... Args>
  static void settle(graph::run& r, const graph::step& s, std::exception_ptr e, Args&&... args) {
    if (e) r.fail(s, failure::from(std::move(e)));
    else emplace_output<output>(r, s, std::forward<Args>(args)...);
  }
  template <class T>
  static void settle(graph::run& r, const graph::step& s, result<T> answered) {
    (void)deliver<result<T>>::to(r, s, std::move(answered));
  }
  template <class... Args>
  static void settle(graph::run& r, const graph::step& s, Args&&... args) {
    emplace_output<output>(r, s, std::forward<Args>(args)...);
  }

  operation_storage* op_;
};

template <class F, class... In>
struct operation_step {
  using traits = callable<F, In...>;
  using demands = demands_for<F, In...>;
  using output = typename traits::value;
  using inputs = arguments<passing::dynamic, In...>;

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    const auto& about = r.description(s);
    auto& op = *::new (static_cast<void*>(r.at(about.scratch)))
                   operation_storage(r, static_cast<std::uint32_t>(&s - r.of().steps.data()));
    if (!r.enlist(op)) {
      op.reset();
      release_inputs(r, s);
      return graph::outcome::stopped;
    }
    if (op.has_strand()) boost::asio::dispatch(op.executor(), turn<operation_step, operation_storage>(op));
    else begin(op);
    return finish_start<operation_step>(r, s, op);
  }

  static void prepare(graph::builder&, graph::stage_request& request, F f) {
    request.kind = "operation";
    request.demands = demand_list<demands>();
    request.type = &graph::value_type_of<output>;
    request.fixed = request.dynamic = &execute;
    request.stage = std::make_shared<const F>(std::move(f));
    request.scratch_size = sizeof(operation_storage);
    request.suspends = true;
    request.cancel = &cancellable_operation::cancel;
    request.result_optional = std::is_same_v<output, unit>;
  }

  static void drop(operation_storage& op) noexcept { abandon_step<operation_step>(op); }

  /// Calls the operation's initiating function. One that throws, or drops its handler, has failed; while it still has the
  /// handler somewhere, that one ends the step.
  static void begin(operation_storage& op) {
    graph::run& r = *op.owner;
    const graph::step& s = op.its_step();
    const F& f = *static_cast<const F*>(s.stage);
    const initiating here(op);
    const serial_line_ptr line = op.line;
    std::exception_ptr thrown;
    try {
      pass<demands>(inputs(r, s), [&](auto&&... refs) {
        if constexpr (traits::with_call) f(r.call_in(s), std::forward<decltype(refs)>(refs)..., step_handler<operation_step>(op));
        else f(std::forward<decltype(refs)>(refs)..., step_handler<operation_step>(op));
      });
    } catch (...) {
      thrown = std::current_exception();
    }
    // Who stopped the run before had nobody to tell.
    if (line && line->told) line->signal.emit(boost::asio::cancellation_type::terminal);
    if (!here.dropped()) return;  // the run may be gone already
    r.fail(s, thrown ? failure::from(std::move(thrown))
                     : failure(errc::stage_failed, "the operation dropped its completion handler while it was started"));
    complete_step<operation_step>(op);
  }
};

}  // namespace catena::detail
