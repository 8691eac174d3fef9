// SPDX-License-Identifier: BSL-1.0
#include "bundles.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace catena::graph {
namespace {

constexpr std::uint32_t outside = 0xffff'ffff;  ///< the chain's input, or who takes its answer

}  // namespace

std::vector<std::uint32_t> bundles_of(const description& d, std::size_t most_alone) {
  using neighbours = std::pair<std::vector<std::uint32_t>, std::vector<std::uint32_t>>;
  std::vector<neighbours> around(d.stages.size());
  for (std::uint32_t i = 0; i < d.stages.size(); ++i) {
    for (const std::uint32_t from : d.stages[i].inputs) {
      if (from >= i) continue;
      around[i].first.push_back(from);
      around[from].second.push_back(i);
    }
    if (d.stages[i].takes_input) around[i].first.push_back(outside);
    std::ranges::sort(around[i].first);
  }
  if (d.result < around.size()) around[d.result].second.push_back(outside);
  std::map<neighbours, std::vector<std::uint32_t>> alike;
  for (std::uint32_t i = 0; i < around.size(); ++i) alike[around[i]].push_back(i);
  std::vector<std::uint32_t> first(around.size());
  for (const auto& [where, stages] : alike)
    for (const std::uint32_t i : stages) first[i] = stages.size() > most_alone ? stages.front() : i;
  return first;
}

}  // namespace catena::graph
