// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Where the boxes and the lines of a DAG go, in layers from top to bottom.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena::graph {

struct point {
  double x = 0;
  double y = 0;
  bool operator==(const point&) const = default;
};

/// By its upper left corner.
struct rectangle {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
  [[nodiscard]] double middle() const noexcept { return x + width / 2; }
  [[nodiscard]] double right() const noexcept { return x + width; }
  [[nodiscard]] double bottom() const noexcept { return y + height; }
};

/// A line from one box to one further down. Edges from the same box share their way as far as they can.
struct layout_edge {
  std::uint32_t from;
  std::uint32_t to;  ///< greater than `from`
};

struct layout_options {
  double beside = 28;             ///< between two boxes of a layer
  double line = 14;               ///< between a line and what is beside it
  double below = 36;              ///< between two layers, at least
  double landing = 10;            ///< how long a line goes straight down before it ends at a box
  std::size_t most_bends = 20'000;  ///< where lines have more places in layers than these, the longest go beside the drawing
};

/// The way of an edge: straight down from each point at an even index to the next one, and by a curve from there to the one after it. A curve
/// stays between two layers, so that it meets no box.
struct layout_route {
  std::vector<point> points;
  std::size_t own = 0;  ///< the index, an odd one or zero, where it leaves the way of an edge before it
};

struct layered_layout {
  std::vector<rectangle> boxes;
  std::vector<layout_route> routes;  ///< in the order of the edges
  double width = 0;
  double height = 0;
};

/// Layers by the longest path to a box, order by barycenters, places by Brandes and Köpf.
/// \param sizes  of the boxes, which stand in topological order; their corners are not looked at
/// \cost    O(sweeps * (n + b) log n) for n boxes and b bends
/// \source  Sugiyama, Tagawa and Toda 1981; Brandes and Köpf 2001. Lines from the same box share their bends here, as they carry one value.
[[nodiscard]] layered_layout lay_out(const std::vector<rectangle>& sizes, const std::vector<layout_edge>& edges, const layout_options& options = {});

}  // namespace catena::graph
