// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage that is a coroutine: spawned once for a line of coroutine stages, awaited one after the other.
#include <catena/chain/steps/launch.hpp>
#include <catena/chain/steps/operation_step.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace catena::detail {

/// A suspended coroutine stage, erased but for what the coroutine answers.
template <class Answered, class Executor>
struct coroutine_operation : cancellable_operation, ready_node {
  using cancellable_operation::cancellable_operation;
  using coroutine = boost::asio::awaitable<Answered, Executor>;
  coroutine (*call_stage)(coroutine_operation&) = nullptr;
  void (*end)(coroutine_operation&) noexcept = nullptr;
  void (*abandon)(coroutine_operation&) noexcept = nullptr;
  void (*go_on)(coroutine_operation&) = nullptr;  ///< what its resumption does, once its coroutine has returned
  bool away = false;    ///< runs on another executor than its run
  work_elsewhere work;  ///< held while it is away
  void reset() noexcept {
    cancellable_operation::reset();
    work.drop();
  }
};

template <class Operation>
inline constexpr char driver_kind = 0;

/// Goes on with the run behind an ended stage; returns the next coroutine stage if the walk came to one of this kind at
/// its end.
template <class Operation>
Operation* walk_on(Operation& op) {
  if (!graph::run::completed(op)) return nullptr;
  graph::run& r = *op.owner;
  const std::uint32_t index = op.step;
  // One that was begun on a strand has that strand and the operation's cancellation slot, which end here; one that went
  // on elsewhere has returned.
  const bool reusable = !op.serial && !op.go_on;
  op.end(op);
  graph::driver driver{.kind = reusable ? &driver_kind<Operation> : nullptr, .executor = &r.executor()};
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

/// walk_on for a stage that ran on another executor: the run goes on on its own. The strand goes before, as a strand must
/// not outlive its context.
template <class Operation>
void walk_home(Operation& op) {
  op.left = true;
  op.owner->delist(op);
  op.serial.reset();
  go_on_elsewhere<Operation>(op, [](Operation& self) { (void)walk_on(self); },
                             [](Operation& self) { self.owner->resume_on_executor(self); });
}

/// Whether the coroutine ended on a thread that does not run its executor, as after `co_await post(bind_executor(other, ...))`.
template <class Operation>
bool has_strayed(const Operation& op) noexcept {
  if (!op.serial && op.owner->is_at_home()) return op.owner->runtime().ready->home().where() == whereabouts::outside;
  return home_executor::where(op.executor()) == whereabouts::outside;
}

/// Ends a stage that has strayed: first it goes back to its executor.
template <class Operation>
void walk_back(Operation& op) {
  go_on_elsewhere<Operation>(op,
                             [](Operation& self) {
                               if (self.away) walk_home(self);
                               else (void)walk_on(self);
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
  explicit driven(Operation* op) noexcept : op_(op) {}
  driven(const driven&) = delete;
  driven& operator=(const driven&) = delete;
  ~driven() {
    if (op_) lose(*op_);
  }
  [[nodiscard]] Operation* operator->() const noexcept { return op_; }
  [[nodiscard]] Operation& operator*() const noexcept { return *op_; }
  void now_at(Operation* op) noexcept { op_ = op; }

 private:
  Operation* op_;
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
    if constexpr (moved) {
      op.away = true;
      op.work.hold(r);
      op.serial = std::make_unique<boost::asio::any_io_executor>(
          boost::asio::make_strand(static_cast<const stage_data*>(s.stage)->on));
    }
    if (!r.enlist(op)) {
      op.reset();
      release_inputs(r, s);
      return graph::outcome::stopped;
    }
    auto* const driver = graph::driver::current;
    if (!moved && driver && driver->open && !driver->next && driver->kind == &driver_kind<operation> && !op.serial &&
        driver->executor == &r.executor()) {
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
    request.cancel = &cancellable_operation::cancel;
    request.result_optional = std::is_same_v<output, unit>;
    if constexpr (!std::is_void_v<typename traits::exit>) chain.add_exit(graph::value_type_of<typename traits::exit>, request.name);
  }

 private:
  static typename operation::coroutine call_stage(operation& op) {
    graph::run& r = *op.owner;
    const auto& s = op.its_step();
    const F& f = static_cast<const stage_data*>(s.stage)->f;
    return pass<demands>(inputs(r, s), [&](auto&&... refs) {
      if constexpr (traits::with_call) return f(call(r), std::forward<decltype(refs)>(refs)...);
      else return f(std::forward<decltype(refs)>(refs)...);
    });
  }

  /// Begins the coroutine on the operation's executor: on its strand where the run can be stopped from outside.
  static void spawn(operation& op) {
    if (op.serial) boost::asio::dispatch(*op.serial, turn<coroutine_step, operation>(op));
    else begin(op);
  }

  friend class turn<coroutine_step, operation>;
  static void drop(operation& op) noexcept { lose(op); }
  static void begin(operation& op) {
    const auto slot = op.owner->stoppable() ? op.signal.slot() : boost::asio::cancellation_slot();
    launch(executor(op.executor()), drive(&op), slot);
  }
};

}  // namespace catena::detail
