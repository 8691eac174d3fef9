// SPDX-License-Identifier: BSL-1.0
// What is measured of versions.
#include <catena/observe/metric_families.hpp>
#include <catena/version/version_set.hpp>

#include <string_view>

namespace catena::detail {
namespace {

std::string_view name_of(version_label l) noexcept {
  switch (l) {
    case version_label::stable: return "stable";
    case version_label::canary: return "canary";
    case version_label::shadow: return "shadow";
    case version_label::none: break;
  }
  return "none";
}

}  // namespace

void version_set::collect(metric_set& to) const {
  namespace families = metric_families;
  for (const version_stats& v : stats().versions) {
    const metric_set::label of{"name", name()}, version{"version", v.version};
    const auto ended = [&](std::string_view outcome, std::uint64_t count) {
      to.add(families::version_requests, {of, version, {"outcome", outcome}}, static_cast<double>(count));
    };
    to.add(families::version_runs, {of, version}, static_cast<double>(v.run_count));
    ended("answered", v.answered_count);
    ended("failed", v.failed_count);
    ended("ignored", v.ignored_count);
    to.add(families::version_label_state, {of, version, {"label", name_of(v.label)}}, 1);
  }
}

}  // namespace catena::detail
