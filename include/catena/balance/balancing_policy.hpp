// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Which of several replicas does the work: what is known of them, and whoever decides.
#include <catena/balance/latency_estimate.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace catena {

/// What a policy knows of a replica.
struct replica_load {
  double weight = 1;              ///< as it was added with
  std::uint32_t outstanding = 0;  ///< requests that have begun and not ended
  latency_estimate latency;       ///< of its answers
  double credit = 0;              ///< the policy's own, which nobody else touches
};

/// A value that decides which replica does the work of a request: time comes as an argument, and nothing but its own numbers
/// and the replicas' credit is touched.
///
///     struct first_that_is_idle {
///       std::size_t choose(std::span<replica_load* const> from, time_point) const {
///         for (std::size_t i = 0; i < from.size(); ++i)
///           if (from[i]->outstanding == 0) return i;
///         return 0;
///       }
///     };
///
/// It is given those that may be chosen now, at least one, in the order in which they were added, and answers an index.
/// \threads  called by one thread at a time, under a lock; each pool has a copy of its own
template <class P>
concept balancing_policy_value =
    std::copy_constructible<P> && requires(P& p, std::span<replica_load* const> from, time_point now) {
      { p.choose(from, now) } -> std::convertible_to<std::size_t>;
    };

/// Any balancing policy, as a value.
class balancing_policy {
 public:
  template <class P>
    requires(!std::same_as<P, balancing_policy> && balancing_policy_value<P>)
  balancing_policy(P policy) : policy_(std::make_unique<holder<P>>(std::move(policy))) {}  // NOLINT: `.balancing = round_robin{}` reads well
  balancing_policy(const balancing_policy& other) : policy_(other.policy_->clone()) {}
  balancing_policy(balancing_policy&&) noexcept = default;
  balancing_policy& operator=(balancing_policy other) noexcept {
    std::swap(policy_, other.policy_);
    return *this;
  }

  [[nodiscard]] std::size_t choose(std::span<replica_load* const> from, time_point now) { return policy_->choose(from, now); }

 private:
  struct base {
    virtual ~base() = default;
    [[nodiscard]] virtual std::unique_ptr<base> clone() const = 0;
    [[nodiscard]] virtual std::size_t choose(std::span<replica_load* const> from, time_point now) = 0;
  };

  template <class P>
  struct holder final : base {
    explicit holder(P p) : policy(std::move(p)) {}
    [[nodiscard]] std::unique_ptr<base> clone() const override { return std::make_unique<holder>(policy); }
    [[nodiscard]] std::size_t choose(std::span<replica_load* const> from, time_point now) override {
      return static_cast<std::size_t>(policy.choose(from, now));
    }
    P policy;
  };

  std::unique_ptr<base> policy_;
};

}  // namespace catena
