// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The runtime's own asynchronous operations: yield, wait, drain. Included by runtime.hpp.
#include <catena/runtime.hpp>

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/executor.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/prefer.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace catena {
namespace detail {

/// Memory from a handler's associated allocator for one operation that owns the handler.
template <class Operation, class Handler>
struct operation_memory {
  using allocator = typename std::allocator_traits<
      boost::asio::associated_allocator_t<Handler>>::template rebind_alloc<Operation>;

  template <class... Args>
  static Operation* create(Handler&& handler, Args&&... args) {
    allocator a(boost::asio::get_associated_allocator(handler));
    auto* memory = std::allocator_traits<allocator>::allocate(a, 1);
    return ::new (static_cast<void*>(memory)) Operation(std::move(handler), std::forward<Args>(args)...);
  }
  /// Frees the operation and gives its handler back: memory goes before the upcall, as Asio promises.
  static Handler release(Operation* operation) {
    Handler handler(std::move(operation->handler));
    allocator a(boost::asio::get_associated_allocator(handler));
    operation->~Operation();
    std::allocator_traits<allocator>::deallocate(a, operation, 1);
    return handler;
  }
};

/// Keeps a handler's executor from running out of work while the operation waits elsewhere. An erased executor is that of
/// a run or of a coroutine, which keep it busy themselves.
template <class Executor>
struct held_work {
  explicit held_work(const Executor& executor) : guard(executor) {}
  boost::asio::executor_work_guard<Executor> guard;
};
/// Its own work guard does not compile for a strand of an erased executor (Asio 1.26).
template <class Executor>
  requires boost::asio::execution::is_executor<Executor>::value
struct held_work<Executor> {
  using tracked = decltype(boost::asio::prefer(std::declval<const Executor&>(), boost::asio::execution::outstanding_work.tracked));
  explicit held_work(const Executor& executor)
      : guard(boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked)) {}
  tracked guard;
};
template <>
struct held_work<boost::asio::any_io_executor> {
  explicit held_work(const boost::asio::any_io_executor&) noexcept {}
};

template <class Handler>
using held_work_for = held_work<boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>>;

template <class Handler>
struct yield_operation : ready_node {
  using memory = operation_memory<yield_operation, Handler>;
  Handler handler;
  const boost::asio::any_io_executor& executor;
  [[no_unique_address]] held_work_for<Handler> work;

  yield_operation(Handler&& h, const boost::asio::any_io_executor& queue_executor)
      : handler(std::move(h)),
        executor(queue_executor),
        work(boost::asio::get_associated_executor(handler, queue_executor)) {
    resume = [](ready_node& node, wake how) {
      auto& self = static_cast<yield_operation&>(node);
      const auto& home = self.executor;
      [[maybe_unused]] const auto held = self.work;
      Handler ready = memory::release(&self);
      if (how == wake::abandoned) return;
      auto wanted = boost::asio::get_associated_executor(ready, home);
      if constexpr (std::same_as<decltype(wanted), boost::asio::any_io_executor>) {
        if (wanted == home) {
          std::move(ready)();
          return;
        }
      }
      boost::asio::dispatch(wanted, std::move(ready));
    };
  }
};

/// A wait for a moment. The timer and a cancellation may come at once: whoever takes the node out of the heap posts the
/// completion, and the operation lives until that runs, on the handler's executor, where its slot may be touched.
template <class Handler>
struct wait_operation : timer_node {
  using memory = operation_memory<wait_operation, Handler>;
  Handler handler;
  std::shared_ptr<runtime_state> runtime;
  [[no_unique_address]] held_work_for<Handler> work;

  wait_operation(Handler&& h, std::shared_ptr<runtime_state> r, time_point moment)
      : handler(std::move(h)), runtime(std::move(r)), work(executor()) {
    when = moment;
    fire = [](timer_node& node, wake how) {
      auto& self = static_cast<wait_operation&>(node);
      if (how == wake::resumed) finish(self, {});
      else (void)memory::release(&self);
    };
  }

  [[nodiscard]] auto executor() const { return boost::asio::get_associated_executor(handler, runtime->ready->executor()); }

  static void finish(wait_operation& self, boost::system::error_code ec) {
    const auto executor = self.executor();
    boost::asio::post(executor, completion(self, ec));
  }

 private:
  class completion {
   public:
    completion(wait_operation& op, boost::system::error_code ec) noexcept : op_(&op), ec_(ec) {}
    completion(completion&& other) noexcept : op_(std::exchange(other.op_, nullptr)), ec_(other.ec_) {}
    completion& operator=(completion&&) = delete;
    ~completion() {
      if (op_) (void)memory::release(op_);
    }
    void operator()() {
      auto slot = boost::asio::get_associated_cancellation_slot(op_->handler);
      if (slot.is_connected()) slot.clear();
      Handler ready = memory::release(std::exchange(op_, nullptr));
      std::move(ready)(ec_);
    }

   private:
    wait_operation* op_;
    boost::system::error_code ec_;
  };
};

template <class Executor, class Handler>
std::shared_ptr<drain_waiter> make_drain_waiter(Executor executor, Handler handler) {
  struct waiter final : drain_waiter {
    waiter(Executor e, Handler h) : guard(std::move(e)), handler(std::move(h)) {
      context = &boost::asio::query(boost::asio::any_io_executor(guard.get_executor()), boost::asio::execution::context);
    }
    void complete(result<void> outcome) override {
      boost::asio::post(guard.get_executor(), [h = std::move(handler), outcome = std::move(outcome)]() mutable {
        std::move(h)(std::move(outcome));
      });
      guard.reset();
    }
    boost::asio::executor_work_guard<Executor> guard;
    Handler handler;
  };
  return std::make_shared<waiter>(std::move(executor), std::move(handler));
}

}  // namespace detail

template <class Token>
auto runtime::async_yield(Token&& token) const {
  return boost::asio::async_initiate<Token, void()>(
      [](auto handler, std::shared_ptr<runtime_state> state) {
        using operation = detail::yield_operation<decltype(handler)>;
        ready_queue& queue = *state->ready;
        queue.push(*operation::memory::create(std::move(handler), queue.executor()));
      },
      token, state_);
}

template <class Token>
auto runtime::async_wait_until(time_point when, Token&& token) const {
  return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
      [](auto handler, std::shared_ptr<runtime_state> state, time_point moment) {
        using operation = detail::wait_operation<decltype(handler)>;
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        auto* waiting = operation::memory::create(std::move(handler), state, moment);
        if (slot.is_connected()) {
          // Not kept by it: a slot that is never cleared would have the alarm ring on when the runtime is gone.
          slot.assign([waiting, weak = std::weak_ptr(state->timers)](boost::asio::cancellation_type) {
            const auto timers = weak.lock();
            if (timers && timers->remove(*waiting)) operation::finish(*waiting, boost::asio::error::operation_aborted);
          });
        }
        state->timers->add(*waiting);
      },
      token, state_, when);
}

}  // namespace catena
