// SPDX-License-Identifier: BSL-1.0
#include "layers.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace catena::graph {
namespace {

constexpr int most_sweeps = 24;
constexpr int patience = 6;  ///< sweeps without fewer crossings
constexpr std::size_t widest_swapped = 64;   ///< neighbours are tried the other way round in rows up to this wide,
constexpr std::size_t most_compared = 4096;  ///< where they have at most so many pairs of lines

enum class side { above, below };

const std::vector<std::uint32_t>& neighbours(const layered_vertex& v, side where) { return where == side::above ? v.above : v.below; }

/// Crossings between a row and the next one: inversions of the lines' lower ends.
std::uint64_t crossings_below(const layers& all, std::size_t row) {
  if (row + 1 >= all.rows.size()) return 0;
  std::vector<std::uint32_t> ends;
  for (const std::uint32_t v : all.rows[row]) {
    const std::size_t first = ends.size();
    for (const std::uint32_t to : all.vertices[v].below) ends.push_back(all.vertices[to].place);
    std::sort(ends.begin() + static_cast<std::ptrdiff_t>(first), ends.end());
  }
  std::vector<std::uint64_t> tree(all.rows[row + 1].size() + 1);  // Fenwick: how many ends at a place so far
  std::uint64_t crossings = 0;
  for (std::size_t seen = 0; seen < ends.size(); ++seen) {
    std::uint64_t not_right_of = 0;
    for (std::size_t i = ends[seen] + 1; i > 0; i -= i & (~i + 1)) not_right_of += tree[i];
    crossings += seen - not_right_of;
    for (std::size_t i = ends[seen] + 1; i < tree.size(); i += i & (~i + 1)) ++tree[i];
  }
  return crossings;
}

/// Each row in the order in which a walk along the lines comes by: trees have no crossings then.
void order_by_walk(layers& all) {
  std::vector<bool> seen(all.vertices.size());
  std::vector<std::vector<std::uint32_t>> rows(all.rows.size());
  std::vector<std::uint32_t> open;
  for (const auto& row : all.rows) {
    for (const std::uint32_t start : row) {
      open.push_back(start);
      while (!open.empty()) {
        const std::uint32_t v = open.back();
        open.pop_back();
        if (seen[v]) continue;
        seen[v] = true;
        rows[all.vertices[v].layer].push_back(v);
        const auto& below = all.vertices[v].below;
        open.insert(open.end(), below.rbegin(), below.rend());
      }
    }
  }
  all.rows = std::move(rows);
  all.number_places();
}

/// Sorts a row by the mean place of the neighbours in the row beside it; who has none stays where it is.
void sort_row(layers& all, std::vector<std::uint32_t>& row, side fixed) {
  struct key {
    double mean;
    std::uint32_t place;  ///< those with the same mean keep their order
    std::uint32_t vertex;
  };
  std::vector<key> keys;
  for (const std::uint32_t v : row) {
    const auto& around = neighbours(all.vertices[v], fixed);
    double sum = 0;
    for (const std::uint32_t n : around) sum += all.vertices[n].place;
    const std::uint32_t place = all.vertices[v].place;
    keys.push_back({around.empty() ? place : sum / static_cast<double>(around.size()), place, v});
  }
  std::ranges::sort(keys, {}, [](const key& k) { return std::pair(k.mean, k.place); });
  for (std::uint32_t i = 0; i < row.size(); ++i) {
    row[i] = keys[i].vertex;
    all.vertices[row[i]].place = i;
  }
}

void sweep(layers& all, side fixed) {
  if (fixed == side::above)
    for (std::size_t i = 1; i < all.rows.size(); ++i) sort_row(all, all.rows[i], fixed);
  else
    for (std::size_t i = all.rows.size(); i-- > 1;) sort_row(all, all.rows[i - 1], fixed);
}

/// How many more pairs of lines cross with b left of a than with a left of b.
std::int64_t cost_of_swap(const layers& all, std::uint32_t a, std::uint32_t b) {
  std::int64_t more = 0;
  for (const side where : {side::above, side::below}) {
    if (neighbours(all.vertices[a], where).size() * neighbours(all.vertices[b], where).size() > most_compared) return 0;
    for (const std::uint32_t x : neighbours(all.vertices[a], where)) {
      for (const std::uint32_t y : neighbours(all.vertices[b], where)) {
        if (all.vertices[x].place < all.vertices[y].place) ++more;
        if (all.vertices[x].place > all.vertices[y].place) --more;
      }
    }
  }
  return more;
}

/// Swaps neighbours as long as lines cross less; barycenters leave some such pairs.
void swap_neighbours(layers& all) {
  bool better = true;
  for (int round = 0; better && round < patience; ++round) {
    better = false;
    for (auto& row : all.rows) {
      if (row.size() > widest_swapped) continue;
      for (std::uint32_t i = 0; i + 1 < row.size(); ++i) {
        if (cost_of_swap(all, row[i], row[i + 1]) >= 0) continue;
        std::swap(row[i], row[i + 1]);
        all.vertices[row[i]].place = i;
        all.vertices[row[i + 1]].place = i + 1;
        better = true;
      }
    }
  }
}

}  // namespace

std::uint64_t count_crossings(const layers& all) {
  std::uint64_t crossings = 0;
  for (std::size_t i = 0; i < all.rows.size(); ++i) crossings += crossings_below(all, i);
  return crossings;
}

void order_rows(layers& all) {
  order_by_walk(all);
  auto best = all.rows;
  std::uint64_t fewest = count_crossings(all);
  int since = 0;
  for (int i = 0; fewest > 0 && i < most_sweeps && since < patience; ++i) {
    sweep(all, i % 2 == 0 ? side::above : side::below);
    swap_neighbours(all);
    ++since;
    if (const std::uint64_t now = count_crossings(all); now < fewest) {
      fewest = now;
      best = all.rows;
      since = 0;
    }
  }
  all.rows = std::move(best);
  all.number_places();
}

}  // namespace catena::graph
