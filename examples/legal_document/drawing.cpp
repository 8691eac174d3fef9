// SPDX-License-Identifier: BSL-1.0
#include "legal_document/drawing.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace legal {
namespace {

using seconds = std::chrono::duration<double>;

/// What is measured knows stages by their names only: in this chain no two have the same.
void add_notes(const catena::graph::description& of, const std::string& path, const std::vector<stage_time>& times, seconds longest,
               std::vector<catena::graph::stage_note>& notes) {
  for (const auto& stage : of.stages) {
    const std::string own = stage.is_nameless ? path : path + "/" + stage.name;
    const auto time = std::ranges::find(times, stage.name, &stage_time::stage);
    if (!stage.is_nameless && time != times.end()) {
      notes.push_back({own, {readable_time(time->total)}, seconds(time->total) / longest});
      if (time->runs > 1) notes.back().lines.push_back(std::to_string(time->runs) + " times");
    }
    for (const auto& inner : stage.inner) add_notes(inner, own, times, longest, notes);
  }
}

}  // namespace

std::string to_svg(const catena::graph::description& chain, const report& of) {
  seconds longest{1e-9};
  for (const stage_time& time : of.figures.stages) longest = std::max(longest, seconds(time.total));
  catena::graph::svg_options with{.title = of.source + ", " + readable_time(of.figures.elapsed), .notes = {}};
  add_notes(chain, chain.name, of.figures.stages, longest, with.notes);
  return chain.svg(with);
}

}  // namespace legal
