// SPDX-License-Identifier: BSL-1.0
// What a runtime has measured, all together.
#include <catena/observe/metric_families.hpp>
#include <catena/observe/metrics.hpp>
#include <catena/observe/process.hpp>
#include <catena/observe/tracer.hpp>
#include <catena/runtime.hpp>

namespace catena {

namespace families = metric_families;

metric_set runtime::metrics() const {
  const runtime_state& state = *state_;
  metric_set all(state.metrics ? state.metrics->options().max_series : metrics_options{}.max_series);
  if (state.metrics) state.metrics->collect(all);
  for (const auto& source : state.sources.all()) source->collect(all);
  all.add(families::runs_live, {}, static_cast<double>(state.live_run_count()));
  all.add(families::wasted, {}, static_cast<double>(state.wasted_count()));
  all.add(families::left_behind, {}, static_cast<double>(state.left_behind_count()));
  all.add(families::draining, {}, state.draining() ? 1 : 0);
  all.add(families::parked_runs, {}, static_cast<double>(parked().size()));
  if (state.tracer) {
    const auto [kept, dropped, limited] = state.tracer->seen();
    all.add(families::traces, {{"fate", "kept"}}, static_cast<double>(kept));
    all.add(families::traces, {{"fate", "dropped"}}, static_cast<double>(dropped));
    all.add(families::traces, {{"fate", "limited"}}, static_cast<double>(limited));
    for (const auto& sink : state.tracer->options().sinks) sink->collect(all);
  }
  collect_process(all);
  return all;
}

}  // namespace catena
