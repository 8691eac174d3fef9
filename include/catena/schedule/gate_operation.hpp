// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The asynchronous operation of a gate: async_admit, async_enter.
#include <catena/result.hpp>
#include <catena/runtime.hpp>
#include <catena/schedule/gate.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace catena::detail {

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

/// A request at a gate that completes a handler with what Gate::grant() makes of its passage. Whoever takes it out of the line
/// posts its completion, and it lives until that runs, on the handler's executor, where its slot may be touched.
template <gate Gate, class Handler>
struct gate_operation : Gate::passage {
  using passage = typename Gate::passage;
  using granted = decltype(Gate::grant(std::declval<const passage&>()));
  using memory = operation_memory<gate_operation, Handler>;
  Handler handler;
  Gate through;
  counted_request counted;
  [[no_unique_address]] held_work_for<Handler> work;
  std::optional<errc> instead;  ///< why it ends without the gate's decision

  gate_operation(Handler&& h, const Gate& at, std::int64_t asked, const run_options& options)
      : passage(at, {.cost = asked, .deadline = options.deadline, .priority = options.priority}),
        handler(std::move(h)),
        through(at),
        counted(*at.belongs_to(), options),
        work(executor()) {}

  [[nodiscard]] auto executor() const {
    return boost::asio::get_associated_executor(handler, through.belongs_to()->ready->executor());
  }

  void begin() {
    if (!counted.is_counted()) return finish(errc::shutting_down);
    if (this->try_pass()) return finish();
    if (auto slot = boost::asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
      slot.assign([this, pinned = through](boost::asio::cancellation_type) {
        if (this->withdraw()) finish(errc::cancelled);
      });
    }
    const auto pinned = through;
    if (!this->wait(&decided, &abandoned)) abandoned(*this);
  }

 private:
  static void decided(passage& p) { static_cast<gate_operation&>(p).finish(); }
  static void abandoned(passage& p) noexcept { (void)memory::release(static_cast<gate_operation*>(&p)); }

  void finish(errc code) {
    instead = code;
    finish();
  }
  void finish() { boost::asio::post(executor(), completion(*this)); }

  class completion {
   public:
    explicit completion(gate_operation& op) noexcept : op_(&op) {}
    completion(completion&& other) noexcept : op_(std::exchange(other.op_, nullptr)) {}
    completion& operator=(completion&&) = delete;
    ~completion() {
      if (!op_) return;
      if (op_->passed()) op_->ended(never_began);  // nobody is left to use it
      (void)memory::release(op_);
    }
    void operator()() {
      if (auto slot = boost::asio::get_associated_cancellation_slot(op_->handler); slot.is_connected()) slot.clear();
      result<granted> outcome = op_->outcome();
      Handler ready = memory::release(std::exchange(op_, nullptr));
      std::move(ready)(std::move(outcome));
    }

   private:
    gate_operation* op_;
  };

  [[nodiscard]] result<granted> outcome() {
    if (instead) return failure(*instead);
    if (!this->passed()) return this->why();
    return Gate::grant(*this);
  }
};

/// Asks a gate, and completes with result<what it grants>.
template <gate Gate, class Token>
auto async_pass(const Gate& through, std::int64_t cost, const run_options& options, Token&& token) {
  using granted = decltype(Gate::grant(std::declval<const typename Gate::passage&>()));
  return boost::asio::async_initiate<Token, void(result<granted>)>(
      [](auto handler, Gate at, std::int64_t asked, run_options how) {
        using operation = gate_operation<Gate, decltype(handler)>;
        operation::memory::create(std::move(handler), at, asked, how)->begin();
      },
      token, through, cost, options);
}

}  // namespace catena::detail
