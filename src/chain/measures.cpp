// SPDX-License-Identifier: BSL-1.0
// What the steps of a stage have counted.
#include <catena/chain/steps/attempt_step.hpp>
#include <catena/chain/steps/fallback_step.hpp>
#include <catena/chain/steps/hedge_step.hpp>
#include <catena/chain/steps/queue_step.hpp>
#include <catena/observe/metric_families.hpp>

namespace catena::detail {
namespace {

double openness(breaker_state s) noexcept {
  switch (s) {
    case breaker_state::closed: return 0;
    case breaker_state::half_open: return 0.5;
    case breaker_state::open: break;
  }
  return 1;
}

}  // namespace

void attempted_work::collect(metric_set& to, std::string_view chain, std::string_view stage) const {
  const auto tell = [&](const metric_family& family, double value) { to.add(family, {{"chain", chain}, {"stage", stage}}, value); };
  if (options.retry) tell(metric_families::retries, static_cast<double>(retries.load(std::memory_order_relaxed)));
  if (options.breaker) tell(metric_families::breaker_open, openness(options.breaker->state()));
}

void hedged_work::collect(metric_set& to, std::string_view chain, std::string_view stage) const {
  to.add(metric_families::hedges, {{"chain", chain}, {"stage", stage}}, static_cast<double>(hedges.load(std::memory_order_relaxed)));
}

void queued_work::collect(metric_set& to, std::string_view chain, std::string_view stage) const {
  const auto [waiting, inside] = queue.now();
  to.add(metric_families::stage_waiting, {{"chain", chain}, {"stage", stage}}, static_cast<double>(waiting));
  to.add(metric_families::stage_inside, {{"chain", chain}, {"stage", stage}}, static_cast<double>(inside));
}

void replaced_work::collect(metric_set& to, std::string_view chain, std::string_view stage) const {
  to.add(metric_families::fallbacks, {{"chain", chain}, {"stage", stage}}, static_cast<double>(fallbacks.load(std::memory_order_relaxed)));
}

}  // namespace catena::detail
