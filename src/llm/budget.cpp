// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/budget.hpp>

#include "allowance.hpp"

#include <algorithm>
#include <iterator>
#include <list>
#include <mutex>
#include <stdexcept>
#include <unordered_map>

namespace catena::llm {
namespace detail {

/// \threads  safe: one lock
class budget_core {
 public:
  budget_core(std::shared_ptr<runtime_state> runtime, budget_options options)
      : runtime_(std::move(runtime)), options_((check(options), std::move(options))), total_(options_.total, options_.period, now()) {}

  [[nodiscard]] const budget_options& options() const noexcept { return options_; }

  [[nodiscard]] failure reserve(const spending& most, std::uint64_t run, std::uint32_t tenant) {
    const time_point at = now();
    const std::lock_guard lock(mutex_);
    allowances& of_tenant = tenant_locked(tenant, at);
    allowances alone(options_.per_run, duration{}, at);
    allowances& of_run = run == 0 ? alone : run_locked(run, at);
    if (failure why = refusal(of_run, "one run", most, at); why.is_set()) return why;
    if (failure why = refusal(of_tenant, "tenant " + std::to_string(tenant), most, at); why.is_set()) return why;
    if (failure why = refusal(total_, "all together", most, at); why.is_set()) return why;
    for (allowances* a : {&of_run, &of_tenant, &total_}) a->reserve(most);
    return {};
  }

  void settle(const spending& most, const spending& taken, std::uint64_t run, std::uint32_t tenant) noexcept {
    const time_point at = now();
    const std::lock_guard lock(mutex_);
    total_.settle(most, taken, at);
    if (const auto t = tenants_.find(tenant); t != tenants_.end()) t->second.settle(most, taken, at);
    if (const auto r = runs_.find(run); r != runs_.end()) r->second.left.settle(most, taken, at);
  }

  [[nodiscard]] budget_state total() {
    const std::lock_guard lock(mutex_);
    return total_.state(now());
  }
  [[nodiscard]] budget_state of_tenant(std::uint32_t tenant) {
    const std::lock_guard lock(mutex_);
    const auto t = tenants_.find(tenant);
    return t == tenants_.end() ? budget_state{} : t->second.state(now());
  }
  [[nodiscard]] budget_state of_run(std::uint64_t run) {
    const std::lock_guard lock(mutex_);
    const auto r = runs_.find(run);
    return r == runs_.end() ? budget_state{} : r->second.left.state(now());
  }

 private:
  struct known_run {
    allowances left;
    std::list<std::uint64_t>::iterator place;
  };

  [[nodiscard]] time_point now() const noexcept { return runtime_->time->now(); }

  [[nodiscard]] failure refusal(allowances& a, const std::string& whose, const spending& most, time_point at) const {
    const auto exceeded = [&](auto& of, std::int64_t amount, const auto& in_words) -> failure {
      if (of.has(amount, at)) return {};
      const failure why(errc::budget_exceeded, "the budget '" + options_.name + "' has " + in_words(std::max<std::int64_t>(of.left(at), 0)) + " of " +
                                                   in_words(of.limit()) + " left for " + whose + ", and the call may take " + in_words(amount));
      const duration wait = of.wait_for(amount, at);
      return wait == duration::max() ? why : why.with_retry_after(wait);
    };
    failure why = exceeded(a.tokens, most.tokens, [](std::int64_t n) { return std::to_string(n) + " tokens"; });
    if (why.is_set()) return why;
    return exceeded(a.cost, most.cost.nanos, [](std::int64_t n) { return money{n}.to_string() + " of money"; });
  }

  allowances& tenant_locked(std::uint32_t tenant, time_point at) {
    if (const auto t = tenants_.find(tenant); t != tenants_.end()) return t->second;
    if (tenants_.size() >= sweep_at_) {
      for (auto t = tenants_.begin(); t != tenants_.end();) t = t->second.is_untouched(at) ? tenants_.erase(t) : std::next(t);
      sweep_at_ = std::max<std::size_t>(1024, 2 * tenants_.size());
    }
    return tenants_.try_emplace(tenant, options_.per_tenant, options_.period, at).first->second;
  }

  allowances& run_locked(std::uint64_t run, time_point at) {
    const auto [r, is_new] = runs_.try_emplace(run, known_run{allowances(options_.per_run, duration{}, at), oldest_first_.end()});
    if (!is_new) {
      oldest_first_.splice(oldest_first_.end(), oldest_first_, r->second.place);
      return r->second.left;
    }
    r->second.place = oldest_first_.insert(oldest_first_.end(), run);
    // Who has calls in flight stays, and is not looked at again before the others. Not all are looked at, as they may all be such.
    auto old = oldest_first_.begin();
    for (int looks = 0; looks < 16 && runs_.size() > options_.most_runs && *old != run; ++looks) {
      const auto found = runs_.find(*old);
      if (!found->second.left.is_idle()) {
        const auto busy = old++;
        oldest_first_.splice(oldest_first_.end(), oldest_first_, busy);
        continue;
      }
      runs_.erase(found);
      old = oldest_first_.erase(old);
    }
    return r->second.left;
  }

  const std::shared_ptr<runtime_state> runtime_;
  const budget_options options_;
  std::mutex mutex_;
  allowances total_;
  std::unordered_map<std::uint32_t, allowances> tenants_;
  std::size_t sweep_at_ = 1024;  ///< tenants, when those are forgotten who have all of theirs
  std::unordered_map<std::uint64_t, known_run> runs_;
  std::list<std::uint64_t> oldest_first_;
};

}  // namespace detail

void check(const budget_options& o) {
  const auto wrong = [](const std::string& what) { throw std::invalid_argument("budget_options::" + what); };
  const struct {
    const spending& limit;
    const char* name;
  } limits[] = {{o.per_run, "per_run"}, {o.per_tenant, "per_tenant"}, {o.total, "total"}};
  for (const auto& [limit, name] : limits)
    if (limit.tokens < 0 || limit.cost < money{}) wrong(std::string(name) + " must be zero or more");
  if (o.period <= duration{}) wrong("period must be more than zero");
  if (o.most_runs < 1 || o.most_runs > 100'000'000) wrong("most_runs must be 1 to 100000000, is " + std::to_string(o.most_runs));
}

void budget_reservation::settle(const spending& taken) noexcept {
  if (const auto core = std::exchange(core_, nullptr)) core->settle(most_, taken, run_, tenant_);
}

budget::budget(const runtime& rt, budget_options options) : core_(std::make_shared<detail::budget_core>(rt.state(), std::move(options))) {}

const budget_options& budget::options() const noexcept { return core_->options(); }

result<budget_reservation> budget::reserve(const spending& most, const run_options& within) const {
  if (most.tokens < 0 || most.cost < money{}) return failure(errc::invalid_input, "what a call may take of a budget is zero or more");
  if (failure why = core_->reserve(most, within.id, within.tenant); why.is_set()) return why;
  return budget_reservation(core_, most, within.id, within.tenant);
}

budget_state budget::total() const { return core_->total(); }
budget_state budget::of_tenant(std::uint32_t tenant) const { return core_->of_tenant(tenant); }
budget_state budget::of_run(std::uint64_t run) const { return core_->of_run(run); }

}  // namespace catena::llm
