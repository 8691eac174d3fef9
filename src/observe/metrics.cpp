// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/metrics.hpp>

#include <algorithm>
#include <stdexcept>

namespace catena {
namespace {

metrics_options checked(metrics_options o) {
  if (o.bounds.empty() || o.bounds.size() > 14 || o.bounds.front() <= duration{} || !std::ranges::is_sorted(o.bounds, std::ranges::less_equal{}))
    throw std::invalid_argument("metrics_options::bounds must be 1 to 14 durations greater than zero, ascending");
  if (o.max_chains < 1 || o.max_chains > 100'000)
    throw std::invalid_argument("metrics_options::max_chains must be 1 to 100000, is " + std::to_string(o.max_chains));
  if (o.max_series < 1) throw std::invalid_argument("metrics_options::max_series must be at least 1");
  for (const auto& [chain, promised] : o.slos) {
    if (!(promised.success >= 0 && promised.success < 1))
      throw std::invalid_argument("slo::success of '" + chain + "' must be at least 0 and less than 1");
    if (promised.p99 < duration{}) throw std::invalid_argument("slo::p99 of '" + chain + "' must not be negative");
  }
  return o;
}

std::vector<duration> with_objectives(const metrics_options& o) {
  std::vector<duration> bounds = o.bounds;
  std::vector<duration> promised;
  for (const auto& [chain, s] : o.slos)
    if (s.p99 > duration{}) promised.push_back(s.p99);
  std::ranges::sort(promised);
  for (const duration p : promised)
    if (bounds.size() < o.bounds.size() + 6 && !std::ranges::count(bounds, p)) bounds.push_back(p);
  std::ranges::sort(bounds);
  return bounds;
}

}  // namespace

std::vector<duration> metrics_options::default_bounds() {
  using namespace std::chrono_literals;
  return {100us, 250us, 1ms, 2500us, 5ms, 10ms, 25ms, 50ms, 100ms, 250ms, 1s, 2500ms, 10s, 30s};
}

metrics::metrics(metrics_options options) : options_(checked(std::move(options))), bounds_(with_objectives(options_)) {}

std::shared_ptr<detail::run_meter> metrics::meter_of(const detail::run_meter::subject& what) {
  const std::lock_guard lock(mutex_);
  if (const auto found = meters_.find(what); found != meters_.end()) return found->second;
  const bool has_place = chains_.size() < options_.max_chains || chains_.contains(what.chain);
  if (!has_place) {
    // Its stages are counted nowhere: there is no end of their names.
    return found_or_made_locked({.chain = "_other", .stages = {}, .is_chain = what.is_chain}, slo{});
  }
  chains_.insert(what.chain);
  fold_gone_locked(what.chain);
  return found_or_made_locked(what, promised_to(what.chain));
}

slo metrics::promised_to(const std::string& chain) const {
  const auto promised = options_.slos.find(chain);
  return promised != options_.slos.end() ? promised->second : slo{};
}

std::shared_ptr<detail::run_meter> metrics::found_or_made_locked(const detail::run_meter::subject& what, const slo& promised) {
  if (const auto found = meters_.find(what); found != meters_.end()) return found->second;
  return meters_.emplace(what, std::make_shared<detail::run_meter>(what, promised, bounds_)).first->second;
}

/// Where a chain has had many shapes that nobody has any more, their runs are counted on in one that has no stages.
void metrics::fold_gone_locked(const std::string& chain) {
  constexpr std::size_t most = 16;
  const detail::run_meter::subject whole{.chain = chain, .stages = {}, .is_chain = true};
  std::vector<meters::iterator> gone;
  for (auto at = meters_.lower_bound({.chain = chain, .stages = {}}); at != meters_.end() && at->first.chain == chain; ++at)
    if (at->first != whole && at->second.use_count() == 1) gone.push_back(at);
  if (gone.size() < most) return;
  const auto to = found_or_made_locked(whole, promised_to(chain));
  for (const auto& one : gone) {
    if (one->first.is_chain) to->take_over(*one->second);
    meters_.erase(one);
  }
}

void metrics::collect(metric_set& to) const {
  std::vector<std::shared_ptr<detail::run_meter>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [what, meter] : meters_) all.push_back(meter);
  }
  for (const auto& meter : all) meter->collect(to);
}

}  // namespace catena
