// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What calls of language models may take together: tokens and money, per run, per tenant, and by the day.
#include <catena/call.hpp>
#include <catena/llm/price.hpp>
#include <catena/llm/usage.hpp>
#include <catena/result.hpp>
#include <catena/runtime.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace catena::llm {

/// Tokens, read and written alike, and money.
struct spending {
  std::int64_t tokens = 0;
  money cost = {};
  friend bool operator==(const spending&, const spending&) = default;
};

struct budget_options {
  std::string name = "budget";     ///< for messages
  spending per_run = {};           ///< of one run with all that it calls, 0 or more each; zero: no limit, also below
  spending per_tenant = {};        ///< of each tenant within `period`
  spending total = {};             ///< of all within `period`
  /// In which `per_tenant` and `total` come back, steadily: as after a third of it a third. More than zero.
  duration period = std::chrono::hours(24);
  /// How many runs are remembered, 1 to 100000000: those that asked last. A run that is forgotten begins anew.
  std::size_t most_runs = 100'000;
};

/// \errors std::invalid_argument naming the member that is out of range
void check(const budget_options& options);

/// What a budget has given out.
struct budget_state {
  spending spent = {};     ///< as far as it has not come back
  spending reserved = {};  ///< by calls in flight
  friend bool operator==(const budget_state&, const budget_state&) = default;
};

namespace detail {
class budget_core;
}

/// What one call may take at most, out of a budget. It says what it has taken, or all of it counts as taken.
/// \threads  distinct objects: safe
class budget_reservation {
 public:
  budget_reservation() noexcept = default;
  budget_reservation(budget_reservation&& other) noexcept
      : core_(std::move(other.core_)), most_(other.most_), run_(other.run_), tenant_(other.tenant_) {}
  budget_reservation& operator=(budget_reservation other) noexcept {
    std::swap(core_, other.core_);
    std::swap(most_, other.most_);
    std::swap(run_, other.run_);
    std::swap(tenant_, other.tenant_);
    return *this;
  }
  ~budget_reservation() { keep(); }

  /// It took this much. Counts also where that is more than was reserved.
  void settle(const spending& taken) noexcept;
  /// Nobody says how much it took: all of it.
  void keep() noexcept { settle(most_); }
  /// It never began.
  void release() noexcept { settle({}); }

 private:
  friend class budget;
  budget_reservation(std::shared_ptr<detail::budget_core> core, const spending& most, std::uint64_t run, std::uint32_t tenant) noexcept
      : core_(std::move(core)), most_(most), run_(run), tenant_(tenant) {}

  std::shared_ptr<detail::budget_core> core_;
  spending most_;
  std::uint64_t run_ = 0;
  std::uint32_t tenant_ = 0;
};

/// A shared handle on limits that concurrent calls never pass together: a call reserves what it may take at most before it begins, and puts
/// back what it did not take when the server has said how much that was. Where it does not say, all is taken: it was billed.
///
///     llm::budget allowance(rt, {.per_run = {.tokens = 50000}, .per_tenant = {.cost = llm::money::of(5)}, .total = {.cost = llm::money::of(200)}});
///     llm::chat_model chat(rt, {.settings = {.max_tokens = 1000}, .budget = allowance});
///
/// In any time t no more is taken than limit * (1 + t / period), as of a token bucket.
/// \threads   safe
/// \lifetime  pinned by reservations
class budget {
 public:
  /// \errors std::invalid_argument: an option is out of range
  budget(const runtime& rt, budget_options options);

  [[nodiscard]] const budget_options& options() const noexcept;

  /// Reserves `most` for a call of that run and tenant, or of a run of its own where the id is zero.
  /// \errors errc::budget_exceeded: says which limit, and when there may be enough, if ever
  [[nodiscard]] result<budget_reservation> reserve(const spending& most, const run_options& within) const;

  [[nodiscard]] budget_state total() const;
  [[nodiscard]] budget_state of_tenant(std::uint32_t tenant) const;
  [[nodiscard]] budget_state of_run(std::uint64_t run) const;

 private:
  std::shared_ptr<detail::budget_core> core_;
};

}  // namespace catena::llm
