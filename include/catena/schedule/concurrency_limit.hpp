// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How many requests may be in flight at the entry of a chain or a model, and what becomes of the others.
#include <catena/call.hpp>
#include <catena/result.hpp>
#include <catena/runtime.hpp>
#include <catena/schedule/gate_operation.hpp>
#include <catena/schedule/limit_line.hpp>
#include <catena/schedule/limit_policies.hpp>
#include <catena/schedule/line_desk.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace catena {

struct concurrency_limit_options {
  std::string name = "limit";              ///< for messages
  limit_policy policy = fixed_limit{};     ///< who decides how many; also there: aimd_limit, gradient_limit, or your own
  std::size_t line_capacity = 0;           ///< requests that may wait, 0 to 1048576; zero: refused at once
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const concurrency_limit_options& options);

namespace detail {

/// What handles of one limit share, and slots pin.
class limit_core : public line_desk<limit_line>, public metric_source {
 public:
  limit_core(std::shared_ptr<runtime_state> runtime, const concurrency_limit_options& options);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Takes a place if there is one and nobody waits who goes before.
  [[nodiscard]] bool try_enter(priority p) noexcept { return line().places().try_take(p); }
  /// Gives the place of a request back that was let in.
  void leave(request_outcome outcome, duration latency);

  [[nodiscard]] std::size_t limit() const noexcept { return places().limit.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t in_flight() const noexcept { return places().in_flight.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t waiting_count() const;
  /// Why one is refused that finds no place.
  [[nodiscard]] refusal refuse(priority p) const;
  [[nodiscard]] failure why(const refusal& r) const;
  void collect(metric_set& to) const override;
  /// Its options, for a policy document.
  [[nodiscard]] static std::shared_ptr<const tunable> tuning(const std::shared_ptr<limit_core>& self);

 private:
  [[nodiscard]] const limit_places& places() const noexcept { return line().places(); }

  const std::string name_;
  const gate_options original_;
  std::atomic<std::size_t> line_capacity_;
  mutable std::atomic<std::uint64_t> refused_{0};  ///< of which somebody was told why
};

}  // namespace detail

/// A place among those in flight. It is given back when the slot is told how the request ended, or dies.
/// \threads   distinct objects: safe; shared objects: unsafe
/// \lifetime  pins what it needs
class concurrency_slot {
 public:
  concurrency_slot() noexcept = default;
  concurrency_slot(concurrency_slot&& other) noexcept = default;
  concurrency_slot& operator=(concurrency_slot&& other) noexcept {
    concurrency_slot taken(std::move(other));
    std::swap(core_, taken.core_);
    std::swap(entered_, taken.entered_);
    return *this;
  }
  ~concurrency_slot() { leave(request_outcome::ignored); }

  /// False once it has been given back or moved from: then leave() does nothing.
  [[nodiscard]] bool is_open() const noexcept { return core_ != nullptr; }
  [[nodiscard]] time_point entered() const noexcept { return entered_; }

  /// The request has ended, just now.
  void leave(request_outcome outcome) {
    if (core_) leave(outcome, core_->now() - entered_);
  }
  /// It took this long.
  void leave(request_outcome outcome, duration latency) {
    if (const auto core = std::exchange(core_, nullptr)) core->leave(outcome, latency);
  }

 private:
  friend class concurrency_limit;
  concurrency_slot(std::shared_ptr<detail::limit_core> core, time_point entered) noexcept
      : core_(std::move(core)), entered_(entered) {}

  std::shared_ptr<detail::limit_core> core_;
  time_point entered_{};
};

/// Lets so many requests in at once; the others are refused, or wait in a bounded line.
///
///     concurrency_limit gate(rt, {.name = "scores", .policy = aimd_limit({.target = 250ms}), .line_capacity = 100});
///     concurrency_slot s = co_await gate.enter(c.options());
///     ...
///     s.leave(request_outcome::answered);  // or outcome_of(why)
///
/// Or it stands in front of a stage, a model or a chain: `stage("score", model).limit(gate)`. Either way it learns from
/// answers, from deadlines that passed, and from queues that were full further inside; see outcome_of().
///
/// Under overload this is what keeps answers in time: without it, queues fill until every answer comes too late. Who waits is
/// let in by priority, within one whoever came first; where the line is full, a higher priority takes the place of the last in
/// it. A request that could not be answered before its deadline, as far as what others took lately tells, is refused as soon
/// as that shows, so that places go to those that are worth the work.
/// \threads   safe
/// \lifetime  a cheap shared handle; slots, and requests that wait, pin what they need
/// \resumes   on the token's executor, never inside the initiating function
/// \cancel    total: a request that waits leaves the line at once
/// \errors    errc::not_admitted (no place now, or none in time), errc::queue_full (the line is full, or a higher priority took
///            its place there), both with retry_after; errc::deadline_exceeded, errc::shutting_down
/// \cost      a place that is free: a clock read, and one compare-and-swap; leaving takes a lock where the policy learns, or
///            somebody waits
class concurrency_limit {
 public:
  /// \errors std::invalid_argument: an option is out of range
  concurrency_limit(const runtime& rt, const concurrency_limit_options& options);

  [[nodiscard]] const std::string& name() const noexcept { return core_->name(); }
  [[nodiscard]] std::size_t limit() const noexcept { return core_->limit(); }
  [[nodiscard]] std::size_t in_flight_approx() const noexcept { return core_->in_flight(); }
  [[nodiscard]] std::size_t waiting_count() const { return core_->waiting_count(); }

  /// Now or not at all; why() puts a refusal into words.
  [[nodiscard]] boost::system::result<concurrency_slot, refusal> try_enter(priority p = priority::normal) const {
    if (core_->try_enter(p)) return concurrency_slot(core_, core_->now());
    return core_->refuse(p);
  }
  [[nodiscard]] failure why(const refusal& r) const { return core_->why(r); }
  /// What of it can be changed by a policy document.
  [[nodiscard]] std::vector<tunable_place> tunables() const { return {{{"limit", name()}, detail::limit_core::tuning(core_)}}; }

  /// Waits for a place, until the deadline of the options at the longest. Completes with result<concurrency_slot>.
  /// \param options  deadline, priority and part_of are used
  template <class Token>
  auto async_enter(const run_options& options, Token&& token) const;
  template <class Token>
  auto async_enter(Token&& token) const {
    return async_enter(run_options{}, std::forward<Token>(token));
  }

  /// Throws catena::error where async_enter fails.
  [[nodiscard]] boost::asio::awaitable<concurrency_slot> enter(run_options options = {}) const {
    return enter_with(*this, options);
  }

  // A concurrency limit is a gate, see schedule/gate.hpp.
  class passage;
  [[nodiscard]] bool is_of(const runtime_state& rt) const noexcept { return belongs_to().get() == &rt; }
  [[nodiscard]] const std::shared_ptr<runtime_state>& belongs_to() const noexcept { return core_->runtime(); }
  /// The place of a request that passed.
  [[nodiscard]] static concurrency_slot grant(const passage& passed);

 private:
  static boost::asio::awaitable<concurrency_slot> enter_with(concurrency_limit self, run_options options);

  std::shared_ptr<detail::limit_core> core_;
};

/// A stage's request, see schedule/gate.hpp. Whatever it costs, it takes one place.
class concurrency_limit::passage : detail::limit_request {
 public:
  passage(const concurrency_limit& through, const gate_request& asked) noexcept : core_(through.core_.get()) {
    deadline = asked.deadline;
    priority = asked.priority;
  }

  [[nodiscard]] bool try_pass() {
    entered = core_->now();
    return let_in = deadline > entered && core_->try_enter(priority);
  }
  [[nodiscard]] bool wait(void (*tell)(passage&), void (*give_up)(passage&) noexcept) {
    tell_ = tell;
    give_up_ = give_up;
    decided = [](limit_request& r) { static_cast<passage&>(r).tell_(static_cast<passage&>(r)); };
    abandon = [](limit_request& r) noexcept { static_cast<passage&>(r).give_up_(static_cast<passage&>(r)); };
    const auto pinned = core_->shared_from_this();
    return core_->enter(*this);
  }
  [[nodiscard]] bool withdraw() { return core_->withdraw(*this); }

  [[nodiscard]] bool passed() const noexcept { return let_in; }
  [[nodiscard]] failure why() const { return core_->why(limit_request::why); }

  void ended(work_end how) noexcept { core_->leave(how.outcome, core_->now() - entered); }

 private:
  friend class concurrency_limit;

  detail::limit_core* core_;
  void (*tell_)(passage&) = nullptr;
  void (*give_up_)(passage&) noexcept = nullptr;
};
static_assert(gate<concurrency_limit>);

inline concurrency_slot concurrency_limit::grant(const passage& passed) {
  return {std::static_pointer_cast<detail::limit_core>(passed.core_->shared_from_this()), passed.entered};
}

template <class Token>
auto concurrency_limit::async_enter(const run_options& options, Token&& token) const {
  return detail::async_pass(*this, 1, options, std::forward<Token>(token));
}

inline boost::asio::awaitable<concurrency_slot> concurrency_limit::enter_with(concurrency_limit self, run_options options) {
  result<concurrency_slot> outcome = co_await self.async_enter(options, boost::asio::use_awaitable);
  co_return std::move(outcome).value();
}

}  // namespace catena
