// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a service makes one of: the executor, the time, the compute threads and the sinks that its chains share.
#include <catena/incident/parking_store.hpp>
#include <catena/log.hpp>
#include <catena/observe/sink.hpp>
#include <catena/result.hpp>
#include <catena/runtime/state.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <string_view>
#include <vector>

namespace catena {

class metric_set;

namespace detail {
/// Completes a handler on an executor, which it keeps busy until then.
template <class Executor, class Handler>
[[nodiscard]] std::shared_ptr<drain_waiter> make_drain_waiter(Executor executor, Handler handler);
}  // namespace detail

/// A shared handle on everything that chains and models need. There are no globals; two runtimes share nothing.
/// Fork safety is not promised: fork before the first runtime is made, or exec right after.
/// \threads   safe
/// \lifetime  pinned by chains, models and runs; the order in which handles are destroyed does not matter
class runtime {
 public:
  /// Runs are resumed on `executor` unless their completion token brings another.
  /// \errors  std::invalid_argument naming the option that is out of range
  explicit runtime(boost::asio::any_io_executor executor, runtime_options options = {})
      : state_(runtime_state::create(std::move(executor), std::move(options))) {}

  [[nodiscard]] boost::asio::any_io_executor get_executor() const { return state_->ready->executor(); }
  [[nodiscard]] time_point now() const noexcept { return state_->time->now(); }

  /// What is measured, as it is now: of the runs of chains where there is runtime_options::metrics, and of models, caches and all
  /// else that lives on this runtime. See observe/metric_set.hpp.
  [[nodiscard]] metric_set metrics() const;

  /// How many answers came too late for anybody to want them.
  [[nodiscard]] std::uint64_t wasted_count() const noexcept { return state_->wasted_count(); }

  /// How much goes on that nobody waits for any more; see runtime_options::most_left_behind.
  [[nodiscard]] std::size_t left_behind_count() const noexcept { return state_->left_behind_count(); }

  /// Decides how a parked run goes on. A token is good for one decision.
  /// \errors  errc::no_such_token: it is unknown, has been used, or its run waits no longer; errc::invalid_input: that stage cannot go
  ///          on like that, and the token stays good
  result<void> decide(std::string_view token, decision d) const;
  /// Which runs wait for a decision.
  [[nodiscard]] std::vector<parked_record> parked() const;

  /// Stops new runs (they fail with errc::shutting_down) and waits for those in flight. For a parked run nobody decides any more: its
  /// stage fails with errc::shutting_down.
  /// \errors  errc::deadline_exceeded when some still run at the deadline; they are left running
  template <class Token>
  auto async_drain(time_point deadline, Token&& token) const {
    return boost::asio::async_initiate<Token, void(result<void>)>(
        [](auto handler, std::shared_ptr<runtime_state> state, time_point until) {
          auto executor = boost::asio::get_associated_executor(handler, state->ready->executor());
          state->wait_for_runs(until, detail::make_drain_waiter(std::move(executor), std::move(handler)));
        },
        token, state_, deadline);
  }

  /// Throws catena::error where async_drain fails.
  [[nodiscard]] boost::asio::awaitable<void> drain(time_point deadline = no_deadline) const {
    return drain_with(*this, deadline);
  }

  /// Lets other ready work go first: resumes at the back of the runtime's ready queue, on the runtime's executor.
  template <class Token>
  auto async_yield(Token&& token) const;

  /// Waits until a moment of the runtime's time source, virtual in a manual world.
  /// \cancel  total
  template <class Token>
  auto async_wait_until(time_point when, Token&& token) const;

  [[nodiscard]] const std::shared_ptr<runtime_state>& state() const noexcept { return state_; }

 private:
  static boost::asio::awaitable<void> drain_with(runtime self, time_point deadline) {
    result<void> done = co_await self.async_drain(deadline, boost::asio::use_awaitable);
    done.value();
  }

  std::shared_ptr<runtime_state> state_;
};

}  // namespace catena

#include <catena/runtime/operations.hpp>
