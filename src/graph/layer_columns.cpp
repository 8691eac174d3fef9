// SPDX-License-Identifier: BSL-1.0
#include "layers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ranges>
#include <utility>
#include <vector>

namespace catena::graph {
namespace {

/// The layers as seen from one of their four corners: rows from the first to the last, each from its first to its last.
struct corner {
  bool from_below;
  bool from_the_right;
};

/// Which vertices stand above each other.
struct alignment {
  std::vector<std::uint32_t> root;  ///< of the vertex's column
  std::vector<std::uint32_t> next;  ///< in the column, round to its root
};

/// Between the middles of two beside each other.
double distance(const layers& all, const column_spacing& spacing, std::uint32_t a, std::uint32_t b) {
  const auto& left = all.vertices[a];
  const auto& right = all.vertices[b];
  return (left.width + right.width) / 2 + (left.is_bend || right.is_bend ? spacing.lines : spacing.boxes);
}

class column_finder {
 public:
  column_finder(const layers& all, const column_spacing& spacing) : all_(all), spacing_(spacing) { find_crossed(); }

  /// The middles, for the rows as they are seen from one corner; those from the right are negative.
  [[nodiscard]] std::vector<double> find(corner seen) const { return place(align(seen), seen); }

 private:
  [[nodiscard]] bool is_inner(std::uint32_t upper, std::uint32_t lower) const { return all_.vertices[upper].is_bend && all_.vertices[lower].is_bend; }

  [[nodiscard]] bool goes_on(std::uint32_t bend) const {
    return std::ranges::any_of(all_.vertices[bend].below, [&](std::uint32_t to) { return all_.vertices[to].is_bend; });
  }

  /// The lines that must not be straight, as they cross one between two bends: what ends between two of those has to begin between them.
  void find_crossed() {
    crossed_.resize(all_.vertices.size());
    for (std::size_t i = 1; i < all_.rows.size(); ++i) {
      const auto& row = all_.rows[i];
      std::uint32_t left = 0;
      std::size_t from = 0;
      for (std::size_t k = 0; k < row.size(); ++k) {
        const auto& v = all_.vertices[row[k]];
        const bool inner = v.is_bend && is_inner(v.above.front(), row[k]);
        if (!inner && k + 1 != row.size()) continue;
        const std::uint32_t right = inner ? all_.vertices[v.above.front()].place : static_cast<std::uint32_t>(all_.rows[i - 1].size());
        for (; from <= k; ++from) {
          const auto& at = all_.vertices[row[from]];
          for (std::size_t n = 0; n < at.above.size(); ++n) {
            const std::uint32_t place = all_.vertices[at.above[n]].place;
            if ((place < left || place > right) && !is_inner(at.above[n], row[from])) crossed_[row[from]].push_back(at.above[n]);
          }
        }
        left = right;
      }
    }
  }

  /// Whether `lower` may stand below `upper`: a line that goes on past this row goes straight on.
  [[nodiscard]] bool may_align(std::uint32_t upper, std::uint32_t lower) const {
    if (all_.vertices[upper].is_bend && !all_.vertices[lower].is_bend && goes_on(upper)) return false;
    return std::ranges::find(crossed_[lower], upper) == crossed_[lower].end();
  }

  /// The places of those that v may stand under, as seen from the corner, in order.
  [[nodiscard]] std::vector<std::uint32_t> candidates(std::uint32_t v, corner seen) const {
    std::vector<std::uint32_t> found;
    for (const std::uint32_t n : seen.from_below ? all_.vertices[v].below : all_.vertices[v].above) {
      if (all_.vertices[v].is_bend && seen.from_below && goes_on(v) && !all_.vertices[n].is_bend) continue;
      found.push_back(n);
    }
    std::ranges::sort(found, {}, [&](std::uint32_t n) { return place_of(n, seen); });
    return found;
  }

  [[nodiscard]] std::int64_t place_of(std::uint32_t v, corner seen) const {
    const std::int64_t place = all_.vertices[v].place;
    return seen.from_the_right ? -place : place;
  }

  [[nodiscard]] std::vector<std::uint32_t> row_from(std::size_t i, corner seen) const {
    auto row = all_.rows[seen.from_below ? all_.rows.size() - 1 - i : i];
    if (seen.from_the_right) std::ranges::reverse(row);
    return row;
  }

  /// Each vertex stands under the median of its neighbours, where no line between those before it is in the way.
  [[nodiscard]] alignment align(corner seen) const {
    alignment made;
    for (std::uint32_t v = 0; v < all_.vertices.size(); ++v) made.root.push_back(v);
    made.next = made.root;
    for (std::size_t i = 0; i < all_.rows.size(); ++i) {
      std::int64_t taken = std::numeric_limits<std::int64_t>::min();
      for (const std::uint32_t v : row_from(i, seen)) {
        const auto around = candidates(v, seen);
        if (around.empty()) continue;
        for (std::size_t m = (around.size() - 1) / 2; m <= around.size() / 2; ++m) {
          const std::uint32_t n = around[m];
          const bool allowed = seen.from_below ? may_align(v, n) : may_align(n, v);
          if (made.next[v] != v || !allowed || taken >= place_of(n, seen)) continue;
          made.next[n] = v;
          made.root[v] = made.root[n];
          made.next[v] = made.root[n];
          taken = place_of(n, seen);
        }
      }
    }
    return made;
  }

  struct neighbour {
    std::uint32_t column;
    double distance;
  };

  /// Columns as far to the left as they go, then each as far to the right as those right of it let it: so lines between are short.
  [[nodiscard]] std::vector<double> place(const alignment& made, corner seen) const {
    std::vector<std::vector<neighbour>> right_of(all_.vertices.size());
    std::vector<std::uint32_t> waits_for(all_.vertices.size());
    for (std::size_t i = 0; i < all_.rows.size(); ++i) {
      const auto row = row_from(i, seen);
      for (std::size_t k = 1; k < row.size(); ++k) {
        right_of[made.root[row[k - 1]]].push_back({made.root[row[k]], distance(all_, spacing_, row[k - 1], row[k])});
        ++waits_for[made.root[row[k]]];
      }
    }
    std::vector<std::uint32_t> order;
    for (std::uint32_t v = 0; v < all_.vertices.size(); ++v)
      if (made.root[v] == v && waits_for[v] == 0) order.push_back(v);
    std::vector<double> x(all_.vertices.size());
    for (std::size_t k = 0; k < order.size(); ++k) {
      for (const neighbour& n : right_of[order[k]]) {
        x[n.column] = std::max(x[n.column], x[order[k]] + n.distance);
        if (--waits_for[n.column] == 0) order.push_back(n.column);
      }
    }
    for (const std::uint32_t column : std::views::reverse(order)) {
      double room = std::numeric_limits<double>::infinity();
      for (const neighbour& n : right_of[column]) room = std::min(room, x[n.column] - n.distance);
      if (!right_of[column].empty()) x[column] = std::max(x[column], room);
    }
    for (std::uint32_t v = 0; v < all_.vertices.size(); ++v) x[v] = x[made.root[v]];
    if (seen.from_the_right)
      for (double& at : x) at = -at;
    return x;
  }

  const layers& all_;
  column_spacing spacing_;
  std::vector<std::vector<std::uint32_t>> crossed_;  ///< per vertex, those above it that it must not stand under
};

struct extent {
  double left = std::numeric_limits<double>::infinity();
  double right = -std::numeric_limits<double>::infinity();
};

extent extent_of(const layers& all, const std::vector<double>& x) {
  extent e;
  for (std::size_t v = 0; v < x.size(); ++v) {
    e.left = std::min(e.left, x[v] - all.vertices[v].width / 2);
    e.right = std::max(e.right, x[v] + all.vertices[v].width / 2);
  }
  return e;
}

/// Moves what stands nearly below another, or above it, to where a line between them is straight: one that is nearly so looks like a mistake.
/// It may come a little nearer to those beside it for that.
class straightener {
 public:
  straightener(const layers& all, const column_spacing& spacing, std::vector<double>& x)
      : all_(all), near_(spacing.lines), closest_{spacing.boxes * 0.75, spacing.lines * 0.75}, x_(x) {}

  void run() {
    for (const auto& row : all_.rows)
      for (std::size_t k = 0; k < row.size(); ++k) align(row, k, all_.vertices[row[k]].above);
    for (const auto& row : std::views::reverse(all_.rows))
      for (std::size_t k = 0; k < row.size(); ++k)
        if (!stands_below_another(row[k])) align(row, k, all_.vertices[row[k]].below);
  }

 private:
  [[nodiscard]] bool stands_below_another(std::uint32_t v) const {
    return std::ranges::any_of(all_.vertices[v].above, [&](std::uint32_t n) { return x_[n] == x_[v]; });
  }

  void align(const std::vector<std::uint32_t>& row, std::size_t k, const std::vector<std::uint32_t>& with) {
    double& at = x_[row[k]];
    const auto is_near = [&](std::uint32_t n) { return std::abs(x_[n] - at) < near_; };
    if (std::ranges::count_if(with, is_near) != 1) return;
    const double wanted = x_[*std::ranges::find_if(with, is_near)];
    if (k > 0 && wanted - x_[row[k - 1]] < distance(all_, closest_, row[k - 1], row[k])) return;
    if (k + 1 < row.size() && x_[row[k + 1]] - wanted < distance(all_, closest_, row[k], row[k + 1])) return;
    at = wanted;
  }

  const layers& all_;
  double near_;
  column_spacing closest_;
  std::vector<double>& x_;
};

}  // namespace

std::vector<double> find_columns(const layers& all, const column_spacing& spacing) {
  const column_finder finder(all, spacing);
  const std::array<corner, 4> corners{{{false, false}, {false, true}, {true, false}, {true, true}}};
  std::array<std::vector<double>, 4> found;
  std::array<extent, 4> extents;
  std::size_t narrowest = 0;
  for (std::size_t c = 0; c < 4; ++c) {
    found[c] = finder.find(corners[c]);
    extents[c] = extent_of(all, found[c]);
    if (extents[c].right - extents[c].left < extents[narrowest].right - extents[narrowest].left) narrowest = c;
  }
  for (std::size_t c = 0; c < 4; ++c) {
    const double shift = corners[c].from_the_right ? extents[narrowest].right - extents[c].right : extents[narrowest].left - extents[c].left;
    for (double& x : found[c]) x += shift;
  }
  std::vector<double> x(all.vertices.size());
  for (std::size_t v = 0; v < x.size(); ++v) {
    std::array<double, 4> at{found[0][v], found[1][v], found[2][v], found[3][v]};
    std::ranges::sort(at);
    x[v] = std::round(at[1] + at[2]) / 2;  // to halves, so that what is nearly straight is straight
  }
  straightener(all, spacing, x).run();
  return x;
}

}  // namespace catena::graph
