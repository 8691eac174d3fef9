// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How many requests may be in flight: the question, the answer, and whoever decides.
#include <catena/schedule/gate_options.hpp>
#include <catena/schedule/request_outcome.hpp>
#include <catena/time.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace catena {

/// A request that was in flight and is not any more.
struct ended_request {
  duration latency{};         ///< from when it was let in
  request_outcome outcome = request_outcome::answered;
  std::size_t in_flight = 0;  ///< how many there were when it ended, itself included
};

/// A value that decides how many requests may be in flight: time comes as an argument, and nothing but its own numbers is
/// touched.
///
///     struct half_at_night {
///       bool night = false;
///       std::size_t limit() const { return night ? 50 : 100; }
///       void ended(const ended_request&, time_point now) { night = is_night(now); }
///     };
///
/// It need not have ended(), which must not throw. A limit of zero means one: with nothing in flight nothing would be learnt.
/// \threads  called by one thread at a time; each concurrency_limit has a copy of its own
template <class P>
concept limit_policy_value = std::copy_constructible<P> && requires(const P& p) {
  { p.limit() } -> std::convertible_to<std::size_t>;
};

/// Any limit policy, as a value.
class limit_policy {
 public:
  template <class P>
    requires(!std::same_as<P, limit_policy> && limit_policy_value<P>)
  limit_policy(P policy) : policy_(std::make_unique<holder<P>>(std::move(policy))) {}  // NOLINT: `.policy = fixed_limit{8}` reads well
  limit_policy(const limit_policy& other) : policy_(other.policy_->clone()) {}
  limit_policy(limit_policy&&) noexcept = default;
  limit_policy& operator=(limit_policy other) noexcept {
    std::swap(policy_, other.policy_);
    return *this;
  }

  [[nodiscard]] std::size_t limit() const { return policy_->limit(); }
  /// Whether it wants to know how requests end; if not, nobody takes a lock for it.
  [[nodiscard]] bool learns() const noexcept { return policy_->learns(); }
  void ended(const ended_request& request, time_point now) { policy_->ended(request, now); }

  /// Which gate_options it has: those that are `option_names` of the policy, which has get_options() and set_options() then.
  [[nodiscard]] std::span<const std::string_view> option_names() const noexcept { return policy_->option_names(); }
  void get_options(gate_options& o) const noexcept { policy_->get_options(o); }
  void set_options(const gate_options& o) noexcept { policy_->set_options(o); }

 private:
  struct base {
    virtual ~base() = default;
    [[nodiscard]] virtual std::unique_ptr<base> clone() const = 0;
    [[nodiscard]] virtual std::size_t limit() const = 0;
    [[nodiscard]] virtual bool learns() const noexcept = 0;
    virtual void ended(const ended_request&, time_point) = 0;
    [[nodiscard]] virtual std::span<const std::string_view> option_names() const noexcept = 0;
    virtual void get_options(gate_options& o) const noexcept = 0;
    virtual void set_options(const gate_options& o) noexcept = 0;
  };

  template <class P>
  struct holder final : base {
    static constexpr bool has_options = requires(P& p, gate_options& o) {
      P::option_names;
      p.get_options(o);
      p.set_options(o);
    };
    static constexpr bool has_ended = requires(P& p, const ended_request& r, time_point now) { p.ended(r, now); };

    explicit holder(P p) : policy(std::move(p)) {}
    [[nodiscard]] std::unique_ptr<base> clone() const override { return std::make_unique<holder>(policy); }
    [[nodiscard]] std::size_t limit() const override { return policy.limit(); }
    [[nodiscard]] bool learns() const noexcept override { return has_ended; }
    void ended([[maybe_unused]] const ended_request& request, [[maybe_unused]] time_point now) override {
      if constexpr (has_ended) policy.ended(request, now);
    }
    [[nodiscard]] std::span<const std::string_view> option_names() const noexcept override {
      if constexpr (has_options) return P::option_names;
      else return {};
    }
    void get_options([[maybe_unused]] gate_options& o) const noexcept override {
      if constexpr (has_options) policy.get_options(o);
    }
    void set_options([[maybe_unused]] const gate_options& o) noexcept override {
      if constexpr (has_options) policy.set_options(o);
    }
    P policy;
  };

  std::unique_ptr<base> policy_;
};

}  // namespace catena
