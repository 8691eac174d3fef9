// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Admission: requests take tokens before they begin, wait for them in order, or are refused and told when to come again.
#include <catena/call.hpp>
#include <catena/runtime.hpp>
#include <catena/schedule/admission_desk.hpp>
#include <catena/schedule/gate_operation.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace catena {

/// A token bucket that any number of admissions take from: one for a model, one for each tenant, one for a chain.
/// \threads   safe
/// \lifetime  a cheap shared handle, pinned by the admissions that use it
class shared_bucket {
 public:
  /// Full at first.
  /// \errors std::invalid_argument: an option is out of range
  shared_bucket(const runtime& rt, std::string name, const token_bucket_options& options);

  [[nodiscard]] const std::string& name() const noexcept { return bucket_->name; }
  [[nodiscard]] std::int64_t capacity() const noexcept { return bucket_->tokens.capacity(); }
  /// Whole tokens that are there now; negative in debt.
  [[nodiscard]] std::int64_t level() const noexcept { return bucket_->tokens.level(desk_->now()); }
  /// From now on it fills at another rate. Who waits is admitted earlier or later accordingly; who cannot make it any more
  /// is refused at once.
  /// \errors std::invalid_argument
  void set_rate(rate refill) const { desk_->set_rate(*bucket_, refill); }

  /// What of it can be changed by a policy document: its rate.
  [[nodiscard]] std::shared_ptr<const tunable> tuning() const;

  [[nodiscard]] const std::shared_ptr<detail::admission_desk>& desk() const noexcept { return desk_; }
  [[nodiscard]] const std::shared_ptr<detail::admission_bucket>& state() const noexcept { return bucket_; }

 private:
  std::shared_ptr<detail::admission_desk> desk_;
  std::shared_ptr<detail::admission_bucket> bucket_;
  token_bucket_options original_;
};

/// A bucket of an admission, and what it counts of a request.
struct charged_bucket {
  charged_bucket(shared_bucket of, charge by = charge::cost) : bucket(std::move(of)), counts(by) {}  // NOLINT
  shared_bucket bucket;
  charge counts;
};

struct admission_options {
  std::string name = "admission";            ///< for messages
  std::vector<charged_bucket> buckets = {};  ///< 1 to 8 different ones of one runtime: a request takes from all or from none
  std::size_t line_capacity = 1024;          ///< requests that may wait, 0 to 1048576; zero: refused at once
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const admission_options& options);

namespace detail {

/// What handles of one admission share, and permits point to.
struct admission_core : metric_source {
  admission_core(const runtime& rt, const admission_options& options);
  ~admission_core() override { desk->remove(group); }
  void collect(metric_set& to) const override;
  admission_core(const admission_core&) = delete;
  admission_core& operator=(const admission_core&) = delete;

  /// Takes the tokens if they are there and nobody waits for them who goes before; otherwise `moment` says when they would
  /// be there if nobody waited.
  [[nodiscard]] bool try_take(std::int64_t cost, priority p, time_point now, time_point& moment) {
    if (cost < 0 || cost > group.most_cost) return false;
    const std::uint8_t waiting = group.highest_waiting();
    if (waiting > static_cast<std::uint8_t>(p)) return false;
    moment = group.try_take(cost, now);
    if (moment > now) return false;
    if (waiting != 0) desk->tokens_changed(group);  // those overtaken wait longer, or cannot make it any more
    return true;
  }
  /// Why a cost is refused that can never be admitted, or that others wait before.
  [[nodiscard]] refusal refuse(std::int64_t cost, priority p);
  void settle(std::int64_t estimate, std::int64_t cost);
  void refund(std::int64_t cost);
  [[nodiscard]] failure why(const refusal& r) const;

  const std::string name;
  const admission_options original;
  const std::shared_ptr<admission_desk> desk;
  time_source& time;
  admission_group group;
  std::vector<std::shared_ptr<admission_bucket>> pinned;
  mutable std::atomic<std::uint64_t> refused{0};  ///< of which somebody was told why
};

}  // namespace detail

/// The tokens that a request has taken. Unless it says otherwise, it needed as many as it took.
/// \threads   distinct objects: safe; shared objects: unsafe
/// \lifetime  the admission outlives the permits that are settled or refunded
class permit {
 public:
  permit() noexcept = default;
  permit(permit&& other) noexcept : core_(std::exchange(other.core_, nullptr)), cost_(other.cost_) {}
  permit& operator=(permit&& other) noexcept {
    core_ = std::exchange(other.core_, nullptr);
    cost_ = other.cost_;
    return *this;
  }

  /// False once it is settled, refunded or moved from: then settle() and refund() do nothing.
  [[nodiscard]] bool is_open() const noexcept { return core_ != nullptr; }
  [[nodiscard]] std::int64_t cost() const noexcept { return cost_; }

  /// The request turned out to cost this much: the rest is put back, or taken on top even if that leaves a debt.
  void settle(std::int64_t true_cost) {
    if (core_) std::exchange(core_, nullptr)->settle(cost_, true_cost);
  }
  /// The request never began: all is put back, also where requests are counted and not their cost.
  void refund() {
    if (core_) std::exchange(core_, nullptr)->refund(cost_);
  }

 private:
  friend class admission;
  permit(detail::admission_core& core, std::int64_t cost) noexcept : core_(&core), cost_(cost) {}

  detail::admission_core* core_ = nullptr;
  std::int64_t cost_ = 0;
};

/// Buckets that a request takes from before it begins, all or none, and a bounded line in front of them.
///
///     shared_bucket gpu(rt, "gpu", {.refill = {.tokens = 5000}, .capacity = 500});
///     admission gate(rt, {.name = "summaries", .buckets = {gpu, {tenant, charge::request}}, .line_capacity = 100});
///     permit p = co_await gate.admit(1200, c.options());
///     ...
///     p.settle(used);
///
/// Or it stands in front of a stage, a model or a chain: `stage("summarise", llm).limit(gate, tokens_of)`.
///
/// Who waits is admitted in order: higher priority first, within one whoever came first, and nobody who comes later takes
/// the tokens that he waits for, through this or another admission.
/// \threads   safe
/// \lifetime  a cheap shared handle; requests that wait pin what they need
/// \resumes   on the token's executor, never inside the initiating function
/// \cancel    total: a request that waits leaves the line at once
/// \errors    errc::not_admitted (its tokens will not be there before its deadline, or nobody may wait), errc::queue_full (both
///            with retry_after), errc::deadline_exceeded, errc::shutting_down, errc::invalid_input (negative, or more than a
///            bucket holds)
/// \cost      tokens that are there: a clock read, and one compare-and-swap for each bucket; who waits takes a lock
class admission {
 public:
  /// \errors std::invalid_argument: an option is out of range
  admission(const runtime& rt, const admission_options& options) : core_(rt.state()->known_source(std::make_shared<detail::admission_core>(rt, options))) {}

  [[nodiscard]] const std::string& name() const noexcept { return core_->name; }
  [[nodiscard]] std::size_t waiting_count() const { return core_->desk->waiting_count(core_->group); }

  /// Now or not at all; why() puts a refusal into words.
  [[nodiscard]] boost::system::result<permit, refusal> try_admit(std::int64_t cost = 1, priority p = priority::normal) const {
    const time_point now = core_->time.now();
    time_point moment{};
    if (core_->try_take(cost, p, now, moment)) return permit(*core_, cost);
    if (moment > now && core_->group.highest_waiting() == 0) return refusal{.retry_after = moment - now};
    return core_->refuse(cost, p);
  }
  [[nodiscard]] failure why(const refusal& r) const { return core_->why(r); }
  /// What of it and of its buckets can be changed by a policy document.
  [[nodiscard]] std::vector<tunable_place> tunables() const;

  /// Waits for its turn, until the deadline of the options at the longest. Completes with result<permit>.
  /// \param options  deadline, priority and part_of are used
  template <class Token>
  auto async_admit(std::int64_t cost, const run_options& options, Token&& token) const;
  template <class Token>
  auto async_admit(std::int64_t cost, Token&& token) const {
    return async_admit(cost, run_options{}, std::forward<Token>(token));
  }

  /// Throws catena::error where async_admit fails.
  [[nodiscard]] boost::asio::awaitable<permit> admit(std::int64_t cost = 1, run_options options = {}) const {
    return admit_with(*this, cost, options);
  }

  // An admission is a gate, see schedule/gate.hpp.
  class passage;
  [[nodiscard]] bool is_of(const runtime_state& rt) const noexcept { return belongs_to().get() == &rt; }
  [[nodiscard]] const std::shared_ptr<runtime_state>& belongs_to() const noexcept { return core_->desk->runtime(); }
  /// What a request has taken that passed.
  [[nodiscard]] static permit grant(const passage& passed) noexcept;

 private:
  static boost::asio::awaitable<permit> admit_with(admission self, std::int64_t cost, run_options options);

  std::shared_ptr<detail::admission_core> core_;
};

/// A stage's request, see schedule/gate.hpp.
class admission::passage : detail::admission_request {
 public:
  passage(const admission& through, const gate_request& asked) noexcept : core_(through.core_.get()) {
    group = &core_->group;
    cost = asked.cost;
    deadline = asked.deadline;
    priority = asked.priority;
  }

  [[nodiscard]] bool try_pass() {
    const time_point now = core_->time.now();
    time_point moment{};
    return admitted = deadline > now && core_->try_take(cost, priority, now, moment);
  }
  [[nodiscard]] bool wait(void (*tell)(passage&), void (*give_up)(passage&) noexcept) {
    tell_ = tell;
    give_up_ = give_up;
    decided = [](admission_request& r) { static_cast<passage&>(r).tell_(static_cast<passage&>(r)); };
    abandon = [](admission_request& r) noexcept { static_cast<passage&>(r).give_up_(static_cast<passage&>(r)); };
    const auto pinned = core_->desk;
    return pinned->enter(*this);
  }
  [[nodiscard]] bool withdraw() { return core_->desk->withdraw(*this); }

  [[nodiscard]] bool passed() const noexcept { return admitted; }
  [[nodiscard]] failure why() const { return core_->why(admission_request::why); }

  void settle(std::int64_t true_cost) { core_->settle(cost, true_cost); }
  void ended(work_end how) noexcept {
    if (!how.began) core_->refund(cost);
  }

 private:
  friend class admission;

  detail::admission_core* core_;
  void (*tell_)(passage&) = nullptr;
  void (*give_up_)(passage&) noexcept = nullptr;
};
static_assert(settling_gate<admission>);

inline permit admission::grant(const passage& passed) noexcept { return {*passed.core_, passed.cost}; }

template <class Token>
auto admission::async_admit(std::int64_t cost, const run_options& options, Token&& token) const {
  return detail::async_pass(*this, cost, options, std::forward<Token>(token));
}

inline boost::asio::awaitable<permit> admission::admit_with(admission self, std::int64_t cost, run_options options) {
  result<permit> outcome = co_await self.async_admit(cost, options, boost::asio::use_awaitable);
  co_return std::move(outcome).value();
}

}  // namespace catena
