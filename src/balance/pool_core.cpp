// SPDX-License-Identifier: BSL-1.0
#include <catena/balance/pool_core.hpp>
#include <catena/recover/retry.hpp>

#include <algorithm>
#include <mutex>
#include <stdexcept>

namespace catena {

void check(const replica_options& options) {
  if (!(options.weight >= 0.001 && options.weight <= 1'000'000))
    throw std::invalid_argument("replica_options::weight must be 0.001 to 1000000");
}

void check(const replica_pool_options& options) {
  check(options.breaker);
  if (!(options.panic_share >= 0 && options.panic_share <= 1))
    throw std::invalid_argument("replica_pool_options::panic_share must be 0 to 1");
  if (options.failovers > 7) throw std::invalid_argument("replica_pool_options::failovers must be 0 to 7");
  if (options.latency_memory <= duration{} || options.latency_memory > std::chrono::hours(24))
    throw std::invalid_argument("replica_pool_options::latency_memory must be more than 0 to 1 day");
}

namespace detail {
namespace {

attempt_end attempt_end_of(work_end how, const failure& why) noexcept {
  if (!how.began) return attempt_end::no_fault;
  if (how.outcome == request_outcome::overloaded && why.is(errc::cancelled)) return attempt_end::out_of_time;
  return how.outcome == request_outcome::ignored && !why.is_set() ? attempt_end::no_fault : catena::attempt_end_of(why);
}

replica_state state_of(const pool_member& m) noexcept {
  if (m.leaving) return replica_state::leaving;
  switch (m.guard.state()) {
    case breaker_state::open: return replica_state::ejected;
    case breaker_state::half_open: return replica_state::probing;
    case breaker_state::closed: break;
  }
  return replica_state::serving;
}

replica_stats stats_of(const pool_member& m) {
  return {.name = m.name,
          .state = state_of(m),
          .weight = m.weight,
          .requests = m.requests,
          .failures = m.failures,
          .outstanding = m.outstanding,
          .latency = m.latency.mean()};
}

}  // namespace

pool_core::pool_core(std::shared_ptr<runtime_state> runtime, const replica_pool_options& options)
    : runtime_(std::move(runtime)), options_(options), policy_(options.balancing) {
  check(options_);
}

void pool_core::add(std::string name, graph::plan_ptr work, const replica_options& options) {
  check(options);
  auto made = std::make_unique<pool_member>(std::move(name), std::move(work), options_.breaker);
  made->weight = options.weight;
  made->latency = latency_estimate(options_.latency_memory);
  made->guard.begin_ramp(runtime_->time->now());
  const std::lock_guard lock(mutex_);
  for (const auto& m : members_)
    if (m->name == made->name) throw std::invalid_argument("pool '" + options_.name + "' has a replica '" + m->name + "' already");
  made->number = ++last_number_;
  members_.reserve(members_.size() + 1);
  candidates_.reserve(members_.size() + 1);
  members_.push_back(std::move(made));
  settled_ = false;
}

bool pool_core::remove(std::string_view name) {
  std::unique_ptr<pool_member> gone;
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(members_, name, [](const auto& m) -> std::string_view { return m->name; });
  if (found == members_.end()) return false;
  leaving_.reserve(leaving_.size() + 1);
  (*found)->leaving = true;
  if ((*found)->outstanding == 0) gone = std::move(*found);
  else leaving_.push_back(std::move(*found));
  members_.erase(found);
  settled_ = false;
  return true;
}

std::vector<replica_stats> pool_core::stats() const {
  std::vector<replica_stats> all;
  const std::lock_guard lock(mutex_);
  all.reserve(members_.size() + leaving_.size());
  for (const auto& m : members_) all.push_back(stats_of(*m));
  for (const auto& m : leaving_) all.push_back(stats_of(*m));
  return all;
}

std::vector<graph::alternative> pool_core::alternatives() const {
  std::vector<graph::alternative> all;
  const std::lock_guard lock(mutex_);
  for (const auto& m : members_) all.push_back({m->name, {}});
  return all;
}

void pool_core::bring(std::shared_ptr<arrival> to_tell) {
  std::vector<std::shared_ptr<graph::need>> needs;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& m : members_) needs.insert(needs.end(), m->work->needs.begin(), m->work->needs.end());
  }
  graph::bring_all(std::move(needs), std::move(to_tell));
}

result<chosen_work<pool_ticket>> pool_core::choose() {
  result<chosen_work<pool_ticket>> chosen = choose_at(runtime_->time->now());
  if (chosen) chosen->work->run_began();
  return chosen;
}

result<chosen_work<pool_ticket>> pool_core::choose_at(time_point now) {
  const std::lock_guard lock(mutex_);
  pool_member* const m = choose_locked(now);
  if (!m) return nobody_locked(now);
  return begin_locked(*m, now);
}

chosen_work<pool_ticket> pool_core::begin_locked(pool_member& m, time_point now) {
  ++m.outstanding;
  ++m.requests;
  pool_ticket ticket;
  ticket.member = &m;
  ticket.pass = m.guard.enter(now);
  ticket.began = now;
  return {m.work, ticket};
}

std::optional<chosen_work<pool_ticket>> pool_core::choose_other(const pool_ticket& failed, const failure& why,
                                                                std::atomic<std::uint32_t>* retries_left) {
  if (failed.tried_count >= options_.failovers || !worth_trying_elsewhere(why)) return std::nullopt;
  const time_point now = runtime_->time->now();
  std::optional<chosen_work<pool_ticket>> chosen;
  {
    const std::lock_guard lock(mutex_);
    pool_member* const m = choose_other_locked(failed, now);
    if (!m || (retries_left && !graph::take_retry(*retries_left))) return std::nullopt;
    chosen = begin_locked(*m, now);
  }
  pool_ticket& ticket = chosen->ticket;
  ticket.tried = failed.tried;
  ticket.tried[failed.tried_count] = failed.member->number;
  ticket.tried_count = failed.tried_count + 1;
  chosen->work->run_began();
  return chosen;
}

/// One that serves, and has not failed for this request: a probe would hardly help it.
pool_member* pool_core::choose_other_locked(const pool_ticket& failed, time_point now) {
  settled_ = false;
  candidates_.clear();
  const auto* const last = failed.tried.begin() + failed.tried_count;
  for (const auto& m : members_)
    if (m.get() != failed.member && m->guard.state() == breaker_state::closed && std::find(failed.tried.begin(), last, m->number) == last)
      candidates_.push_back(m.get());
  return candidates_.empty() ? nullptr : choose_candidate_locked(now);
}

pool_member* pool_core::choose_locked(time_point now) {
  if (!settled_)
    if (pool_member* const probed = find_candidates_locked(now)) return probed;
  return candidates_.empty() ? nullptr : choose_candidate_locked(now);
}

pool_member* pool_core::choose_candidate_locked(time_point now) {
  const std::size_t i = policy_.choose(candidates_, now);
  if (i >= candidates_.size())
    throw std::logic_error("the policy of pool '" + options_.name + "' chose " + std::to_string(i) + " of " +
                           std::to_string(candidates_.size()) + " replicas");
  return static_cast<pool_member*>(candidates_[i]);
}

/// Or the one that is due to be probed: a policy would hardly choose it.
pool_member* pool_core::find_candidates_locked(time_point now) {
  candidates_.clear();
  double most = 0;
  std::size_t closed = 0;
  for (const auto& m : members_) {
    if (m->guard.state() == breaker_state::closed) {
      ++closed;
      most = std::max(most, m->guard.share(now));
    } else if (m->guard.allows(now)) {
      return m.get();
    }
  }
  const bool panics = static_cast<double>(closed) < options_.panic_share * static_cast<double>(members_.size());
  settled_ = closed == members_.size();
  for (const auto& m : members_) {
    const bool serves = m->guard.state() == breaker_state::closed;
    if (serves && m->guard.is_ramping(now)) settled_ = false;
    // A share counts in relation to the others': where all are new, all serve.
    if (panics || (serves && m->guard.share(now) > most * random_.share())) candidates_.push_back(m.get());
  }
  return nullptr;
}

failure pool_core::nobody_locked(time_point now) const {
  if (members_.empty()) return failure(errc::unavailable, "pool '" + options_.name + "' has no replica");
  time_point next = no_deadline;
  for (const auto& m : members_) next = std::min(next, m->guard.next_probe());
  return failure(errc::unavailable, "all replicas of pool '" + options_.name + "' are ejected")
      .with_retry_after(std::max(next - now, duration(1)));
}

void pool_core::ended(const pool_ticket& t, work_end how, const failure& why) noexcept {
  const time_point now = runtime_->time->now();
  const duration took = now - t.began;
  const attempt_end end = attempt_end_of(how, why);
  pool_member& m = *t.member;
  m.work->run_ended();
  std::unique_ptr<pool_member> gone;
  const std::lock_guard lock(mutex_);
  --m.outstanding;
  if (how.outcome == request_outcome::answered) m.latency.answered(took, now);
  if (how.outcome == request_outcome::overloaded) m.latency.given_up(took, now);
  if (end == attempt_end::failed || end == attempt_end::out_of_time) ++m.failures;
  m.guard.ended(t.pass, end, took, now);
  if (m.guard.state() != breaker_state::closed) settled_ = false;
  if (m.leaving && m.outstanding == 0) gone = take_leaving_locked(m);
}

std::unique_ptr<pool_member> pool_core::take_leaving_locked(const pool_member& m) {
  const auto found = std::ranges::find(leaving_, &m, [](const auto& one) -> const pool_member* { return one.get(); });
  auto taken = std::move(*found);
  leaving_.erase(found);
  return taken;
}

}  // namespace detail
}  // namespace catena
