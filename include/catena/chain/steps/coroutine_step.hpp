// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage that is a coroutine: spawned once for a line of coroutine stages, awaited one after the other.
#include <catena/chain/steps/launch.hpp>
#include <catena/chain/steps/operation_step.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace catena::detail {

/// A suspended coroutine stage, erased but for what the coroutine answers.
template <class Answered, class Executor>
struct coroutine_operation : graph::operation, ready_node {
  using operation::operation;
  using coroutine = boost::asio::awaitable<Answered, Executor>;
  coroutine (*call_stage)(coroutine_operation&) = nullptr;
  void (*end)(coroutine_operation&) noexcept = nullptr;
  void (*abandon)(coroutine_operation&) noexcept = nullptr;
  void (*go_on)(coroutine_operation&) = nullptr;  ///< what its resumption does, once its coroutine has returned
  serial_line_ptr line;  ///< shared by the stages that one coroutine awaits; null: nothing stops it, and it runs where its run does
  bool away = false;    ///< runs on another executor than its run
  bool left = false;    ///< it is over, and on its way from there to its run; touched where the line runs
  work_elsewhere work;  ///< held while it is away
  work_abroad abroad;   ///< the same: its run may have left it behind

  [[nodiscard]] const graph::step& its_step() const noexcept { return owner->of().steps[this->step]; }
  [[nodiscard]] bool has_strand() const noexcept { return line && line->strand; }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return has_strand() ? line->strand : owner->executor(); }

  /// Frees what it holds. The base stays readable, for a cancellation that is already on its way.
  void reset() noexcept {
    line.reset();
    work.drop();
    abroad.drop();
  }

  /// graph::step_description::cancel: emits the signal where the line runs.
  static bool cancel(graph::operation& base) {
    auto& self = static_cast<coroutine_operation&>(base);
    struct emit {
      boost::intrusive_ptr<graph::run> pinned;
      coroutine_operation* operation;
      void operator()() const {
        const auto state = operation->state.load(std::memory_order_acquire);
        if (operation->left || (state != phase::suspended && state != phase::starting)) return;
        const serial_line_ptr told = operation->line;  // it may end by what it is told
        told->told = true;
        told->signal.emit(boost::asio::cancellation_type::terminal);
      }
    };
    boost::asio::post(self.executor(), emit{self.owner, &self});
    return false;
  }
};

template <class Operation>
inline constexpr char driver_kind = 0;

/// A coroutine between two stages.
struct coroutine_driver : graph::driver {
  serial_line* line = nullptr;

  /// The driver of this thread, if it can await an operation of this type next, for this run.
  template <class Operation>
  [[nodiscard]] static coroutine_driver* find(const graph::run& r) noexcept {
    auto* const here = current;
    if (!here || !here->open || here->next || here->kind != &driver_kind<Operation> || here->executor != &r.executor()) return nullptr;
    auto* const found = static_cast<coroutine_driver*>(here);
    return found->line || !r.stoppable() ? found : nullptr;
  }
};

/// Goes on with the run behind an ended stage; returns the next coroutine stage if the walk came to one of this kind at
/// its end.
template <class Operation>
Operation* walk_on(Operation& op) {
  if (!graph::run::completed(op)) return nullptr;
  graph::run& r = *op.owner;
  const std::uint32_t index = op.step;
  // One that went on elsewhere has returned, and one that was told to stop would tell the next one.
  const bool reusable = !op.go_on && !(op.line && op.line->told);
  coroutine_driver driver;
  driver.kind = reusable ? &driver_kind<Operation> : nullptr;
  driver.executor = &r.executor();
  driver.line = op.line.get();
  op.end(op);
  struct restore {
    graph::driver* outer;
    ~restore() { graph::driver::current = outer; }
  } restoring{std::exchange(graph::driver::current, &driver)};
  r.resume_after(index);
  return static_cast<Operation*>(driver.next);
}

/// Calls `go_on` on the executor that `post` brings the operation to; abandons the operation if that one is gone.
template <class Operation, class Post>
void go_on_elsewhere(Operation& op, void (*go_on)(Operation&), Post post) {
  op.go_on = go_on;
  op.resume = [](ready_node& node, wake how) {
    auto& self = static_cast<Operation&>(node);
    const boost::intrusive_ptr<graph::run> pinned(self.owner, false);
    if (how == wake::resumed) self.go_on(self);
    else self.abandon(self);
  };
  op.owner->retain();
  post(op);
}

/// walk_on for a stage that ran on another executor: the run goes on on its own. Its strand goes before, as a strand must not
/// outlive its context.
template <class Operation>
void walk_home(Operation& op) {
  op.left = true;
  op.owner->delist(op);
  op.line.reset();
  go_on_elsewhere<Operation>(op, [](Operation& self) { (void)walk_on(self); },
                             [](Operation& self) { self.owner->resume_on_executor(self); });
}

/// Whether the coroutine ended on a thread that does not run its executor, as after `co_await post(bind_executor(other, ...))`.
template <class Operation>
bool has_strayed(const Operation& op) noexcept {
  if (!op.has_strand() && op.owner->is_at_home()) return op.owner->runtime().ready->home().where() == whereabouts::outside;
  return home_executor::where(op.executor()) == whereabouts::outside;
}

/// Ends a stage that has strayed: first it goes back to its executor.
template <class Operation>
void walk_back(Operation& op) {
  go_on_elsewhere<Operation>(op,
                             [](Operation& self) {
                               if (self.away) return walk_home(self);
                               const serial_line_ptr line = self.line;  // what comes next runs on it, and its coroutine has returned
                               (void)walk_on(self);
                             },
                             [](Operation& self) { boost::asio::post(self.executor(), resumption(self)); });
}

/// The operation's executor is gone. Where that is not the run's own, the run goes on without it.
template <class Operation>
void lose(Operation& op) noexcept {
  if (!op.away) return op.abandon(op);
  op.owner->fail(op.its_step(), failure(errc::cancelled, "the stage's executor is gone"));
  walk_home(op);
}

/// The operation a spawned coroutine is at; when the coroutine is destroyed before it has completed, its executor is gone.
template <class Operation>
class driven {
 public:
  explicit driven(Operation* op) noexcept : op_(op), line_(op->line) {}
  driven(const driven&) = delete;
  driven& operator=(const driven&) = delete;
  ~driven() {
    if (op_) lose(*op_);
  }
  [[nodiscard]] Operation* operator->() const noexcept { return op_; }
  [[nodiscard]] Operation& operator*() const noexcept { return *op_; }
  [[nodiscard]] bool has_line() const noexcept { return line_ != nullptr; }
  void now_at(Operation* op) noexcept { op_ = op; }

 private:
  Operation* op_;
  serial_line_ptr line_;
};

template <class Answered, class Executor>
launched<Executor> drive(coroutine_operation<Answered, Executor>* first) {
  using operation = coroutine_operation<Answered, Executor>;
  driven<operation> op(first);
  for (;;) {
    std::exception_ptr thrown;
    try {
      auto coroutine = op->call_stage(*op);
      if constexpr (std::is_void_v<Answered>) {
        co_await std::move(coroutine);
        (void)deliver<unit>::to(*op->owner, op->its_step(), unit{});
      } else {
        (void)deliver<Answered>::to(*op->owner, op->its_step(), co_await std::move(coroutine));
      }
    } catch (...) {
      thrown = std::current_exception();
    }
    if (thrown) op->owner->fail(op->its_step(), failure::from(std::move(thrown)));
    operation* const done = &*op;
    op.now_at(nullptr);
    if (has_strayed(*done)) {
      walk_back(*done);
      co_return;
    }
    if (done->away) {
      walk_home(*done);
      co_return;
    }
    operation* const next = walk_on(*done);
    if (!next) co_return;
    op.now_at(next);
    // What a stage has said of its own cancellation does not hold for the next one.
    co_await boost::asio::this_coro::throw_if_cancelled(true);
    if (op.has_line()) co_await boost::asio::this_coro::reset_cancellation_state();
  }
}

template <class F, class On, class... In>
struct coroutine_step {
  using traits = callable<F, In...>;
  using demands = demands_for<F, In...>;
  using output = typename traits::value;
  using executor = typename awaitable_traits<std::decay_t<typename traits::returned>>::executor;
  using operation = coroutine_operation<typename traits::answered, executor>;
  using inputs = arguments<passing::dynamic, In...>;
  static constexpr bool moved = std::is_convertible_v<On, boost::asio::any_io_executor>;

  struct stage_data {
    F f;
    On on;
  };

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    auto& op = *::new (static_cast<void*>(r.at(r.description(s).scratch)))
                   operation(r, static_cast<std::uint32_t>(&s - r.of().steps.data()));
    op.call_stage = &call_stage;
    op.end = &end_operation<coroutine_step, operation>;
    op.abandon = &abandon_step<coroutine_step, operation>;
    coroutine_driver* const driver = moved ? nullptr : coroutine_driver::find<operation>(r);
    if (driver) op.line = driver->line;
    else if (moved || r.stoppable()) begin_line(op, r, s);
    if (!r.enlist(op)) {
      op.reset();
      release_inputs(r, s);
      return graph::outcome::stopped;
    }
    if (driver) {
      driver->next = &op;
      op.state.store(graph::operation::phase::suspended, std::memory_order_relaxed);
      return graph::outcome::suspended;
    }
    spawn(op);
    return finish_start<coroutine_step>(r, s, op);
  }

  static void prepare(graph::builder& chain, graph::stage_request& request, F f, On on = {}) {
    expect_executor(chain, request.name, on);
    request.kind = "coroutine";
    request.demands = demand_list<demands>();
    request.type = &graph::value_type_of<output>;
    request.fixed = request.dynamic = &execute;
    request.stage = std::make_shared<const stage_data>(stage_data{std::move(f), std::move(on)});
    request.scratch_size = sizeof(operation);
    request.suspends = true;
    request.cancel = &operation::cancel;
    request.result_optional = std::is_same_v<output, unit>;
    if constexpr (!std::is_void_v<typename traits::exit>) chain.add_exit(graph::value_type_of<typename traits::exit>, request.name);
  }

 private:
  static typename operation::coroutine call_stage(operation& op) {
    graph::run& r = *op.owner;
    const auto& s = op.its_step();
    const F& f = static_cast<const stage_data*>(s.stage)->f;
    return pass<demands>(inputs(r, s), [&](auto&&... refs) {
      if constexpr (traits::with_call) return f(r.call_in(s), std::forward<decltype(refs)>(refs)...);
      else return f(std::forward<decltype(refs)>(refs)...);
    });
  }

  static void begin_line(operation& op, graph::run& r, [[maybe_unused]] const graph::step& s) {
    if constexpr (moved) {
      op.line = new serial_line;
      op.line->strand = boost::asio::make_strand(static_cast<const stage_data*>(s.stage)->on);
      op.away = true;
      op.work.hold(r);
      op.abroad.hold(r);
    } else {
      op.line = line_for(r);
    }
  }

  /// Begins the coroutine on the operation's executor: on a strand where the run can be stopped from outside.
  static void spawn(operation& op) {
    if (op.has_strand()) boost::asio::dispatch(op.executor(), turn<coroutine_step, operation>(op));
    else begin(op);
  }

  friend class turn<coroutine_step, operation>;
  static void drop(operation& op) noexcept { lose(op); }
  static void begin(operation& op) {
    const serial_line_ptr line = op.line;
    const auto slot = op.owner->stoppable() ? line->signal.slot() : boost::asio::cancellation_slot();
    launch(executor(op.executor()), drive(&op), slot);
    // Who stopped the run before had nobody to tell.
    if (line && line->told) line->signal.emit(boost::asio::cancellation_type::terminal);
  }
};

}  // namespace catena::detail
