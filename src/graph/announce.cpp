// SPDX-License-Identifier: BSL-1.0
#include <catena/graph/plan.hpp>
#include <catena/observe/metrics.hpp>

#include <algorithm>

namespace catena::graph {
namespace {

/// A stage is one step inside the other, each with something that was said of it; only the outermost has a name.
/// \param of  the part that a step without a name belongs to; as many as there are: none yet
void add_parts(const plan& p, const std::string& path, std::size_t of, tunable_site& site) {
  for (const step_description& step : p.stages) {
    const std::size_t own = step.name.empty() ? of : site.parts.size();
    if (own == site.parts.size()) site.parts.push_back({tunable_site::kind::stage, step.name.empty() ? path : path + "/" + step.name, {}});
    auto& places = site.parts[own].places;
    places.insert(places.end(), step.tunables.begin(), step.tunables.end());
    const std::string own_path = site.parts[own].name;
    for (const plan_ptr& inner : step.inner)
      if (!inner->is_chain) add_parts(*inner, own_path, own, site);
  }
}

/// Those of its stages that have a name, and of what they consist of.
/// \param within  the path of the stage that it is a part of; empty: it is the whole
void count_runs(const plan& p, metrics& by, const std::string& chain, const std::string& within) {
  catena::detail::run_meter::subject what{.chain = chain, .stages = {}, .is_chain = within.empty()};
  for (const step_description& step : p.stages) {
    const std::string path = step.name.empty() || within.empty() ? step.name : within + "/" + step.name;
    what.stages.push_back(path);
    const std::string inside = path.empty() ? (within.empty() ? p.name : within) : path;
    for (const plan_ptr& inner : step.inner)
      if (!inner->is_chain) count_runs(*inner, by, chain, inside);
  }
  const bool has_named = std::ranges::any_of(what.stages, [](const std::string& path) { return !path.empty(); });
  if (!p.meter && (what.is_chain || has_named)) p.meter = by.meter_of(what);
}

}  // namespace

void announce(const plan& p, const std::string& name) {
  auto site = std::make_shared<tunable_site>();
  add_parts(p, name.empty() ? p.name : name, 0, *site);
  p.announced = site;
  p.runtime->tunables.add(site);
  if (p.runtime->metrics) count_runs(p, *p.runtime->metrics, name.empty() ? p.name : name, {});
}

}  // namespace catena::graph
