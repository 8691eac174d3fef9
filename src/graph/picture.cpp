// SPDX-License-Identifier: BSL-1.0
#include "picture.hpp"

#include "bundles.hpp"
#include "label.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <utility>

namespace catena::graph {
namespace {

constexpr double longest_label = 200;
constexpr double least_width = 72;
constexpr double beside_label = 14;    ///< in a box
constexpr double around_labels = 8;    ///< above and below them
constexpr double around_content = 16;  ///< in a frame
constexpr double dot_size = 7;
constexpr std::size_t most_alternatives = 6;  ///< that are named; of more it is said how many there are
constexpr std::size_t most_note_lines = 2;
constexpr std::size_t most_beside = 12;  ///< stages that are alike; more are drawn as a bundle

double line_height(label_style style) noexcept { return std::ceil(font_size(style) * 1.3); }

label fitting(std::string_view text, label_style style, double width = longest_label) {
  return {.text = shortened(showable(text), width / font_size(style)), .style = style};
}

/// `legal/each[17]/summarise` without what says which one.
std::string without_indices(std::string_view path) {
  std::string plain;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '[') {
      std::size_t end = i + 1;
      while (end < path.size() && std::isdigit(static_cast<unsigned char>(path[end]))) ++end;
      const bool is_index = end > i + 1 && end < path.size() && path[end] == ']' && (end + 1 == path.size() || path[end + 1] == '/');
      if (is_index) {
        i = end;
        continue;
      }
    }
    plain += path[i];
  }
  return plain;
}

/// The stage that another is made of, if all of that was said of one stage: a timeout, a retry.
const description::stage& innermost(const description::stage& s) {
  const description::stage* at = &s;
  while (at->inner.size() == 1 && at->inner[0].stages.size() == 1 && at->inner[0].stages[0].is_nameless) at = &at->inner[0].stages[0];
  return *at;
}

/// Whether what is inside stands one behind the other, each for when those before it fail or do not do.
bool stand_in_line(const description::stage& s) {
  if (s.inner.size() < 2 || s.inner[0].stages.empty()) return false;
  return s.inner[0].stages[0].is_nameless || s.kind == "cascade";
}

std::string kind_of(const description::stage& s) {
  if (stand_in_line(s) && s.kind != "cascade") return "with fallback";
  const bool is_other = s.kind == "chain" && s.inner.size() == 1 && s.inner[0].name != s.name;
  return is_other ? s.kind + " " + s.inner[0].name : s.kind;
}

/// Puts one picture into another, with its upper left corner at a point.
void put(picture& into, picture part, point at, std::uint32_t frame) {
  const auto first = static_cast<std::uint32_t>(into.boxes.size());
  for (drawn_box& b : part.boxes) {
    b.at.x += at.x;
    b.at.y += at.y;
    for (label& l : b.labels) l.at = {l.at.x + at.x, l.at.y + at.y};
    b.frame = b.frame == no_frame ? frame : b.frame + first;
    into.boxes.push_back(std::move(b));
  }
  for (drawn_line& l : part.lines) {
    for (point& p : l.way.points) p = {p.x + at.x, p.y + at.y};
    into.lines.push_back(std::move(l));
  }
}

/// Boxes and frames in layers, with lines between them.
picture arranged(std::vector<picture> parts, const std::vector<layout_edge>& edges, line_style style) {
  std::vector<rectangle> sizes;
  for (const picture& p : parts) sizes.push_back({0, 0, p.width, p.height});
  layered_layout places = lay_out(sizes, edges);
  picture whole{.boxes = {}, .lines = {}, .width = places.width, .height = places.height};
  for (std::size_t i = 0; i < parts.size(); ++i) put(whole, std::move(parts[i]), {places.boxes[i].x, places.boxes[i].y}, no_frame);
  for (layout_route& way : places.routes) whole.lines.push_back({std::move(way), style});
  return whole;
}

/// Many alike, in rows of as many as there are rows, within a frame that the lines go to.
picture bundled(std::vector<picture> parts) {
  const auto columns = static_cast<std::size_t>(std::ceil(std::sqrt(static_cast<double>(parts.size()))));
  double width = 0;
  for (const picture& p : parts) width = std::max(width, p.width);
  picture whole;
  whole.boxes.push_back({.shape = box_shape::frame, .tip = std::to_string(parts.size()) + " stages with the same inputs, for the same stages"});
  double y = around_content;
  for (std::size_t first = 0; first < parts.size(); first += columns) {
    const std::size_t last = std::min(parts.size(), first + columns);
    double height = 0;
    for (std::size_t i = first; i < last; ++i) height = std::max(height, parts[i].height);
    for (std::size_t i = first; i < last; ++i) {
      const double x = around_content + static_cast<double>(i - first) * (width + beside_label) + (width - parts[i].width) / 2;
      const double down = (height - parts[i].height) / 2;
      put(whole, std::move(parts[i]), {x, y + down}, 0);
    }
    y += height + beside_label;
  }
  whole.width = static_cast<double>(columns) * (width + beside_label) - beside_label + 2 * around_content;
  whole.height = y - beside_label + around_content;
  whole.boxes[0].at = {0, 0, whole.width, whole.height};
  return whole;
}

/// A box as large as its labels want it.
picture box_around(drawn_box box) {
  picture alone;
  double text = 0;
  double y = around_labels;
  for (label& l : box.labels) {
    text = std::max(text, width_of(l));
    y += line_height(l.style);
  }
  alone.width = std::ceil(std::max(least_width, text + 2 * beside_label));
  alone.height = y + around_labels;
  y = around_labels;
  for (label& l : box.labels) {
    l.at = {alone.width / 2, y + font_size(l.style)};
    y += line_height(l.style);
  }
  box.at = {0, 0, alone.width, alone.height};
  alone.boxes.push_back(std::move(box));
  return alone;
}

picture value_of(std::string_view type) {
  drawn_box box{.shape = box_shape::value, .labels = {fitting(type, label_style::detail)}, .tip = showable(type)};
  return box_around(std::move(box));
}

picture dot() {
  picture alone;
  alone.width = alone.height = dot_size;
  alone.boxes.push_back({.shape = box_shape::dot, .at = {0, 0, dot_size, dot_size}});
  return alone;
}

class painter {
 public:
  explicit painter(const svg_options& options) : options_(options) {}

  [[nodiscard]] picture whole(const description& d) const {
    std::string taken;
    for (const std::string& type : d.inputs) taken += (taken.empty() ? "" : ", ") + type;
    return plan(d, d.name, value_of(taken), value_of(d.output));
  }

 private:
  [[nodiscard]] picture plan(const description& d, const std::string& path, picture input, picture output) const {
    const std::vector<std::uint32_t> bundle = bundles_of(d, most_beside);
    std::vector<std::vector<picture>> bundles(d.stages.size());
    for (std::uint32_t i = 0; i < bundle.size(); ++i) bundles[bundle[i]].push_back(stage(d.stages[i], path));
    std::vector<picture> parts;
    parts.push_back(std::move(input));
    std::vector<std::uint32_t> part_of(d.stages.size());
    std::vector<layout_edge> edges;
    for (std::uint32_t i = 0; i < bundle.size(); ++i) {
      part_of[i] = part_of[bundle[i]];
      if (bundle[i] != i) continue;
      part_of[i] = static_cast<std::uint32_t>(parts.size());
      parts.push_back(bundles[i].size() == 1 ? std::move(bundles[i][0]) : bundled(std::move(bundles[i])));
      if (d.stages[i].takes_input) edges.push_back({0, part_of[i]});
      for (const std::uint32_t from : d.stages[i].inputs)
        if (from < i && bundle[from] == from) edges.push_back({part_of[from], part_of[i]});
    }
    if (d.result < bundle.size()) edges.push_back({part_of[d.result], static_cast<std::uint32_t>(parts.size())});
    parts.push_back(std::move(output));
    return arranged(std::move(parts), edges, line_style::value);
  }

  [[nodiscard]] picture inner_plan(const description& d, const std::string& path) const {
    return d.stages.size() == 1 ? stage(d.stages[0], path) : plan(d, path, dot(), dot());
  }

  [[nodiscard]] picture stage(const description::stage& s, const std::string& around) const {
    const std::string path = s.is_nameless ? around : around + "/" + s.name;
    const stage_note* note = s.is_nameless && around.find('/') != std::string::npos ? nullptr : note_of(path);
    const description::stage& work = innermost(s);
    drawn_box box{.shape = box_shape::frame, .tip = showable(path) + ": " + showable(kind_of(work)) + (s.type.empty() ? "" : ", answers " + showable(s.type))};
    if (note && std::isfinite(note->heat)) box.heat = std::clamp(note->heat, 0.0, 1.0);
    if (work.inner.empty()) return leaf(s.name, work, note, std::move(box));
    return frame(s.name, work, note, path, std::move(box));
  }

  [[nodiscard]] const stage_note* note_of(const std::string& path) const {
    const auto found = std::ranges::find(options_.notes, path, &stage_note::path);
    if (found != options_.notes.end()) return &*found;
    const auto indexed = std::ranges::find_if(options_.notes, [&](const stage_note& n) { return without_indices(n.path) == path; });
    return indexed == options_.notes.end() ? nullptr : &*indexed;
  }

  [[nodiscard]] static picture leaf(const std::string& name, const description::stage& work, const stage_note* note, drawn_box box) {
    box.shape = work.kind == "function" ? box_shape::function : box_shape::stage;
    box.labels.push_back(fitting(name, label_style::name));
    if (work.kind != "function") box.labels.push_back(fitting(work.kind, label_style::detail));
    const std::size_t named = work.alternatives.size() <= most_alternatives ? work.alternatives.size() : most_alternatives - 1;
    for (std::size_t i = 0; i < named; ++i) {
      const alternative& a = work.alternatives[i];
      box.labels.push_back(fitting(a.label.empty() ? a.name : a.name + " (" + a.label + ")", label_style::detail));
    }
    if (named < work.alternatives.size())
      box.labels.push_back(fitting("and " + std::to_string(work.alternatives.size() - named) + " more", label_style::detail));
    for (std::size_t i = 0; note && i < std::min(most_note_lines, note->lines.size()); ++i)
      box.labels.push_back(fitting(note->lines[i], label_style::note));
    return box_around(std::move(box));
  }

  [[nodiscard]] picture frame(const std::string& name, const description::stage& work, const stage_note* note, const std::string& path,
                              drawn_box box) const {
    box.labels.push_back(fitting(name, label_style::name));
    if (const std::string kind = kind_of(work); kind != name) box.labels.back().aside = fitting(kind, label_style::detail, longest_label / 2).text;
    std::string noted;
    for (std::size_t i = 0; note && i < std::min(most_note_lines, note->lines.size()); ++i) noted += (i == 0 ? "" : " \xC2\xB7 ") + note->lines[i];
    if (!noted.empty()) box.labels.push_back(fitting(noted, label_style::note));
    std::vector<picture> parts;
    std::vector<layout_edge> edges;
    for (const description& d : work.inner) {
      const auto i = static_cast<std::uint32_t>(parts.size());
      if (i > 0 && stand_in_line(work)) edges.push_back({i - 1, i});
      parts.push_back(inner_plan(d, path));
    }
    return framed(std::move(box), arranged(std::move(parts), edges, line_style::instead));
  }

  [[nodiscard]] static picture framed(drawn_box box, picture content) {
    picture whole;
    double y = around_labels;
    double text = 0;
    for (label& l : box.labels) {
      l.anchor = label_anchor::start;
      l.at = {beside_label, y + font_size(l.style)};
      y += line_height(l.style);
      text = std::max(text, width_of(l));
    }
    y += around_content;
    whole.width = std::ceil(std::max(content.width + 2 * around_content, text + 2 * beside_label));
    whole.height = y + content.height + around_content;
    box.at = {0, 0, whole.width, whole.height};
    whole.boxes.push_back(std::move(box));
    const double x = (whole.width - content.width) / 2;
    put(whole, std::move(content), {x, y}, 0);
    return whole;
  }

  const svg_options& options_;
};

}  // namespace

double font_size(label_style style) noexcept {
  switch (style) {
    case label_style::title: return 16;
    case label_style::name: return 13;
    case label_style::detail:
    case label_style::note: break;
  }
  return 11;
}

double width_of(const label& l) {
  const double aside = l.aside.empty() ? 0 : font_size(label_style::detail) * (width_of(" ") * 2 + width_of(std::string_view(l.aside)));
  return width_of(std::string_view(l.text)) * font_size(l.style) + aside;
}

picture draw(const description& d, const svg_options& options) { return painter(options).whole(d); }

}  // namespace catena::graph
