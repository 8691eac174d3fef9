// SPDX-License-Identifier: BSL-1.0
#include <catena/graph/known_chain.hpp>
#include <catena/graph/run.hpp>
#include <catena/inventory.hpp>
#include <catena/model/batcher.hpp>

#include <algorithm>

namespace catena {

std::vector<graph::description> chains_of(const runtime& rt) {
  std::vector<graph::description> all;
  for (const auto& known : rt.state()->chains.all())
    if (const graph::plan_ptr plan = known->lock()) all.push_back(graph::describe(*plan));
  return all;
}

std::vector<model_report> models_of(const runtime& rt) {
  std::vector<model_report> all;
  for (const auto& model : rt.state()->models.all())
    all.push_back({.name = model->name(),
                   .version = model->options().version,
                   .instances = model->options().instances,
                   .queue_capacity = model->queue_capacity(),
                   .is_hot = model->is_hot(),
                   .is_nearly_full = model->is_nearly_full(),
                   .stats = model->stats()});
  return all;
}

std::vector<run_report> runs_of(const runtime& rt, std::size_t most) {
  std::vector<run_report> all;
  all.reserve(most);
  rt.state()->live_runs.look(most, [&](live_node& node) {
    all.push_back(static_cast<graph::run*>(static_cast<detail::trace_place&>(node).owner)->report_of_live());
  });
  std::ranges::sort(all, {}, &run_report::began);
  if (all.size() > most) all.resize(most);
  return all;
}

warm_up_list find_needs(const runtime& rt, const std::vector<std::string>& names) {
  warm_up_list found;
  const auto add = [&](const std::shared_ptr<graph::need>& n) {
    if (std::ranges::find(found.needs, n) == found.needs.end()) found.needs.push_back(n);
  };
  const auto models = rt.state()->models.all();
  const auto chains = rt.state()->chains.all();
  for (const std::string& name : names) {
    bool is_known = false;
    for (const auto& model : models) {
      if (model->name() != name) continue;
      is_known = true;
      add(model);
    }
    for (const auto& known : chains) {
      const graph::plan_ptr plan = known->lock();
      if (!plan || plan->name != name) continue;
      is_known = true;
      std::ranges::for_each(plan->needs, add);
    }
    if (!is_known) found.unknown.push_back(name);
  }
  if (names.empty()) std::ranges::for_each(models, add);
  return found;
}

}  // namespace catena
