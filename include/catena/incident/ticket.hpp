// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the caller of a parked run is given: a claim on its answer.
#include <catena/graph/value.hpp>
#include <catena/result.hpp>
#include <catena/runtime.hpp>
#include <catena/runtime/arrival.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace catena {

/// Where the answer of a parked run will be. It is kept as long as there is a ticket for it.
/// \threads  safe
class parked_answer {
 public:
  parked_answer(std::uint64_t run, boost::asio::any_io_executor home) : run_(run), home_(std::move(home)) {}

  [[nodiscard]] std::uint64_t run() const noexcept { return run_; }
  [[nodiscard]] const boost::asio::any_io_executor& home() const noexcept { return home_; }

  /// The run has ended; `answer` is a result<T>.
  void come(std::shared_ptr<void> answer, const graph::value_type& type) noexcept {
    std::shared_ptr<arrival> waiter;
    {
      const std::lock_guard lock(mutex_);
      answer_ = std::move(answer);
      type_ = &type;
      waiter = std::move(waiter_);
    }
    if (waiter) waiter->told({});
  }
  /// The executor is gone, and the run with it.
  void abandon() noexcept {
    std::shared_ptr<arrival> waiter;  // destroyed under no lock
    const std::lock_guard lock(mutex_);
    gone_ = true;
    waiter = std::move(waiter_);
  }
  /// Tells when it is there; a second one who waits, and one who comes when it was abandoned, is told of an error.
  void wait(std::shared_ptr<arrival> who) {
    result<void> outcome;
    {
      const std::lock_guard lock(mutex_);
      if (!type_ && !waiter_ && !gone_) {
        waiter_ = std::move(who);
        return;
      }
      if (!type_)
        outcome = gone_ ? failure(errc::cancelled, "its executor is gone")
                        : failure(errc::invalid_input, "somebody waits for this answer already");
    }
    who->told(std::move(outcome));
  }
  void leave(const arrival* who) noexcept {
    std::shared_ptr<arrival> waiter;
    const std::lock_guard lock(mutex_);
    if (waiter_.get() == who) waiter = std::move(waiter_);
  }
  template <class T>
  [[nodiscard]] result<T> take() {
    const std::lock_guard lock(mutex_);
    if (type_ != &graph::value_type_of<T>)
      return failure(errc::invalid_input, "the run answers " + std::string(type_->name) + ", not " + std::string(type_name<T>()));
    if (!answer_) return failure(errc::invalid_input, "the answer has been taken");
    const auto answer = std::exchange(answer_, nullptr);
    return std::move(*static_cast<result<T>*>(answer.get()));
  }

 private:
  const std::uint64_t run_;
  const boost::asio::any_io_executor home_;
  std::mutex mutex_;
  std::shared_ptr<void> answer_;
  const graph::value_type* type_ = nullptr;  ///< set once the answer has come
  std::shared_ptr<arrival> waiter_;
  bool gone_ = false;
};

namespace detail {

/// Completes a handler with the answer of a parked run, or when it is cancelled.
template <class T, class Handler>
class answer_operation final : public arrival, public std::enable_shared_from_this<answer_operation<T, Handler>> {
 public:
  answer_operation(Handler&& handler, std::shared_ptr<parked_answer> of) : of_(std::move(of)), handler_(std::move(handler)), work_(executor()) {}

  void begin() {
    if (auto slot = boost::asio::get_associated_cancellation_slot(*handler_); slot.is_connected())
      slot.assign([weak = this->weak_from_this()](boost::asio::cancellation_type) {
        if (const auto self = weak.lock()) {
          self->of_->leave(self.get());
          self->told(failure(errc::cancelled));
        }
      });
    of_->wait(this->shared_from_this());
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
    boost::asio::post(to, [handler = std::move(handler), outcome = std::move(outcome), of = of_]() mutable {
      if (auto slot = boost::asio::get_associated_cancellation_slot(handler); slot.is_connected()) slot.clear();
      result<T> answer = outcome ? of->template take<T>() : result<T>(outcome.error());
      std::move(handler)(std::move(answer));
    });
  }

 private:
  [[nodiscard]] auto executor() const { return boost::asio::get_associated_executor(*handler_, of_->home()); }

  const std::shared_ptr<parked_answer> of_;
  std::mutex mutex_;
  std::optional<Handler> handler_;
  std::optional<held_work_for<Handler>> work_;
};

}  // namespace detail

/// A claim on the answer of a parked run: what the chain would have answered. A cheap shared handle.
///
///     fraud.async_run(p, [](result<decision> r) {
///       if (const auto later = ticket::of(r)) later->async_answer<decision>(tell_the_customer);
///     });
class ticket {
 public:
  /// The one in a failure with errc::parked.
  [[nodiscard]] static std::optional<ticket> of(const failure& why) {
    return why.parked() ? std::optional(ticket(why.parked())) : std::nullopt;
  }
  template <class T>
  [[nodiscard]] static std::optional<ticket> of(const result<T>& answered) {
    return answered.has_error() ? of(answered.error()) : std::nullopt;
  }

  /// The run's number.
  [[nodiscard]] std::uint64_t run() const noexcept { return answer_->run(); }

  /// Waits until the run has ended, and takes its answer, which there is once; the token's signature is `void(result<T>)`.
  /// \cancel  total: the run goes on
  /// \errors  those of the run; errc::invalid_input: T is not what the chain answers, or somebody else has the answer or waits for it
  template <class T, class Token>
  auto async_answer(Token&& token) const {
    return boost::asio::async_initiate<Token, void(result<T>)>(
        [](auto handler, std::shared_ptr<parked_answer> of) {
          std::make_shared<detail::answer_operation<T, decltype(handler)>>(std::move(handler), std::move(of))->begin();
        },
        token, answer_);
  }
  /// Throws catena::error where async_answer fails.
  template <class T>
  [[nodiscard]] boost::asio::awaitable<T> answer() const {
    return answer_with<T>(*this);
  }

 private:
  explicit ticket(std::shared_ptr<parked_answer> answer) noexcept : answer_(std::move(answer)) {}
  template <class T>
  static boost::asio::awaitable<T> answer_with(ticket self) {
    result<T> answered = co_await self.template async_answer<T>(boost::asio::use_awaitable);
    co_return std::move(answered).value();
  }

  std::shared_ptr<parked_answer> answer_;
};

}  // namespace catena
