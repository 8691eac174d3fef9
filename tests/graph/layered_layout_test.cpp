// SPDX-License-Identifier: BSL-1.0
#include "src/graph/layered_layout.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "src/graph/layers.hpp"
#include "support/catch.hpp"

namespace catena::graph::layout_test {
namespace {

struct laid_out_dag {
  std::vector<rectangle> sizes;
  std::vector<layout_edge> edges;
};

/// \param reach  how far back an edge goes at most
laid_out_dag random_boxes(std::mt19937_64& random, std::uint32_t size, std::uint32_t reach) {
  laid_out_dag dag;
  for (std::uint32_t i = 0; i < size; ++i) {
    dag.sizes.push_back({0, 0, 40.0 + static_cast<double>(random() % 200), 20.0 + static_cast<double>(random() % (i % 7 == 0 ? 300 : 30))});
    std::vector<std::uint32_t> from;
    for (std::uint64_t k = random() % 4; k > 0 && i > 0; --k) from.push_back(i - 1 - static_cast<std::uint32_t>(random() % std::min(i, reach)));
    std::ranges::sort(from);
    from.erase(std::unique(from.begin(), from.end()), from.end());
    for (const std::uint32_t f : from) dag.edges.push_back({f, i});
  }
  return dag;
}

constexpr double rounding = 1e-6;

bool meet(const rectangle& a, const rectangle& b) { return a.x < b.right() - rounding && b.x < a.right() - rounding && a.y < b.bottom() - rounding && b.y < a.bottom() - rounding; }

/// The least rectangle around two points: a curve between them stays within it, as its control points do.
rectangle around(point a, point b) { return {std::min(a.x, b.x), std::min(a.y, b.y), std::abs(a.x - b.x), std::abs(a.y - b.y)}; }

void check_boxes(const layered_layout& made) {
  int overlaps = 0;
  for (std::size_t i = 0; i < made.boxes.size(); ++i) {
    const rectangle& a = made.boxes[i];
    CHECK((a.x >= 0 && a.y >= 0 && a.right() <= made.width && a.bottom() <= made.height));
    for (std::size_t k = 0; k < i; ++k) {
      const rectangle wider{a.x - 10, a.y - 30, a.width + 20, a.height + 60};
      if (meet(made.boxes[k], wider)) ++overlaps;
    }
  }
  CHECK(overlaps == 0);
}

void check_routes(const laid_out_dag& dag, const layered_layout& made) {
  int upward = 0, through = 0, outside = 0;
  REQUIRE(made.routes.size() == dag.edges.size());
  for (std::size_t e = 0; e < dag.edges.size(); ++e) {
    const auto& way = made.routes[e].points;
    const rectangle& from = made.boxes[dag.edges[e].from];
    const rectangle& to = made.boxes[dag.edges[e].to];
    REQUIRE((way.size() >= 4 && way.size() % 2 == 0));
    CHECK(way.front() == point{from.middle(), from.bottom()});
    CHECK(way.back() == point{to.middle(), to.y});
    for (std::size_t i = 1; i < way.size(); ++i) {
      if (way[i].y < way[i - 1].y) ++upward;
      if (i % 2 == 1 && way[i].x != way[i - 1].x) ++upward;
      if (way[i].x < 0 || way[i].x > made.width) ++outside;
      const rectangle piece = around(way[i - 1], way[i]);
      through += static_cast<int>(std::ranges::count_if(made.boxes, [&](const rectangle& b) { return meet(piece, b); }));
    }
  }
  CHECK(upward == 0);
  CHECK(through == 0);
  CHECK(outside == 0);
}

/// Where an edge leaves the way of another, that one passes: nothing hangs in the air.
void check_forks(const laid_out_dag& dag, const layered_layout& made) {
  for (std::size_t e = 0; e < dag.edges.size(); ++e) {
    const layout_route& fork = made.routes[e];
    if (fork.own == 0) continue;
    CHECK(fork.own % 2 == 1);
    const point at = fork.points[fork.own];
    bool passed = false;
    for (std::size_t k = 0; k < dag.edges.size(); ++k) {
      const layout_route& other = made.routes[k];
      if (k == e || dag.edges[k].from != dag.edges[e].from) continue;
      for (std::size_t i = other.own == 0 ? 0 : other.own + 1; i + 1 < other.points.size(); i += 2)
        passed = passed || (other.points[i].x == at.x && other.points[i].y <= at.y && at.y <= other.points[i + 1].y);
    }
    CHECK(passed);
  }
}

void check_layout(const laid_out_dag& dag, const layout_options& options = {}) {
  const layered_layout made = lay_out(dag.sizes, dag.edges, options);
  REQUIRE(made.boxes.size() == dag.sizes.size());
  for (std::size_t i = 0; i < made.boxes.size(); ++i) {
    CHECK(made.boxes[i].width == dag.sizes[i].width);
    CHECK(made.boxes[i].height == dag.sizes[i].height);
  }
  check_boxes(made);
  check_routes(dag, made);
  check_forks(dag, made);
}

}  // namespace

TEST_CASE("boxes of a random DAG keep their distance, and each line goes down and meets no box") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const auto size = 1 + static_cast<std::uint32_t>(random() % 50);
    check_layout(random_boxes(random, size, seed % 2 == 0 ? 6 : 50));
  }
}

TEST_CASE("lines that there is no room for in the layers go beside the drawing, down as well and through no box") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const auto size = 2 + static_cast<std::uint32_t>(random() % 40);
    check_layout(random_boxes(random, size, 40), {.most_bends = static_cast<std::size_t>(seed % 10)});
  }
}

TEST_CASE("a layout says the same each time") {
  std::mt19937_64 random(7);
  const auto dag = random_boxes(random, 60, 20);
  const auto one = lay_out(dag.sizes, dag.edges);
  const auto other = lay_out(dag.sizes, dag.edges);
  for (std::size_t i = 0; i < dag.sizes.size(); ++i) CHECK((one.boxes[i].x == other.boxes[i].x && one.boxes[i].y == other.boxes[i].y));
  for (std::size_t e = 0; e < dag.edges.size(); ++e) CHECK(one.routes[e].points == other.routes[e].points);
}

TEST_CASE("nothing, one box and boxes without lines have layouts") {
  CHECK(lay_out({}, {}).boxes.empty());
  const auto one = lay_out({{0, 0, 50, 20}}, {});
  CHECK((one.boxes[0].x == 0 && one.boxes[0].y == 0 && one.width == 50 && one.height == 20));
  check_layout({.sizes = {{0, 0, 50, 20}, {0, 0, 80, 60}, {0, 0, 10, 10}}, .edges = {}});
  const auto beside = lay_out({{0, 0, 50, 20}, {0, 0, 80, 60}, {0, 0, 10, 10}}, {});
  CHECK((beside.boxes[0].x < beside.boxes[1].x && beside.boxes[1].x < beside.boxes[2].x));
}

TEST_CASE("boxes one after the other stand in one column, and a line past them is straight where it passes") {
  laid_out_dag dag;
  for (std::uint32_t i = 0; i < 8; ++i) {
    dag.sizes.push_back({0, 0, i % 2 == 0 ? 60.0 : 100.0, 30});
    if (i > 0) dag.edges.push_back({i - 1, i});
  }
  const auto column = lay_out(dag.sizes, dag.edges);
  for (const rectangle& b : column.boxes) CHECK(b.middle() == 50);
  dag.edges.push_back({0, 7});
  check_layout(dag);
  const auto made = lay_out(dag.sizes, dag.edges);
  for (std::size_t i = 2; i < 7; ++i) CHECK(made.boxes[i].middle() == made.boxes[1].middle());
  CHECK(made.routes.back().points.size() == 6);  // down, one straight stretch, down
}

TEST_CASE("a hundred boxes between two have a layout in which no lines cross") {
  laid_out_dag dag;
  for (std::uint32_t i = 0; i < 102; ++i) dag.sizes.push_back({0, 0, 80, 30});
  for (std::uint32_t i = 1; i <= 100; ++i) {
    dag.edges.push_back({0, i});
    dag.edges.push_back({i, 101});
  }
  check_layout(dag);
  const auto made = lay_out(dag.sizes, dag.edges);
  CHECK(std::abs(made.boxes[0].middle() - made.width / 2) < 1);
  CHECK(std::abs(made.boxes[101].middle() - made.width / 2) < 1);
}

TEST_CASE("lines that need not cross do not") {
  layers all;  // two rows of four, each below one of the other end's
  all.vertices.resize(8);
  all.rows.resize(2);
  for (std::uint32_t i = 0; i < 8; ++i) {
    all.vertices[i].layer = i / 4;
    all.rows[i / 4].push_back(i);
  }
  for (std::uint32_t i = 0; i < 4; ++i) {
    all.vertices[i].below = {7 - i};
    all.vertices[7 - i].above = {i};
  }
  all.number_places();
  CHECK(count_crossings(all) == 6);
  order_rows(all);
  CHECK(count_crossings(all) == 0);
}

TEST_CASE("two thousand boxes have a layout, with near lines, with far ones, and one after the other") {
  for (const std::uint32_t reach : {1U, 15U, 1999U}) {
    std::mt19937_64 random(reach);
    const auto dag = random_boxes(random, 2000, reach);
    const auto made = lay_out(dag.sizes, dag.edges);
    int upward = 0;
    for (const layout_route& r : made.routes)
      for (std::size_t i = 1; i < r.points.size(); ++i) upward += r.points[i].y < r.points[i - 1].y ? 1 : 0;
    CHECK(upward == 0);
  }
}

}  // namespace catena::graph::layout_test
