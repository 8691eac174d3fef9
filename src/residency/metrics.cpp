// SPDX-License-Identifier: BSL-1.0
// What is measured of memory that models share.
#include <catena/observe/metric_families.hpp>
#include <catena/residency/residency.hpp>

namespace catena::detail {

void residency_core::collect(metric_set& to) const {
  namespace families = metric_families;
  const residency_stats now = stats();
  for (const memory_use& m : now.held) to.add(families::memory_held, {{"memory", m.memory}}, static_cast<double>(m.bytes));
  for (const auto& m : now.models) {
    to.add(families::residency_state, {{"model", m.name}}, m.level == residency_level::hot ? 1 : m.level == residency_level::warm ? 0.5 : 0);
    to.add(families::residency_loads, {{"model", m.name}}, static_cast<double>(m.load_count));
    to.add(families::residency_unloads, {{"model", m.name}}, static_cast<double>(m.unload_count));
  }
}

}  // namespace catena::detail
