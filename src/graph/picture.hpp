// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A chain's picture: where everything stands, before it is written down.
#include <catena/graph/description.hpp>

#include "layered_layout.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace catena::graph {

enum class label_style : std::uint8_t { title, name, detail, note };
enum class label_anchor : std::uint8_t { start, middle };

/// One line of text, short enough for what it stands in.
struct label {
  std::string text;
  std::string aside = {};  ///< behind it, as a detail
  label_style style = label_style::detail;
  label_anchor anchor = label_anchor::middle;
  point at = {};           ///< where its baseline begins, or its middle
};

[[nodiscard]] double font_size(label_style style) noexcept;
/// About how wide it is, with what stands behind it.
[[nodiscard]] double width_of(const label& l);

enum class box_shape : std::uint8_t {
  function,
  stage,  ///< any other without chains inside
  frame,  ///< around the chains or stages that one consists of
  value,  ///< what a chain takes or answers
  dot,    ///< the same, of a chain inside another one
};

inline constexpr std::uint32_t no_frame = 0xffff'ffff;

struct drawn_box {
  box_shape shape = box_shape::stage;
  rectangle at = {};
  std::vector<label> labels = {};
  std::string tip = {};            ///< told of it where one points at it
  double heat = 0;
  std::uint32_t frame = no_frame;  ///< the innermost one around it, which stands before it
};

enum class line_style : std::uint8_t { value, instead };

struct drawn_line {
  layout_route way;
  line_style style;
};

struct picture {
  std::vector<drawn_box> boxes;
  std::vector<drawn_line> lines;
  double width = 0;
  double height = 0;
};

[[nodiscard]] picture draw(const description& d, const svg_options& options);

}  // namespace catena::graph
