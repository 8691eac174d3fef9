// SPDX-License-Identifier: BSL-1.0
#include "layered_layout.hpp"

#include "layers.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace catena::graph {
namespace {

constexpr std::uint32_t no_vertex = 0xffff'ffff;
constexpr double steepest = 0.14;    ///< a gap is so much higher than `below`, for each unit that its widest curve goes sideways,
constexpr double most_extra = 90;    ///< at most

/// The way that the edges of one box share: it passes the layers after the box's, up to the last of them before one of their ends.
struct trunk {
  std::uint32_t from = 0;
  std::uint32_t first = 0;              ///< layer
  std::uint32_t count = 0;              ///< of layers
  std::uint32_t bends = no_vertex;      ///< the first of its bends; none: it has a lane beside the drawing
  double lane = 0;                      ///< the lane's x
  bool is_drawn = false;
};

class layout_maker {
 public:
  layout_maker(const std::vector<rectangle>& sizes, const std::vector<layout_edge>& edges, const layout_options& options)
      : sizes_(sizes), edges_(edges), options_(options) {}

  [[nodiscard]] layered_layout make() {
    if (sizes_.empty()) return {};
    choose_layers();
    make_trunks();
    add_vertices();
    order_rows(all_);
    x_ = find_columns(all_, {.boxes = options_.beside, .lines = options_.line});
    choose_lanes();
    place_boxes();
    for (const std::size_t i : longest_first()) add_route(i);
    return std::move(made_);
  }

 private:
  void choose_layers() {
    layer_.resize(sizes_.size());
    std::vector<std::vector<std::uint32_t>> below(sizes_.size());
    std::vector<std::size_t> above_count(sizes_.size());
    for (const layout_edge& e : edges_) {
      below[e.from].push_back(e.to);
      ++above_count[e.to];
    }
    for (std::uint32_t v = 0; v < sizes_.size(); ++v)
      for (const std::uint32_t to : below[v]) layer_[to] = std::max(layer_[to], layer_[v] + 1);
    for (std::uint32_t v = static_cast<std::uint32_t>(sizes_.size()); --v > 0;) {  // all but the first may go down, if lines are shorter then
      if (below[v].size() <= above_count[v]) continue;
      std::uint32_t nearest = std::numeric_limits<std::uint32_t>::max();
      for (const std::uint32_t to : below[v]) nearest = std::min(nearest, layer_[to]);
      layer_[v] = nearest - 1;
    }
  }

  void make_trunks() {
    trunk_of_.assign(sizes_.size(), no_vertex);
    std::vector<std::uint32_t> last(sizes_.size());
    for (const layout_edge& e : edges_) last[e.from] = std::max(last[e.from], layer_[e.to]);
    for (std::uint32_t v = 0; v < sizes_.size(); ++v) {
      if (last[v] <= layer_[v] + 1) continue;
      trunk_of_[v] = static_cast<std::uint32_t>(trunks_.size());
      trunks_.push_back({.from = v, .first = layer_[v] + 1, .count = last[v] - layer_[v] - 1});
    }
    std::vector<std::uint32_t> shortest_first(trunks_.size());
    std::iota(shortest_first.begin(), shortest_first.end(), 0U);
    std::ranges::sort(shortest_first, {}, [&](std::uint32_t t) { return std::pair(trunks_[t].count, t); });
    std::size_t bends = 0;
    for (const std::uint32_t t : shortest_first) {
      if (bends + trunks_[t].count > options_.most_bends) break;
      trunks_[t].bends = static_cast<std::uint32_t>(sizes_.size() + bends);
      bends += trunks_[t].count;
    }
    all_.vertices.resize(sizes_.size() + bends);
  }

  void connect(std::uint32_t upper, std::uint32_t lower) {
    all_.vertices[upper].below.push_back(lower);
    all_.vertices[lower].above.push_back(upper);
  }

  void add_vertices() {
    all_.rows.resize(1 + *std::ranges::max_element(layer_));
    for (std::uint32_t v = 0; v < sizes_.size(); ++v) {
      all_.vertices[v].width = sizes_[v].width;
      all_.vertices[v].layer = layer_[v];
    }
    for (const trunk& t : trunks_) {
      for (std::uint32_t i = 0; t.bends != no_vertex && i < t.count; ++i) {
        all_.vertices[t.bends + i].layer = t.first + i;
        all_.vertices[t.bends + i].is_bend = true;
        connect(i == 0 ? t.from : t.bends + i - 1, t.bends + i);
      }
    }
    for (const layout_edge& e : edges_) {
      const trunk* along = layer_[e.to] == layer_[e.from] + 1 ? nullptr : &trunks_[trunk_of_[e.from]];
      if (!along) connect(e.from, e.to);
      else if (along->bends != no_vertex) connect(along->bends + layer_[e.to] - 1 - along->first, e.to);
    }
    for (std::uint32_t v = 0; v < all_.vertices.size(); ++v) all_.rows[all_.vertices[v].layer].push_back(v);
    all_.number_places();
  }

  /// Beside the drawing, each in the first lane that is free where it begins.
  void choose_lanes() {
    double left = std::numeric_limits<double>::infinity();
    double right = -left;
    for (std::size_t v = 0; v < x_.size(); ++v) {
      left = std::min(left, x_[v] - all_.vertices[v].width / 2);
      right = std::max(right, x_[v] + all_.vertices[v].width / 2);
    }
    for (double& x : x_) x -= left;
    made_.width = right - left;
    std::vector<trunk*> open;
    for (trunk& t : trunks_)
      if (t.bends == no_vertex) open.push_back(&t);
    std::ranges::sort(open, {}, [](const trunk* t) { return std::pair(t->first, t->from); });
    std::vector<std::uint32_t> free_from;  // per lane, a layer
    for (trunk* t : open) {
      const auto free = std::ranges::find_if(free_from, [&](std::uint32_t layer) { return layer < t->first; });
      t->lane = right - left + options_.line * static_cast<double>(1 + (free - free_from.begin()));
      if (free == free_from.end()) free_from.push_back(t->first + t->count);
      else *free = t->first + t->count;
    }
    made_.width += options_.line * static_cast<double>(free_from.size());
  }

  /// Where the edge passes a layer, or begins or ends in it.
  [[nodiscard]] double x_in_layer(const layout_edge& e, std::uint32_t layer) const {
    if (layer == layer_[e.from]) return x_[e.from];
    if (layer == layer_[e.to]) return x_[e.to];
    const trunk& t = trunks_[trunk_of_[e.from]];
    return t.bends == no_vertex ? t.lane : x_[t.bends + layer - t.first];
  }

  /// How far curves go sideways, below each layer.
  [[nodiscard]] std::vector<double> widest_curves() const {
    std::vector<double> widest(all_.rows.size());
    const auto note = [&](std::uint32_t layer, double from, double to) { widest[layer] = std::max(widest[layer], std::abs(to - from)); };
    for (std::size_t v = 0; v < x_.size(); ++v)
      for (const std::uint32_t to : all_.vertices[v].below) note(all_.vertices[v].layer, x_[v], x_[to]);
    for (const layout_edge& e : edges_) {
      note(layer_[e.from], x_[e.from], x_in_layer(e, layer_[e.from] + 1));
      note(layer_[e.to] - 1, x_in_layer(e, layer_[e.to] - 1), x_[e.to]);
    }
    return widest;
  }

  void place_boxes() {
    const auto widest = widest_curves();
    double y = 0;
    for (std::size_t l = 0; l < all_.rows.size(); ++l) {
      double height = 0;
      for (const std::uint32_t v : all_.rows[l])
        if (v < sizes_.size()) height = std::max(height, sizes_[v].height);
      tops_.push_back(y);
      bottoms_.push_back(y + height);
      y += height + options_.below + std::min(most_extra, steepest * widest[l]);
    }
    made_.height = bottoms_.back();
    for (std::uint32_t v = 0; v < sizes_.size(); ++v) {
      const rectangle& size = sizes_[v];
      const double above = (bottoms_[layer_[v]] - tops_[layer_[v]] - size.height) / 2;
      made_.boxes.push_back({x_[v] - size.width / 2, tops_[layer_[v]] + above, size.width, size.height});
    }
    made_.routes.resize(edges_.size());
  }

  /// The edges, so that one whose way another shares comes before it.
  [[nodiscard]] std::vector<std::size_t> longest_first() const {
    std::vector<std::size_t> order(edges_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(layer_[edges_[i].from] - static_cast<std::int64_t>(layer_[edges_[i].to]), i); });
    return order;
  }

  void add_route(std::size_t index) {
    const layout_edge& e = edges_[index];
    layout_route& route = made_.routes[index];
    const std::uint32_t last = layer_[e.to];
    route.points = {{x_[e.from], made_.boxes[e.from].bottom()}, {x_[e.from], bottoms_[layer_[e.from]]}};
    for (std::uint32_t l = layer_[e.from] + 1; l < last; ++l) {
      const double x = x_in_layer(e, l);
      if (route.points.back().x == x) {
        route.points.back().y = bottoms_[l];
        continue;
      }
      route.points.push_back({x, tops_[l]});
      route.points.push_back({x, bottoms_[l]});
    }
    if (trunk_of_[e.from] != no_vertex && last > layer_[e.from] + 1) {
      trunk& t = trunks_[trunk_of_[e.from]];
      if (t.is_drawn) route.own = route.points.size() - 1;
      t.is_drawn = true;
    }
    route.points.push_back({x_[e.to], tops_[last] - options_.landing});
    route.points.push_back({x_[e.to], made_.boxes[e.to].y});
  }

  const std::vector<rectangle>& sizes_;
  const std::vector<layout_edge>& edges_;
  layout_options options_;
  std::vector<std::uint32_t> layer_;     ///< per box
  std::vector<trunk> trunks_;
  std::vector<std::uint32_t> trunk_of_;  ///< per box, or no_vertex
  layers all_;
  std::vector<double> x_;                ///< of the vertices' middles
  std::vector<double> tops_;             ///< of the layers
  std::vector<double> bottoms_;
  layered_layout made_;
};

}  // namespace

layered_layout lay_out(const std::vector<rectangle>& sizes, const std::vector<layout_edge>& edges, const layout_options& options) {
  return layout_maker(sizes, edges, options).make();
}

}  // namespace catena::graph
