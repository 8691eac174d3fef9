// SPDX-License-Identifier: BSL-1.0
#include <catena/graph/plan.hpp>

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

}  // namespace

void announce(const plan& p, const std::string& name) {
  auto site = std::make_shared<tunable_site>();
  add_parts(p, name.empty() ? p.name : name, 0, *site);
  p.announced = site;
  p.runtime->tunables.add(site);
}

}  // namespace catena::graph
