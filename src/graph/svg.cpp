// SPDX-License-Identifier: BSL-1.0
#include <catena/graph/description.hpp>

#include "label.hpp"
#include "picture.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>

namespace catena::graph {
namespace {

constexpr double margin = 20;
constexpr double head_length = 7;
constexpr double head_width = 6;
constexpr double hottest = 0.55;  ///< opacity: text stays readable

/// What is drawn has its light colours as attributes, which hold where no style sheet is allowed or understood.
constexpr std::string_view style_sheet = R"(<style>
.catena{--paper:#fff;--frame:#f6f8fa;--box:#fff;--border:#8c959f;--ink:#1f2328;--soft:#4b5563;--line:#6e7781;--heat:#f0883e}
@media (prefers-color-scheme:dark){.catena{--paper:#0d1117;--frame:#151b23;--box:#212830;--border:#656c76;--ink:#e6edf3;--soft:#b7bfc9;--line:#8b949e;--heat:#db6d28}}
.catena .paper{fill:var(--paper)}
.catena .frame{fill:var(--frame);stroke:var(--border)}
.catena .box{fill:var(--box);stroke:var(--border)}
.catena .heat{fill:var(--heat)}
.catena .line{stroke:var(--line)}
.catena .head{fill:var(--line)}
.catena .ink{fill:var(--ink)}
.catena .soft{fill:var(--soft)}
</style>
)";

/// With so many digits behind the point at most.
std::string number(double value, int digits = 1) {
  std::array<char, 32> text{};
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, digits);
  std::string_view shortest(text.data(), static_cast<std::size_t>(written.ptr - text.data()));
  while (shortest.ends_with('0')) shortest.remove_suffix(1);
  if (shortest.ends_with('.')) shortest.remove_suffix(1);
  return shortest == "-0" ? "0" : std::string(shortest);
}

std::string attribute(std::string_view name, double value) { return " " + std::string(name) + "=\"" + number(value) + "\""; }

class svg_writer {
 public:
  svg_writer(const description& d, const svg_options& options) : picture_(draw(d, options)) {
    const label title{.text = showable(options.title), .style = label_style::title, .anchor = label_anchor::start, .at = {0, font_size(label_style::title)}};
    const double above = title.text.empty() ? 0 : 2 * font_size(label_style::title);
    const double width = std::max(picture_.width, width_of(title)) + 2 * margin;
    const double height = picture_.height + above + 2 * margin;
    text_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"catena\" role=\"img\"" + attribute("width", width) + attribute("height", height) +
            " viewBox=\"0 0 " + number(width) + " " + number(height) + "\" font-family=\"system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif\">\n";
    text_ += "<title>" + escaped_xml(title.text.empty() ? showable(d.name) : title.text) + "</title>\n";
    text_ += style_sheet;
    text_ += "<rect class=\"paper\" fill=\"#fff\"" + attribute("width", width) + attribute("height", height) + "/>\n";
    text_ += "<g transform=\"translate(" + number(margin) + " " + number(margin) + ")\">\n";
    if (!title.text.empty()) add(title);
    text_ += "</g>\n<g transform=\"translate(" + number(margin + (width - 2 * margin - picture_.width) / 2) + " " + number(margin + above) + ")\">\n";
    for (const drawn_box& b : picture_.boxes)
      if (b.shape == box_shape::frame) add(b);
    for (const drawn_line& l : picture_.lines) add(l);
    for (const drawn_box& b : picture_.boxes)
      if (b.shape != box_shape::frame) add(b);
    text_ += "</g>\n</svg>\n";
  }

  [[nodiscard]] std::string take() && { return std::move(text_); }

 private:
  void add(const drawn_box& b) {
    text_ += "<g>";
    if (!b.tip.empty()) text_ += "<title>" + escaped_xml(b.tip) + "</title>";
    if (b.shape == box_shape::dot)
      text_ += "<circle class=\"head\" fill=\"#6e7781\"" + attribute("cx", b.at.middle()) + attribute("cy", b.at.y + b.at.height / 2) +
               attribute("r", b.at.width / 2) + "/>";
    else if (b.shape == box_shape::frame)
      text_ += "<rect class=\"frame\" fill=\"#f6f8fa\" stroke=\"#8c959f\"" + corners(b.at, radius_of(b)) + "/>";
    else
      text_ += "<rect class=\"box\" fill=\"#fff\" stroke=\"#8c959f\"" + corners(b.at, radius_of(b)) + "/>";
    if (b.heat > 0) add_heat(b);
    for (const label& l : b.labels) add(l);
    text_ += "</g>\n";
  }

  static double radius_of(const drawn_box& b) {
    switch (b.shape) {
      case box_shape::function: return 3;
      case box_shape::stage: return 10;
      case box_shape::frame: return 8;
      default: return b.at.height / 2;
    }
  }

  /// Inside of the border; of a frame it colours what is above its content.
  void add_heat(const drawn_box& b) {
    const double height = b.shape == box_shape::frame && !b.labels.empty() ? b.labels.back().at.y + 7 - b.at.y : b.at.height - 0.5;
    const double radius = radius_of(b) - 0.5;
    const double lower = b.shape == box_shape::frame ? 0 : radius;
    const auto corner = [](double r, double x, double y) { return "a" + number(r) + " " + number(r) + " 0 0 1 " + number(x * r) + " " + number(y * r); };
    text_ += "<path class=\"heat\" fill=\"#f0883e\" fill-opacity=\"" + number(hottest * b.heat, 2) + "\" d=\"M" + number(b.at.x + 0.5) + " " +
             number(b.at.y + 0.5 + radius) + corner(radius, 1, -1) + "H" + number(b.at.right() - 0.5 - radius) + corner(radius, 1, 1) + "V" +
             number(b.at.y + height - lower) + corner(lower, -1, 1) + "H" + number(b.at.x + 0.5 + lower) + corner(lower, -1, -1) + "Z\"/>";
  }

  static std::string corners(const rectangle& at, double radius) {
    return attribute("x", at.x) + attribute("y", at.y) + attribute("width", at.width) + attribute("height", at.height) + attribute("rx", radius);
  }

  void add(const label& l) {
    const bool is_soft = l.style == label_style::detail;
    text_ += "<text" + attribute("x", l.at.x) + attribute("y", l.at.y) + attribute("font-size", font_size(l.style)) +
             (l.anchor == label_anchor::middle ? " text-anchor=\"middle\"" : "") + (is_soft ? " class=\"soft\" fill=\"#4b5563\">" : " class=\"ink\" fill=\"#1f2328\">") +
             escaped_xml(l.text);
    if (!l.aside.empty())
      text_ += "<tspan dx=\"6\" class=\"soft\" fill=\"#4b5563\"" + attribute("font-size", font_size(label_style::detail)) + ">" + escaped_xml(l.aside) + "</tspan>";
    text_ += "</text>";
  }

  void add(const drawn_line& l) {
    const auto& p = l.way.points;
    const auto at = [](const point& where) { return number(where.x) + " " + number(where.y); };
    std::string path = "M" + at(p[l.way.own]);
    std::size_t i = l.way.own;
    if (i == 0) path += "V" + number(p[++i].y);
    for (; i + 1 < p.size(); i += 2) {
      const point& from = p[i];
      const point& to = p[i + 1];
      const double middle = (from.y + to.y) / 2;
      if (from.x != to.x) path += "C" + at({from.x, middle}) + " " + at({to.x, middle}) + " " + at(to);
      path += "V" + number(i + 3 == p.size() ? p[i + 2].y - head_length : p[i + 2].y);
    }
    text_ += "<path class=\"line\" fill=\"none\" stroke=\"#6e7781\"" + std::string(l.style == line_style::instead ? " stroke-dasharray=\"4 3\"" : "") + " d=\"" + path + "\"/>\n";
    const point& end = p.back();
    if (heads_.emplace(end.x, end.y).second)
      text_ += "<path class=\"head\" fill=\"#6e7781\" d=\"M" + at({end.x - head_width / 2, end.y - head_length}) + "H" + number(end.x + head_width / 2) + "L" + at(end) + "Z\"/>\n";
  }

  picture picture_;
  std::set<std::pair<double, double>> heads_;  ///< where there is one already
  std::string text_;
};

}  // namespace

std::string description::svg() const { return svg({}); }

std::string description::svg(const svg_options& options) const { return svg_writer(*this, options).take(); }

}  // namespace catena::graph
