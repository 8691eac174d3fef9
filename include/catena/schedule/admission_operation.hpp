// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The asynchronous operation of an admission. Included by admission.hpp.
#include <catena/schedule/admission.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <utility>

namespace catena {
namespace detail {

/// Counts a request among the runtime's runs, so that drain waits for it.
class counted_request {
 public:
  explicit counted_request(runtime_state& runtime, const run_options& options) noexcept
      : runtime_(runtime.begin_run(options.part_of ? work_kind::old : work_kind::fresh) ? &runtime : nullptr) {}
  counted_request(const counted_request&) = delete;
  counted_request& operator=(const counted_request&) = delete;
  ~counted_request() {
    if (runtime_) runtime_->end_run();
  }
  /// False while the runtime drains.
  [[nodiscard]] bool is_counted() const noexcept { return runtime_ != nullptr; }

 private:
  runtime_state* runtime_;
};

/// A request that completes a handler. Whoever takes it out of the line posts its completion, and it lives until that runs,
/// on the handler's executor, where its slot may be touched.
template <class Handler>
struct admit_operation : admission_request {
  using memory = operation_memory<admit_operation, Handler>;
  Handler handler;
  std::shared_ptr<admission_core> core;
  counted_request counted;
  [[no_unique_address]] held_work_for<Handler> work;

  admit_operation(Handler&& h, std::shared_ptr<admission_core> of, std::int64_t tokens, const run_options& options)
      : handler(std::move(h)), core(std::move(of)), counted(*core->desk->runtime(), options), work(executor()) {
    group = &core->group;
    cost = tokens;
    deadline = options.deadline;
    priority = options.priority;
    decided = [](admission_request& r) { static_cast<admit_operation&>(r).finish(); };
    abandon = [](admission_request& r) noexcept { (void)memory::release(static_cast<admit_operation*>(&r)); };
  }

  [[nodiscard]] auto executor() const {
    return boost::asio::get_associated_executor(handler, core->desk->runtime()->ready->executor());
  }

  void begin() {
    if (!counted.is_counted()) return finish(errc::shutting_down);
    const time_point now = core->time.now();
    time_point moment{};
    if (deadline > now && core->try_take(cost, priority, now, moment)) {
      admitted = true;
      return finish();
    }
    if (auto slot = boost::asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
      slot.assign([this, desk = core->desk](boost::asio::cancellation_type) {
        if (desk->withdraw(*this)) finish(errc::cancelled);
      });
    }
    const auto pinned = core->desk;
    if (!pinned->enter(*this)) abandon(*this);
  }

 private:
  void finish(errc code) {
    why.code = code;
    finish();
  }
  void finish() { boost::asio::post(executor(), completion(*this)); }

  class completion {
   public:
    explicit completion(admit_operation& op) noexcept : op_(&op) {}
    completion(completion&& other) noexcept : op_(std::exchange(other.op_, nullptr)) {}
    completion& operator=(completion&&) = delete;
    ~completion() {
      if (!op_) return;
      if (op_->admitted) op_->core->refund(op_->cost);  // nobody is left to use it
      (void)memory::release(op_);
    }
    void operator()() {
      if (auto slot = boost::asio::get_associated_cancellation_slot(op_->handler); slot.is_connected()) slot.clear();
      result<permit> outcome = op_->outcome();
      Handler ready = memory::release(std::exchange(op_, nullptr));
      std::move(ready)(std::move(outcome));
    }

   private:
    admit_operation* op_;
  };

  [[nodiscard]] result<permit> outcome() {
    if (admitted) return admission::permit_of(*core, cost);
    return core->why(why);
  }
};

}  // namespace detail

template <class Token>
auto admission::async_admit(std::int64_t cost, const run_options& options, Token&& token) const {
  return boost::asio::async_initiate<Token, void(result<permit>)>(
      [](auto handler, std::shared_ptr<detail::admission_core> core, std::int64_t tokens, run_options asked) {
        using operation = detail::admit_operation<decltype(handler)>;
        operation::memory::create(std::move(handler), std::move(core), tokens, asked)->begin();
      },
      token, core_, cost, options);
}

inline boost::asio::awaitable<permit> admission::admit_with(admission self, std::int64_t cost, run_options options) {
  result<permit> outcome = co_await self.async_admit(cost, options, boost::asio::use_awaitable);
  co_return std::move(outcome).value();
}

}  // namespace catena
