// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A DAG in layers: every line goes to the next one, through a bend in each that it passes.
#include <cstdint>
#include <vector>

namespace catena::graph {

struct layered_vertex {
  double width = 0;
  std::uint32_t layer = 0;
  std::uint32_t place = 0;  ///< in its layer, from the left
  bool is_bend = false;
  std::vector<std::uint32_t> above;
  std::vector<std::uint32_t> below;
};

/// The boxes come first, in the order they were given in; then the bends.
struct layers {
  std::vector<layered_vertex> vertices;
  std::vector<std::vector<std::uint32_t>> rows;  ///< the vertices of each layer, from the left

  /// Makes the vertices' places what the rows say.
  void number_places() {
    for (const auto& row : rows)
      for (std::uint32_t i = 0; i < row.size(); ++i) vertices[row[i]].place = i;
  }
};

/// Puts each row in an order in which few lines cross.
void order_rows(layers& all);

/// How many pairs of lines cross.
[[nodiscard]] std::uint64_t count_crossings(const layers& all);

struct column_spacing {
  double boxes;  ///< between two boxes
  double lines;  ///< between a bend and what is beside it
};

/// The x of every vertex's middle: boxes above each other and the bends of a line stand in columns where they can.
[[nodiscard]] std::vector<double> find_columns(const layers& all, const column_spacing& spacing);

}  // namespace catena::graph
