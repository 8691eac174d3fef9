// SPDX-License-Identifier: BSL-1.0
#include <catena/version/version_set.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace catena::detail {
namespace {

/// Whether the bearer of this key is in a share of all. Who is in a share is in every larger one.
[[nodiscard]] bool is_within(const cache_key& key, double share) noexcept {
  return static_cast<double>(key.low >> 11) * 0x1p-53 < share;
}

/// An abandoned request has no failure.
[[nodiscard]] bool is_its_fault(const failure& why) noexcept {
  if (!why.is_set()) return false;
  for (const errc local : {errc::cancelled, errc::queue_full, errc::expired, errc::shutting_down, errc::not_admitted})
    if (why.is(local)) return false;
  return true;
}

[[nodiscard]] versions_options checked(versions_options options) {
  if (options.name.empty()) throw std::invalid_argument("versions_options::name must not be empty");
  if (options.name.find('/') != std::string::npos)
    throw std::invalid_argument("versions_options::name must have no '/', which separates the names of a path: '" + options.name + "'");
  return options;
}

[[nodiscard]] std::string text_of(version_label label) {
  switch (label) {
    case version_label::stable: return "stable";
    case version_label::canary: return "canary";
    case version_label::shadow: return "shadow";
    case version_label::none: break;
  }
  return {};
}

}  // namespace

version_end version_end_of(work_end how, const failure& why) noexcept {
  if (!how.began) return version_end::ignored;
  if (how.outcome == request_outcome::answered) return version_end::answered;
  // Whoever runs out of time cancels what runs inside.
  const bool out_of_time = how.outcome == request_outcome::overloaded && why.is(errc::cancelled);
  return out_of_time || is_its_fault(why) ? version_end::failed : version_end::ignored;
}

void version::count(version_end how) noexcept {
  switch (how) {
    case version_end::answered: answered.fetch_add(1, std::memory_order_relaxed); break;
    case version_end::failed: failed.fetch_add(1, std::memory_order_relaxed); break;
    case version_end::ignored: ignored.fetch_add(1, std::memory_order_relaxed); break;
  }
}

mirror_place::mirror_place(std::shared_ptr<version_set> set, std::shared_ptr<version> to, time_point deadline) noexcept
    : set_(std::move(set)), to_(std::move(to)), deadline_(deadline) {}

mirror_place::~mirror_place() {
  if (set_) set_->mirrors_in_flight_.fetch_sub(1, std::memory_order_relaxed);
}

version_set::version_set(std::shared_ptr<runtime_state> runtime, versions_options options)
    : runtime_(std::move(runtime)), options_(checked(std::move(options))) {
  runtime_->pin_choices();
}

std::string version_set::says(std::string_view text) const { return "versions '" + options_.name + "': " + std::string(text); }

const std::shared_ptr<version>& version_set::find_locked(std::string_view name) const {
  const auto found = std::find_if(versions_.begin(), versions_.end(), [&](const auto& v) { return v->name == name; });
  if (found == versions_.end()) throw std::invalid_argument(says("there is no version '" + std::string(name) + "'"));
  return *found;
}

version_label version_set::label_locked(const version& v) const noexcept {
  if (&v == stable_.get()) return version_label::stable;
  if (&v == canary_.get()) return version_label::canary;
  if (&v == shadow_.get()) return version_label::shadow;
  return version_label::none;
}

// ---- what is set ------------------------------------------------------------------------------------------------------------

void version_set::add(std::string name, graph::plan_ptr plan) {
  auto added = std::make_shared<version>(std::move(name), std::move(plan));
  const std::lock_guard lock(mutex_);
  for (const auto& v : versions_)
    if (v->name == added->name) throw std::invalid_argument(says("there is a version '" + added->name + "' already"));
  versions_.push_back(added);
  if (!stable_) stable_ = std::move(added);
}

void version_set::remove(std::string_view name) {
  std::shared_ptr<version> removed;  // destroyed under no lock, if no run has it
  const std::lock_guard lock(mutex_);
  removed = find_locked(name);
  if (removed == stable_) throw std::invalid_argument(says("version '" + std::string(name) + "' is stable: promote another one first"));
  if (removed == canary_) end_canary_locked();
  if (removed == shadow_) stop_mirroring_locked();
  std::erase(versions_, removed);
}

void version_set::promote(std::string_view name) {
  const std::lock_guard lock(mutex_);
  promote_locked(find_locked(name));
}

void version_set::promote_locked(std::shared_ptr<version> v) {
  if (v == stable_) return;
  if (v == canary_) end_canary_locked();
  if (v == shadow_) stop_mirroring_locked();
  stable_ = std::move(v);
  // What a canary was compared with so far is not what it is compared with now.
  if (trial_) begin_trial_locked(trial_->share, trial_->options);
}

void version_set::begin_canary(std::string_view name, const canary_options& options) {
  check(options);
  const std::lock_guard lock(mutex_);
  std::shared_ptr<version> v = find_locked(name);
  if (v == stable_) throw std::invalid_argument(says("version '" + std::string(name) + "' is stable, and no canary beside itself"));
  if (v == shadow_) stop_mirroring_locked();
  canary_ = std::move(v);
  begin_trial_locked(options.share, options.rule);
}

void version_set::begin_trial_locked(double share, const canary_rule_options& rule) {
  trial_.emplace(trial{++trial_count_, share, rule, canary_rule(rule, runtime_->time->now()), key_space(options_.name + " canary", canary_->name)});
}

bool version_set::set_canary_share(double share) {
  check(canary_options{.share = share});
  const std::lock_guard lock(mutex_);
  if (!trial_) return false;
  trial_->share = share;
  return true;
}

void version_set::end_canary() {
  const std::lock_guard lock(mutex_);
  end_canary_locked();
}

void version_set::end_canary_locked() noexcept {
  canary_.reset();
  trial_.reset();
}

void version_set::mirror(std::string_view name, const shadow_options& options) {
  check(options);
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<version>& v = find_locked(name);
  if (v == stable_ || v == canary_)
    throw std::invalid_argument(says("version '" + std::string(name) + "' answers runs, and is no shadow"));
  shadow_ = v;
  mirroring_ = options;
  mirrored_keys_.emplace(options_.name + " shadow", v->name);
  is_mirrored_.store(true, std::memory_order_relaxed);
}

void version_set::stop_mirroring() {
  const std::lock_guard lock(mutex_);
  stop_mirroring_locked();
}

void version_set::stop_mirroring_locked() noexcept {
  shadow_.reset();
  is_mirrored_.store(false, std::memory_order_relaxed);
}

std::vector<graph::alternative> version_set::alternatives() const {
  std::vector<graph::alternative> all;
  const std::lock_guard lock(mutex_);
  for (const auto& v : versions_) all.push_back({v->name, text_of(label_locked(*v))});
  return all;
}

versions_stats version_set::stats() const {
  versions_stats all;
  const std::lock_guard lock(mutex_);
  for (const auto& v : versions_)
    all.versions.push_back({.version = v->name,
                            .label = label_locked(*v),
                            .run_count = v->runs.load(std::memory_order_relaxed),
                            .answered_count = v->answered.load(std::memory_order_relaxed),
                            .failed_count = v->failed.load(std::memory_order_relaxed),
                            .ignored_count = v->ignored.load(std::memory_order_relaxed)});
  if (trial_) all.canary = trial_->rule.evidence();
  all.last_decision = last_decision_;
  all.unsent_count = unsent_.load(std::memory_order_relaxed);
  return all;
}

void version_set::bring(std::shared_ptr<arrival> to_tell) {
  std::vector<std::shared_ptr<graph::need>> needs;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& v : versions_) needs.insert(needs.end(), v->plan->needs.begin(), v->plan->needs.end());
  }
  graph::bring_all(std::move(needs), std::move(to_tell));
}

// ---- requests ---------------------------------------------------------------------------------------------------------------

std::shared_ptr<version> version_set::choose(const cache_key& who, trial_ticket& ticket) {
  const std::lock_guard lock(mutex_);
  if (trial_) ticket = {trial_->number, runtime_->time->now()};
  const bool is_for_canary = trial_ && is_within(trial_->keys.key(who.low, who.high), trial_->share);
  const std::shared_ptr<version>& chosen = is_for_canary ? canary_ : stable_;
  if (chosen) chosen->runs.fetch_add(1, std::memory_order_relaxed);
  return chosen;
}

failure version_set::has_none() const { return failure(errc::unavailable, says("there is no version yet")); }

void version_set::ended(version& v, version_end how, const trial_ticket& ticket) noexcept {
  v.count(how);
  if (ticket.trial == 0 || how == version_end::ignored) return;
  if (const auto decision = judge(v, how, ticket)) tell(*decision);
}

std::optional<canary_decision> version_set::judge(const version& v, version_end how, const trial_ticket& ticket) {
  const time_point now = runtime_->time->now();
  const std::lock_guard lock(mutex_);
  if (!trial_ || trial_->number != ticket.trial) return std::nullopt;
  const auto by = &v == canary_.get() ? canary_rule::version::canary : canary_rule::version::stable;
  canary_rule& rule = trial_->rule;
  const canary_verdict verdict = how == version_end::answered ? rule.answered(by, now - ticket.began, now) : rule.failed(by, now);
  if (verdict == canary_verdict::undecided) return std::nullopt;
  last_decision_ = canary_decision{options_.name, canary_->name, verdict, rule.evidence()};
  if (verdict == canary_verdict::promote) promote_locked(canary_);
  else end_canary_locked();
  return last_decision_;
}

void version_set::tell(const canary_decision& decision) const noexcept {
  const bool is_good = decision.verdict == canary_verdict::promote;
  runtime_->log(is_good ? log_level::note : log_level::warning, "versions/" + options_.name, decision.to_string());
  if (options_.decided) options_.decided(decision);
}

std::optional<mirror_place> version_set::mirror_request(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  if (!shadow_ || !is_within(mirrored_keys_->key(id), mirroring_.share)) return std::nullopt;
  if (mirrors_in_flight_.load(std::memory_order_relaxed) >= mirroring_.max_in_flight) {
    count_unsent();
    return std::nullopt;
  }
  mirrors_in_flight_.fetch_add(1, std::memory_order_relaxed);
  return mirror_place(shared_from_this(), shadow_, later(runtime_->time->now(), mirroring_.timeout));
}

}  // namespace catena::detail
