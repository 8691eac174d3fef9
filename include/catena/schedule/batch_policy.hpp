// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// When the requests that wait for a model become a batch, and how many of them: the question, the answer, and whoever decides.
#include <catena/time.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace catena {

/// What a batch policy is asked about: an instance is idle, and these requests wait.
struct waiting_requests {
  std::size_t count = 0;
  time_point oldest{};  ///< when the one that has waited longest came; not known where max_delay is zero and nobody watches arrivals
  time_point tightest_deadline = no_deadline;   ///< the earliest deadline among them
};

/// What every batch keeps, whatever the policy.
struct batch_limits {
  std::size_t max_size = 64;  ///< requests in one batch
  duration max_delay = {};    ///< how long a request may be made to wait for others
};

/// What a policy answers: take so many now, or look again at a moment.
struct batch_decision {
  std::size_t take = 0;                ///< zero: let the instance wait
  time_point look_again = no_deadline; ///< if nothing is taken and nothing else happens before
  std::string_view why = {};           ///< in a few words that last, for who looks at a trace
  friend bool operator==(const batch_decision& a, const batch_decision& b) { return a.take == b.take && a.look_again == b.look_again; }
};

/// A value that decides about batches: time comes as an argument, and nothing but its own numbers is touched.
///
///     struct in_pairs {
///       batch_decision form(const waiting_requests& w, const batch_limits& l, time_point now) const {
///         const time_point late = w.oldest + l.max_delay;
///         if (w.count < 2 && now < late) return {.take = 0, .look_again = late};
///         return {.take = std::min<std::size_t>(w.count, 2)};
///       }
///     };
///     make_model<txn, float>(rt, {.name = "risk", .batch = {.max_delay = 1ms, .policy = in_pairs{}}}, ...);
///
/// It is asked whenever an instance is idle and a request comes, leaves or has waited long enough. A `take` of more than
/// waits, or than max_size, means as many as that. It may also have any of
///
///     void arrived(time_point now);                                    // a request has come
///     void computed(std::size_t size, duration took, time_point now);  // a batch has been answered
///     bool has_learnt() const;                                         // what batches cost; for model_stats
///
/// `took` begins when the instance was free for the batch and requests waited. Where batches take a few microseconds, only one
/// of eight is measured and told.
///
/// Where request_measures::cost is given, all of these counts and sizes are cost. `form` is const;
/// `static_assert(batch_policy_value<in_pairs>)` says what else is missing.
///
/// \threads  called by one thread at a time; each shape of each model has a copy of its own
template <class P>
concept batch_policy_value =
    std::copy_constructible<P> && requires(const P& p, const waiting_requests& waiting, const batch_limits& limits, time_point now) {
      { p.form(waiting, limits, now) } -> std::same_as<batch_decision>;
    };

/// Any batch policy, as a value.
class batch_policy {
 public:
  template <class P>
    requires(!std::same_as<P, batch_policy> && batch_policy_value<P>)
  batch_policy(P policy)  // NOLINT: `.policy = greedy{}` reads well
      : policy_(std::make_unique<holder<P>>(std::move(policy))), watches_arrivals_(holder<P>::has_arrived) {}
  batch_policy(const batch_policy& other) : policy_(other.policy_->clone()), watches_arrivals_(other.watches_arrivals_) {}
  batch_policy(batch_policy&&) noexcept = default;
  batch_policy& operator=(batch_policy other) noexcept {
    std::swap(policy_, other.policy_);
    std::swap(watches_arrivals_, other.watches_arrivals_);
    return *this;
  }

  [[nodiscard]] batch_decision form(const waiting_requests& waiting, const batch_limits& limits, time_point now) const {
    return policy_->form(waiting, limits, now);
  }
  /// Whether it wants to know when requests come; if not, nobody needs to read a clock for it.
  [[nodiscard]] bool watches_arrivals() const noexcept { return watches_arrivals_; }
  void arrived(time_point now) { policy_->arrived(now); }
  void computed(std::size_t size, duration took, time_point now) { policy_->computed(size, took, now); }
  /// False also for one that learns nothing.
  [[nodiscard]] bool has_learnt() const { return policy_->has_learnt(); }

 private:
  struct base {
    virtual ~base() = default;
    [[nodiscard]] virtual std::unique_ptr<base> clone() const = 0;
    [[nodiscard]] virtual batch_decision form(const waiting_requests&, const batch_limits&, time_point) const = 0;
    virtual void arrived(time_point) = 0;
    virtual void computed(std::size_t, duration, time_point) = 0;
    [[nodiscard]] virtual bool has_learnt() const = 0;
  };

  template <class P>
  struct holder final : base {
    static constexpr bool has_arrived = requires(P& p, time_point now) { p.arrived(now); };
    static constexpr bool has_computed = requires(P& p, std::size_t n, duration took, time_point now) { p.computed(n, took, now); };

    explicit holder(P p) : policy(std::move(p)) {}
    [[nodiscard]] std::unique_ptr<base> clone() const override { return std::make_unique<holder>(policy); }
    [[nodiscard]] batch_decision form(const waiting_requests& waiting, const batch_limits& limits, time_point now) const override {
      return policy.form(waiting, limits, now);
    }
    void arrived([[maybe_unused]] time_point now) override {
      if constexpr (has_arrived) policy.arrived(now);
    }
    void computed([[maybe_unused]] std::size_t size, [[maybe_unused]] duration took, [[maybe_unused]] time_point now) override {
      if constexpr (has_computed) policy.computed(size, took, now);
    }
    [[nodiscard]] bool has_learnt() const override {
      if constexpr (requires { policy.has_learnt(); }) return policy.has_learnt();
      else return false;
    }
    P policy;
  };

  std::unique_ptr<base> policy_;
  bool watches_arrivals_;  ///< asked for every request, so no virtual call
};

}  // namespace catena
