// SPDX-License-Identifier: BSL-1.0
#include "chrome_lanes.hpp"

#include <catena/observe/trace_measure.hpp>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <unordered_map>

namespace catena::detail {
namespace {

constexpr std::size_t most_looked_at = 64;
constexpr std::size_t none = static_cast<std::size_t>(-1);

class lane_maker {
 public:
  explicit lane_maker(const trace& t) : trace_(t) {
    made_.lane_of.resize(t.spans.size());
    made_.inside.resize(t.spans.size());
  }

  laid_trace make() {
    std::vector<std::size_t> in_order(trace_.spans.size());
    std::iota(in_order.begin(), in_order.end(), std::size_t{0});
    std::ranges::sort(in_order, {}, [&](std::size_t i) { return std::pair(trace_.spans[i].began, i); });
    for (const std::size_t i : in_order) {
      const trace_span& s = trace_.spans[i];
      const auto above = numbers_.find(s.parent);
      lay(i, above == numbers_.end() ? none : above->second);
      numbers_[s.id] = i;
    }
    return std::move(made_);
  }

 private:
  [[nodiscard]] time_point ended(std::size_t i) const noexcept { return end_of(trace_.spans[i], trace_); }

  /// Whether it may lie there: alone, or right in its parent.
  [[nodiscard]] bool fits(std::size_t lane, std::size_t i, std::size_t parent) {
    auto& open = open_[lane];
    const time_point began = trace_.spans[i].began;
    while (!open.empty() && ended(open.back()) <= began && !(open.back() == parent && ended(parent) == ended(i))) open.pop_back();
    if (!open.empty()) return open.back() == parent && ended(i) <= ended(parent);
    return began >= made_.lanes[lane].ended;
  }

  void lay(std::size_t i, std::size_t parent) {
    std::size_t lane = none;
    if (parent != none && fits(made_.lane_of[parent], i, parent)) lane = made_.lane_of[parent];
    for (std::size_t back = 1; lane == none && back <= std::min(open_.size(), most_looked_at); ++back)
      if (const std::size_t other = open_.size() - back; fits(other, i, parent)) lane = other;
    const lane_time when{trace_.spans[i].began, ended(i)};
    if (lane == none) {
      lane = open_.size();
      open_.emplace_back();
      made_.lanes.push_back(when);
    }
    if (!open_[lane].empty()) made_.inside[open_[lane].back()].push_back(when);
    open_[lane].push_back(i);
    made_.lanes[lane].ended = std::max(made_.lanes[lane].ended, when.ended);
    made_.lane_of[i] = lane;
  }

  const trace& trace_;
  laid_trace made_;
  std::vector<std::vector<std::size_t>> open_;  ///< in each lane, the spans that lie in each other now
  std::unordered_map<std::uint64_t, std::size_t> numbers_;
};

}  // namespace

laid_trace laid_out(const trace& t) { return lane_maker(t).make(); }

}  // namespace catena::detail
