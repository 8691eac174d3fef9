// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Warms what a chain needs, all of it at once.
#include <catena/graph/plan.hpp>
#include <catena/runtime.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace catena::detail {

/// Completes a handler with void(result<void>) when all has arrived that is needed, or when it is cancelled.
template <class Handler>
class warm_up_operation final : public arrival, public std::enable_shared_from_this<warm_up_operation<Handler>> {
 public:
  warm_up_operation(Handler&& handler, std::shared_ptr<runtime_state> runtime, std::vector<std::shared_ptr<graph::need>> needs)
      : runtime_(std::move(runtime)), needs_(std::move(needs)), handler_(std::move(handler)), work_(executor()) {}

  void begin() {
    if (auto slot = boost::asio::get_associated_cancellation_slot(*handler_); slot.is_connected())
      slot.assign([weak = this->weak_from_this()](boost::asio::cancellation_type) {
        if (const auto self = weak.lock()) self->told(failure(errc::cancelled));
      });
    graph::bring_all(needs_, this->shared_from_this());
  }

  [[nodiscard]] bool still_waits() const noexcept override {
    const std::lock_guard lock(mutex_);
    return handler_.has_value();
  }

  /// Who comes first is the outcome.
  void told(result<void> outcome) override {
    std::unique_lock lock(mutex_);
    if (!handler_) return;
    const auto to = executor();
    Handler handler = std::move(*handler_);
    handler_.reset();
    [[maybe_unused]] const auto held = std::move(work_);  // until the handler has been posted
    work_.reset();
    lock.unlock();
    boost::asio::post(to, [handler = std::move(handler), outcome = std::move(outcome)]() mutable {
      if (auto slot = boost::asio::get_associated_cancellation_slot(handler); slot.is_connected()) slot.clear();
      std::move(handler)(std::move(outcome));
    });
  }

 private:
  [[nodiscard]] auto executor() const {
    return boost::asio::get_associated_executor(*handler_, runtime_->ready->executor());
  }

  const std::shared_ptr<runtime_state> runtime_;
  const std::vector<std::shared_ptr<graph::need>> needs_;
  mutable std::mutex mutex_;
  std::optional<Handler> handler_;
  std::optional<held_work_for<Handler>> work_;
};

/// Brings what is needed; the token's signature is void(result<void>).
template <class Token>
auto async_bring(std::shared_ptr<runtime_state> runtime, std::vector<std::shared_ptr<graph::need>> needs, Token&& token) {
  return boost::asio::async_initiate<Token, void(result<void>)>(
      [](auto handler, std::shared_ptr<runtime_state> of, std::vector<std::shared_ptr<graph::need>> all) {
        std::make_shared<warm_up_operation<decltype(handler)>>(std::move(handler), std::move(of), std::move(all))->begin();
      },
      token, std::move(runtime), std::move(needs));
}

/// Warms what a plan needs.
template <class Token>
auto async_warm_up(const graph::plan_ptr& plan, Token&& token) {
  return async_bring(plan->runtime, plan->needs, std::forward<Token>(token));
}

}  // namespace catena::detail
