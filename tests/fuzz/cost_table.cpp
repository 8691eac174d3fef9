// SPDX-License-Identifier: BSL-1.0
/// \file
/// A cost is a number whatever was measured, lies on the line between the knots around it, and what always takes as long is known.
#include <catena/schedule/cost_table.hpp>

#include <algorithm>
#include <cmath>
#include <map>

#include "fuzz/fuzz.hpp"

namespace catena::fuzz::cost_table_target {

/// The number of the largest knot that is not larger, by looking at all of them.
std::size_t looked_up(std::size_t size) {
  std::size_t i = 0;
  while (cost_table::size_of(i + 1) <= size) ++i;
  return i;
}

void agrees(const cost_table& table, std::size_t size) {
  const std::size_t below = looked_up(size), from = cost_table::size_of(below), to = cost_table::size_of(below + 1);
  require(cost_table::knot_below(size) == below);
  require(cost_table::nearest_knot(size) == (size - from < to - size ? below : below + 1));
  const double cost = table.cost(size);
  require(std::isfinite(cost) && (table.learnt() == 0 ? cost == 0 : cost > 0));
  if (table.learnt() == 0) return;
  const double first = table.cost(from), last = table.cost(to);
  if (below + 1 < table.knot_count()) {
    const double share = static_cast<double>(size - from) / static_cast<double>(to - from);
    require(std::abs(cost - (first + share * (last - first))) <= 1e-9 * (first + last));
  } else {
    require(std::abs(cost - first * static_cast<double>(size) / static_cast<double>(from)) <= 1e-9 * cost);
  }
}

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  cost_table table;
  std::map<std::size_t, std::uint64_t> taught;  ///< by knot, how often
  std::uint64_t learnt = 0;
  while (!in.empty()) {
    const std::size_t rows = in.below(in.below(4) ? 40 : 1000);
    const duration took = in.span();
    if (in.below(4) == 0) table.smooth();
    // Often enough that whatever was known of it before is forgotten.
    const bool often = in.below(16) == 0;
    for (int i = 0; i < (often ? 10 : 1); ++i) table.learn(rows, took);
    if (rows == 0) continue;
    const std::size_t knot = cost_table::nearest_knot(rows);
    taught[knot] += often ? 10 : 1;
    learnt += often ? 10 : 1;
    require(table.learnt() == learnt);
    require(table.knot_count() == taught.rbegin()->first + 1);
    for (const auto& [i, times] : taught) require(times >= cost_table::trusted_count || !table.trusted(i));
    const double ns = std::clamp(static_cast<double>(took.count()), 1.0, 1e14);
    if (often && cost_table::size_of(knot) == rows) require(table.cost(rows) <= 2.5 * ns && table.cost(rows) >= ns / 2.5);
    agrees(table, rows);
    agrees(table, 1 + in.below(1200));
  }
}

const target registered("cost_table", on_input);

}  // namespace catena::fuzz::cost_table_target
