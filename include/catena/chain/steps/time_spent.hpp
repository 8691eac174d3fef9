// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a run's time went into before one of its stages, for messages.
#include <catena/chain/steps/child_run.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace catena::detail {

struct stage_time {
  std::string_view stage;
  duration took{};
};

/// Adds the times of all that had to end before the step; others may still be running, and are not looked at.
inline void add_times_before(graph::run& r, const graph::step& s, std::vector<stage_time>& all) {
  const stage_span* const spans = r.spans();
  if (!spans) return;
  std::vector<bool> seen(r.of().steps.size());
  std::vector<std::uint32_t> to_see = r.description(s).producers;
  while (!to_see.empty()) {
    const std::uint32_t i = to_see.back();
    to_see.pop_back();
    if (seen[i]) continue;
    seen[i] = true;
    const graph::step_description& stage = r.of().stages[i];
    if (spans[i].ended > spans[i].began) all.push_back({stage.name, spans[i].ended - spans[i].began});
    to_see.insert(to_see.end(), stage.producers.begin(), stage.producers.end());
  }
}

/// As in "fetch 60 ms, parse 20 ms": the stages that took longest of those before the step, in its run and those around it. Empty where
/// nobody records how long stages take.
[[nodiscard]] inline std::string time_spent_before(graph::run& r, const graph::step& s) {
  constexpr std::size_t most = 4;
  std::vector<stage_time> all;
  const graph::step* at = &s;
  for (graph::run* in = &r; in; in = in->around()) {
    add_times_before(*in, *at, all);
    if (in->around()) at = in->tail<child_tail>().parent_step;
  }
  std::ranges::sort(all, [](const stage_time& a, const stage_time& b) { return std::tie(b.took, a.stage) < std::tie(a.took, b.stage); });
  std::string text;
  for (std::size_t i = 0; i < std::min(all.size(), most); ++i)
    text += (i == 0 ? "" : ", ") + std::string(all[i].stage) + " " + in_words(all[i].took);
  return text;
}

}  // namespace catena::detail
