// SPDX-License-Identifier: BSL-1.0
#include <catena/graph/known_chain.hpp>
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

/// What the steps of a chain's stages have counted.
class stage_measures final : public metric_source {
 public:
  explicit stage_measures(std::string chain) : chain_(std::move(chain)) {}

  /// \param within  the path of the stage that the plan is a part of; empty: it is the chain's own
  void add(const plan& p, const std::string& within) {
    for (const step_description& step : p.stages) {
      const std::string path = path_of(step, within);
      if (step.measure) all_.push_back({path.empty() ? chain_ : path, step.measure});
      for (const plan_ptr& inner : step.inner)
        if (!inner->is_chain) add(*inner, path);
    }
  }
  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
  void collect(metric_set& to) const override {
    for (const auto& [stage, measure] : all_) measure->collect(to, chain_, stage);
  }

  [[nodiscard]] static std::string path_of(const step_description& step, const std::string& within) {
    if (step.name.empty()) return within;
    return within.empty() ? step.name : within + "/" + step.name;
  }

 private:
  struct measured {
    std::string stage;
    std::shared_ptr<const stage_measure> measure;
  };
  const std::string chain_;
  std::vector<measured> all_;
};

/// Those of its stages that have a name, and of what they consist of.
/// \param within  the path of the stage that it is a part of; empty: it is the whole
void count_runs(const plan& p, metrics& by, const std::string& chain, const std::string& within, bool is_whole) {
  catena::detail::run_meter::subject what{.chain = chain, .stages = {}, .is_chain = is_whole};
  for (const step_description& step : p.stages) {
    const std::string inside = stage_measures::path_of(step, within);
    what.stages.push_back(step.name.empty() ? "" : inside);
    for (const plan_ptr& inner : step.inner)
      if (!inner->is_chain) count_runs(*inner, by, chain, inside, false);
  }
  const bool has_named = std::ranges::any_of(what.stages, [](const std::string& path) { return !path.empty(); });
  if (!p.meter && (what.is_chain || has_named)) p.meter = by.meter_of(what);
}

}  // namespace

plan::~plan() {
  if (known) known->forget();
}

void announce(const plan& p, const std::string& name) {
  const std::string& known_as = name.empty() ? p.name : name;
  auto site = std::make_shared<tunable_site>();
  add_parts(p, known_as, 0, *site);
  p.announced = site;
  p.runtime->tunables.add(site);
  if (p.is_chain && name.empty()) {
    p.known = std::make_shared<known_chain>(p);
    p.runtime->chains.add(p.known);
  }
  auto measures = std::make_shared<stage_measures>(known_as);
  measures->add(p, {});
  if (!measures->empty()) {
    p.runtime->sources.add(measures);
    p.measured = std::move(measures);
  }
  if (p.runtime->metrics) count_runs(p, *p.runtime->metrics, known_as, {}, true);
}

}  // namespace catena::graph
