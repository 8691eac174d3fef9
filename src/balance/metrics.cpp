// SPDX-License-Identifier: BSL-1.0
// What is measured of a pool's replicas.
#include <catena/balance/pool_core.hpp>
#include <catena/observe/metric_families.hpp>

namespace catena::detail {

void pool_core::collect(metric_set& to) const {
  namespace families = metric_families;
  for (const replica_stats& r : stats()) {
    const auto tell = [&](const metric_family& family, double value) { to.add(family, {{"pool", name()}, {"replica", r.name}}, value); };
    tell(families::replica_requests, static_cast<double>(r.requests));
    tell(families::replica_failures, static_cast<double>(r.failures));
    tell(families::replica_outstanding, static_cast<double>(r.outstanding));
    tell(families::replica_latency, std::chrono::duration<double>(r.latency).count());
    tell(families::replica_ejected, r.state == replica_state::ejected ? 1 : r.state == replica_state::probing ? 0.5 : 0);
  }
}

}  // namespace catena::detail
