// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How a run is begun by a completion handler, and how it ends in it.
#include <catena/graph/run.hpp>
#include <catena/incident/ticket.hpp>

#include <boost/asio/append.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/use_future.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace catena::detail {

/// Takes a completed run's outcome out of its frame.
template <class Out>
result<Out> take_result(graph::run& r) {
  switch (r.why_stopped()) {
    case graph::stop_reason::none: {
      Out* value = r.slot<Out>(r.of().result);
      result<Out> taken(std::move(*value));
      graph::release_value(value);
      return taken;
    }
    case graph::stop_reason::exited: return std::move(*std::static_pointer_cast<Out>(r.exit_value()));
    default: return r.reason().within(r.of().name);
  }
}

/// The same, or the failure of a value whose move throws; the run destroys what it leaves behind.
template <class Out>
result<Out> take_outcome(graph::run& r) {
  try {
    return take_result<Out>(r);
  } catch (...) {
    return failure::from(std::current_exception()).within(r.of().name);
  }
}

/// Hands the outcome of a run to whoever has a ticket for it, its caller having gone long ago.
template <class Out>
void end_parked(graph::run& r) {
  r.answer_of_parked()->come(std::make_shared<result<Out>>(take_outcome<Out>(r)), graph::value_type_of<Out>);
  r.of().run_ended();
  r.runtime().end_run();
}

/// Gives frames back to the plan they belong to.
inline void return_frame(const graph::plan& p, void* memory, std::size_t size) noexcept { p.frames.deallocate(memory, size); }

/// The run whose initiating function is on this thread's stack right now.
class initiation {
 public:
  explicit initiation(const graph::run& r) noexcept : outer_(std::exchange(current_, &r)) {}
  initiation(const initiation&) = delete;
  initiation& operator=(const initiation&) = delete;
  ~initiation() { current_ = outer_; }
  [[nodiscard]] static graph::ending of(const graph::run& r) noexcept {
    return current_ == &r ? graph::ending::inside_initiation : graph::ending::later;
  }

 private:
  static inline thread_local const graph::run* current_ = nullptr;
  const graph::run* outer_;
};

/// Begins a run on its executor; destroyed unused, it tells the run that the executor is gone.
class start_run {
 public:
  explicit start_run(graph::run& r) noexcept : run_(&r) {}
  start_run(start_run&& other) noexcept : run_(std::exchange(other.run_, nullptr)) {}
  start_run(const start_run&) = delete;
  start_run& operator=(start_run&&) = delete;
  ~start_run() {
    if (run_) run_->abandon();
  }
  void operator()() {
    graph::run& r = *std::exchange(run_, nullptr);
    r.start(initiation::of(r));
  }

 private:
  graph::run* run_;
};

template <class A, class B>
inline constexpr bool same_template = false;
template <template <class...> class Template, class... A, class... B>
inline constexpr bool same_template<Template<A...>, Template<B...>> = true;

/// The executor of a future's handler: the system's, but for catching what is thrown into it.
using future_executor =
    boost::asio::associated_executor_t<boost::asio::async_completion<boost::asio::use_future_t<>, void(int)>::completion_handler_type>;

/// An executor on which whatever is dispatched runs at once, on any thread: it asks for none in particular.
template <class Executor>
inline constexpr bool runs_anywhere = same_template<Executor, future_executor> || std::same_as<Executor, boost::asio::system_executor>;

/// Whether the handler says where the run is to run.
template <class Handler>
inline constexpr bool has_executor =
    (!std::same_as<boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>, boost::asio::any_io_executor> ||
     !std::same_as<boost::asio::associated_executor_t<Handler, boost::asio::system_executor>, boost::asio::system_executor>) &&
    !runs_anywhere<boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>>;

/// What a handler's allocator is asked for, as it aligns for the type: run::size_for() is a multiple of it.
struct alignas(std::max_align_t) frame_unit {
  std::byte bytes[alignof(std::max_align_t)];
};

template <class Handler>
using frame_allocator = typename std::allocator_traits<boost::asio::associated_allocator_t<Handler>>::template rebind_alloc<frame_unit>;

template <class Handler>
inline constexpr bool has_allocator = !std::same_as<frame_allocator<Handler>, std::allocator<frame_unit>>;

/// Whom a run tells what it says beside its answer.
struct aside {
  explicit aside(const run_options& options) noexcept : notes(options.notes), part_of(options.part_of) {}
  void take(const graph::run& r) const noexcept {
    if (!r.degraded) return;
    if (notes) notes->degraded = true;
    // A run tells its stages of itself as of something constant, but it is not.
    if (part_of) const_cast<graph::call_context*>(part_of)->degraded = true;
  }
  run_notes* notes;
  const graph::call_context* part_of;
};

/// What a run keeps for the one who began it.
template <class Handler, class Out>
struct root_tail {
  struct nothing {};
  // First, and trivially reachable after the rest is destroyed: the memory goes back through it last.
  [[no_unique_address]] std::conditional_t<has_allocator<Handler>, frame_allocator<Handler>, nothing> allocator;
  [[no_unique_address]] std::conditional_t<has_executor<Handler>, boost::asio::any_io_executor, nothing> executor;
  /// Keeps an executor other than the runtime's from running out of work while the run waits elsewhere.
  [[no_unique_address]] std::conditional_t<has_executor<Handler>, boost::asio::any_io_executor, nothing> work;
  std::optional<Handler> handler;  ///< none: the run was parked
  aside notes;
  /// The frame may outlive what the handler's allocator takes from: it is the plan's.
  [[no_unique_address]] std::conditional_t<has_allocator<Handler>, bool, nothing> outlives{};

  static void complete(graph::run& r, graph::ending how) {
    if (how == graph::ending::inside_initiation) return complete_later(r);
    auto& tail = r.tail<root_tail>();
    if (!tail.handler) {
      end_parked<Out>(r);
      return end(r, tail);
    }
    Handler handler(std::move(*tail.handler));
    if (auto slot = boost::asio::get_associated_cancellation_slot(handler); slot.is_connected()) slot.clear();
    result<Out> outcome = take_outcome<Out>(r);
    tail.notes.take(r);
    r.of().run_ended();
    r.runtime().end_run();
    end(r, tail);
    std::move(handler)(std::move(outcome));
  }

  /// The handler is called, and the run goes on without it.
  static void park(graph::run& r, failure why) {
    auto& tail = r.tail<root_tail>();
    Handler handler(std::move(*tail.handler));
    tail.handler.reset();
    tail.notes = aside(run_options{});
    if (auto slot = boost::asio::get_associated_cancellation_slot(handler); slot.is_connected()) slot.clear();
    boost::asio::post(r.executor(), boost::asio::append(std::move(handler), result<Out>(std::move(why))));
  }

  static void complete_later(graph::run& r) {
    r.resume = [](ready_node& node, wake woken) {
      auto& self = static_cast<graph::run&>(node);
      if (woken == wake::resumed) complete(self, graph::ending::later);
      else abandon(self);
    };
    if (r.is_at_home()) r.runtime().ready->home().post(r);
    else boost::asio::post(r.executor(), resumption(r));
  }

  static void abandon(graph::run& r) noexcept {
    auto& tail = r.tail<root_tail>();
    // A cancellation slot may keep the run's memory longer than the executor's context lives, which a strand must not.
    if constexpr (has_executor<Handler>) tail.executor = {};
    if (const auto answer = r.answer_of_parked()) answer->abandon();
    r.of().run_ended();
    r.runtime().end_run();
    end(r, tail);
  }

  static void end(graph::run& r, root_tail& tail) noexcept {
    tail.handler.reset();
    if constexpr (has_executor<Handler>) tail.work = {};
    r.release();
  }

  static void deallocate(const graph::plan& p, void* memory, std::size_t size) noexcept {
    auto* tail = std::launder(reinterpret_cast<root_tail*>(static_cast<std::byte*>(memory) + p.frame_size));
    if constexpr (has_allocator<Handler>) {
      const bool of_the_plan = tail->outlives;
      auto allocator = std::move(tail->allocator);
      tail->~root_tail();
      if (of_the_plan) return return_frame(p, memory, size);
      std::allocator_traits<frame_allocator<Handler>>::deallocate(allocator, static_cast<frame_unit*>(memory), size / sizeof(frame_unit));
    } else {
      tail->~root_tail();
      return_frame(p, memory, size);
    }
  }

  static constexpr graph::tail_operations operations{&complete, &abandon, &deallocate, nullptr, &park};
};

/// Stops the run when its caller cancels. The signal is emitted on the run's executor, as Asio asks.
class cancel_run {
 public:
  explicit cancel_run(graph::run& r) noexcept : run_(&r) { run_->retain(); }
  cancel_run(const cancel_run&) = delete;
  cancel_run& operator=(const cancel_run&) = delete;
  ~cancel_run() { run_->release(); }
  void operator()(boost::asio::cancellation_type) const {
    if (!run_->try_retain_active()) return;
    run_->stop_with(graph::stop_reason::cancelled, failure(errc::cancelled));
    run_->retire(graph::ending::later);
  }

 private:
  graph::run* run_;
};

/// What a run started meanwhile must not be given to the coroutine that is walking on this thread: a completion handler
/// may start a run and then throw, and the coroutine would end without it.
class without_driver {
 public:
  without_driver() noexcept : outer_(std::exchange(graph::driver::current, nullptr)) {}
  without_driver(const without_driver&) = delete;
  without_driver& operator=(const without_driver&) = delete;
  ~without_driver() { graph::driver::current = outer_; }

 private:
  graph::driver* outer_;
};

/// Runs what is ready, inline if this thread runs the run's executor.
inline void begin_root(graph::run& r) {
  const without_driver scope;
  switch (r.is_at_home() ? r.runtime().ready->home().where() : whereabouts::unknown) {
    case whereabouts::inside: return r.start(graph::ending::inside_initiation);
    case whereabouts::outside:
      r.resume = [](ready_node& node, wake how) {
        auto& self = static_cast<graph::run&>(node);
        if (how == wake::resumed) self.start(graph::ending::later);
        else self.abandon();
      };
      return r.runtime().ready->push(r);
    case whereabouts::unknown: {
      const initiation here(r);
      return r.executor().execute(start_run(r));
    }
  }
}

/// Whether a run with these options works for a run of the same runtime.
inline work_kind kind_of(const run_options& options, const runtime_state& runtime) noexcept {
  const auto* around = static_cast<const graph::run*>(options.part_of);
  return around && &around->runtime() == &runtime ? work_kind::old : work_kind::fresh;
}

/// Before start(): what is chosen once for a request is chosen once for this run too, if it works for another one.
inline void join_request(graph::run& r, const run_options& options) {
  if (!options.part_of) return;
  if (r.of().parks.empty()) r.retries_left = options.part_of->retries_left;  // else it may outlive the run around it
  if (!r.runtime().pins_choices()) return;
  // A run tells its stages of itself as of something constant, but it is not.
  auto& around = const_cast<graph::run&>(static_cast<const graph::run&>(*options.part_of));
  r.share_pins(around.pins());
}

template <class In, class Out, class Handler>
void start_root(const graph::plan_ptr& plan, In&& in, const run_options& options, Handler handler) {
  using tail = root_tail<Handler, Out>;
  runtime_state& runtime = *plan->runtime;
  const auto& home = runtime.ready->executor();
  const std::uint64_t number = runtime.begin_run(kind_of(options, runtime));
  if (number == 0) {
    auto executor = boost::asio::get_associated_executor(handler, home);
    result<Out> refused = failure(errc::shutting_down).within(plan->name);
    boost::asio::post(executor, boost::asio::append(std::move(handler), std::move(refused)));
    return;
  }
  plan->run_began();
  auto slot = boost::asio::get_associated_cancellation_slot(handler);
  const bool parks = !plan->parks.empty();  // then it may have a deadline later
  const bool deadline = options.deadline != no_deadline || parks;
  const graph::run::start_options start{.call = options,
                                        .id = options.id != 0 ? options.id : number,
                                        .tail = &tail::operations,
                                        .tail_size = sizeof(tail),
                                        .executor = &home,
                                        .own_deadline = deadline && !plan->sequential,
                                        .stoppable = deadline || slot.is_connected()};
  const std::size_t size = graph::run::size_for(*plan, start);
  graph::run* r = nullptr;
  try {
    if constexpr (has_allocator<Handler>) {
      frame_allocator<Handler> allocator(boost::asio::get_associated_allocator(handler));
      void* memory = parks ? plan->frames.allocate(size)
                           : std::allocator_traits<frame_allocator<Handler>>::allocate(allocator, size / sizeof(frame_unit));
      r = graph::run::create(*plan, start, memory, size);
      ::new (static_cast<void*>(&r->tail<tail>())) tail{allocator, {}, {}, std::move(handler), aside(options), parks};
    } else {
      r = graph::run::create(*plan, start, plan->frames.allocate(size), size);
      ::new (static_cast<void*>(&r->tail<tail>())) tail{{}, {}, {}, std::move(handler), aside(options)};
    }
    if constexpr (has_executor<Handler>) {
      auto& t = r->tail<tail>();
      t.executor = boost::asio::any_io_executor(boost::asio::get_associated_executor(*t.handler, home));
      if (t.executor != home) {
        r->use_executor(t.executor);
        t.work = boost::asio::prefer(t.executor, boost::asio::execution::outstanding_work.tracked);
      }
    }
    join_request(*r, options);
    r->give_input(0, std::move(in));
    if (slot.is_connected()) slot.template emplace<cancel_run>(*r);
  } catch (...) {
    // No memory, or an input whose move throws: nothing has begun.
    if (r) {
      tail::abandon(*r);
    } else {
      plan->run_ended();
      runtime.end_run();
    }
    throw;
  }
  begin_root(*r);
}

/// What a run keeps that is walked to its end by the function that began it.
template <class Out>
struct sequential_tail {
  std::optional<result<Out>>* outcome;
  aside notes;

  static void complete(graph::run& r, graph::ending) {
    const auto& tail = r.tail<sequential_tail>();
    tail.outcome->emplace(take_outcome<Out>(r));
    tail.notes.take(r);
    r.runtime().end_run();
    r.release();
  }
  static void abandon(graph::run& r) noexcept { r.release(); }
  static constexpr graph::tail_operations operations{&complete, &abandon, &return_frame};
};

/// Runs a plan that cannot suspend, here and now.
template <class In, class Out>
result<Out> run_sequential(const graph::plan& plan, In&& in, const run_options& options) {
  using tail = sequential_tail<Out>;
  runtime_state& runtime = *plan.runtime;
  const std::uint64_t number = runtime.begin_run(kind_of(options, runtime));
  if (number == 0) return failure(errc::shutting_down).within(plan.name);
  const graph::run::start_options start{.call = options,
                                        .id = options.id != 0 ? options.id : number,
                                        .tail = &tail::operations,
                                        .tail_size = sizeof(tail),
                                        .executor = &runtime.ready->executor(),
                                        .own_deadline = false,
                                        .stoppable = false};
  const std::size_t size = graph::run::size_for(plan, start);
  std::optional<result<Out>> outcome;
  graph::run* r = nullptr;
  try {
    r = graph::run::create(plan, start, plan.frames.allocate(size), size);
    ::new (static_cast<void*>(&r->tail<tail>())) tail{&outcome, aside(options)};
    join_request(*r, options);
    r->give_input(0, std::move(in));
  } catch (...) {
    if (r) r->release();
    runtime.end_run();
    throw;
  }
  r->start(graph::ending::later);
  return *std::move(outcome);
}

}  // namespace catena::detail
