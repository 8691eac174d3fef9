// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "src/graph/label.hpp"
#include "src/graph/picture.hpp"
#include "support/catch.hpp"
#include "support/outcome.hpp"

namespace catena::svg_test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using graph::box_shape;
using graph::description;
using graph::drawn_box;

/// What is wrong with it as XML; empty: every tag is closed by its own, quotes are balanced, and no & or < stands for itself.
std::string xml_fault(std::string_view text) {
  std::vector<std::string> open;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) < 0x20 && text[i] != '\n') return "a control character";
    if (text[i] == '&' && text.substr(i, 12).find(';') == std::string_view::npos) return "a bare &";
    if (text[i] != '<') continue;
    const std::size_t end = text.find('>', i);
    if (end == std::string_view::npos) return "an open tag";
    const std::string_view tag = text.substr(i + 1, end - i - 1);
    if (tag.find('<') != std::string_view::npos || std::ranges::count(tag, '"') % 2 != 0) return "a broken tag: " + std::string(tag);
    const std::string name(tag.substr(0, tag.find_first_of(" />", 1)));
    if (name.starts_with('/')) {
      if (open.empty() || "/" + open.back() != name) return "closed by another: " + name;
      open.pop_back();
    } else if (!tag.ends_with('/')) {
      open.push_back(name);
    }
    i = end;
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

description::stage described(std::string name, std::vector<std::uint32_t> inputs, std::string kind = "function") {
  return {.name = std::move(name), .kind = std::move(kind), .type = "int", .inputs = inputs, .takes_input = inputs.empty(), .inner = {}, .alternatives = {}};
}

description chain_of(std::vector<description::stage> stages) {
  const auto last = static_cast<std::uint32_t>(stages.size()) - 1;
  return {.name = "c", .inputs = {"int"}, .output = "int", .result = last, .stages = std::move(stages)};
}

bool holds(const graph::rectangle& outer, const graph::rectangle& inner) {
  return outer.x <= inner.x && outer.y <= inner.y && inner.right() <= outer.right() && inner.bottom() <= outer.bottom();
}

constexpr double rounding = 1e-6;

bool overlap(const graph::rectangle& a, const graph::rectangle& b) {
  return a.x < b.right() - rounding && b.x < a.right() - rounding && a.y < b.bottom() - rounding && b.y < a.bottom() - rounding;
}

bool is_around(const graph::picture& p, std::uint32_t frame, std::size_t box) {
  for (std::uint32_t at = p.boxes[box].frame; at != graph::no_frame; at = p.boxes[at].frame)
    if (at == frame) return true;
  return false;
}

void check_labels(const drawn_box& b) {
  double last = b.at.y;
  for (const graph::label& l : b.labels) {
    INFO(l.text);
    const double left = l.anchor == graph::label_anchor::middle ? l.at.x - graph::width_of(l) / 2 : l.at.x;
    CHECK(left >= b.at.x + 4);
    CHECK(left + graph::width_of(l) <= b.at.right() - 4);
    CHECK(l.at.y - graph::font_size(l.style) >= last);
    CHECK(l.at.y + 3 <= b.at.bottom());
    last = l.at.y;
  }
}

/// Boxes stand beside each other or one in the other, frames hold what is theirs, labels fit, and lines meet nothing they do not belong to.
void check_picture(const graph::picture& p) {
  int overlaps = 0, through = 0;
  for (std::uint32_t i = 0; i < p.boxes.size(); ++i) {
    const drawn_box& b = p.boxes[i];
    check_labels(b);
    CHECK(holds({0, 0, p.width, p.height}, b.at));
    if (b.frame != graph::no_frame) {
      REQUIRE(b.frame < i);
      CHECK(holds(p.boxes[b.frame].at, b.at));
      CHECK(p.boxes[b.frame].shape == box_shape::frame);
      for (const graph::label& l : p.boxes[b.frame].labels) CHECK(l.at.y < b.at.y);
    }
    for (std::uint32_t k = 0; k < i; ++k)
      if (!is_around(p, k, i) && overlap(b.at, p.boxes[k].at)) ++overlaps;
    if (b.shape == box_shape::frame) continue;
    for (const graph::drawn_line& l : p.lines)
      for (std::size_t n = 1; n < l.way.points.size(); ++n) {
        const graph::point from = l.way.points[n - 1], to = l.way.points[n];
        if (overlap(b.at, {std::min(from.x, to.x), from.y, std::abs(from.x - to.x), to.y - from.y})) ++through;
      }
  }
  CHECK(overlaps == 0);
  CHECK(through == 0);
}

const drawn_box* box_named(const graph::picture& p, std::string_view name) {
  const auto found = std::ranges::find_if(p.boxes, [&](const drawn_box& b) { return !b.labels.empty() && b.labels[0].text == name; });
  return found == p.boxes.end() ? nullptr : &*found;
}

bool says(const drawn_box* box, std::string_view text) {
  return box && std::ranges::any_of(box->labels, [&](const graph::label& l) { return l.text == text || l.aside == text; });
}

int drawn_twice(int i) { return 2 * i; }
result<int> never_drawn(int) { return failure(errc::invalid_input, "no"); }

chain<int, int> drawn_chain(const runtime& rt) {
  const auto inner = make_chain<int>(rt, "inner", [](auto in) {
    auto p = in >> stage("p", drawn_twice);
    return join(p, p >> stage("q", drawn_twice)) >> stage("r", [](int x, int y) { return x + y; });
  });
  return make_chain<int>(rt, "outer", [&](auto in) {
    auto a = in >> stage("a", [](call, int i) -> boost::asio::awaitable<int> { co_return i; }).retry({.retries = 1}).timeout(1s).fallback(drawn_twice);
    auto b = a >> branch("which", [](int i) { return i > 0; }, stage("yes", drawn_twice), stage("no", inner).timeout(1s));
    auto items = join(in, b) >> stage("list", [](int i, int k) { return std::vector<int>{i, k}; }) >> each("items", stage("item", never_drawn));
    return items >> stage("sum", [](const std::vector<int>&) { return 1; }) >> cascade("near or far", stage("near", drawn_twice), stage("far", inner), [](int) { return true; });
  });
}

}  // namespace

TEST_CASE("a drawn chain has a box for each stage, frames around what is inside of stages, and lines that meet none of them") {
  testing::manual_world world;
  const auto d = drawn_chain(world.runtime()).describe();
  const auto p = graph::draw(d, {});
  check_picture(p);
  for (const char* frame : {"a", "which", "no", "items", "near or far", "far"}) {
    INFO(frame);
    REQUIRE(box_named(p, frame));
    CHECK(box_named(p, frame)->shape == box_shape::frame);
  }
  CHECK(says(box_named(p, "a"), "with fallback"));
  CHECK(says(box_named(p, "no"), "chain inner"));
  CHECK(box_named(p, "yes")->shape == box_shape::function);
  CHECK(box_named(p, "item")->shape == box_shape::function);
  CHECK(p.boxes[box_named(p, "item")->frame].labels[0].text == "items");
  CHECK(std::ranges::count_if(p.lines, [](const graph::drawn_line& l) { return l.style == graph::line_style::instead; }) == 2);
  CHECK(xml_fault(d.svg()).empty());
  CHECK(d.svg() == d.svg());
}

TEST_CASE("a stage with nothing but timeouts and retries is one box, not boxes in boxes") {
  testing::manual_world world;
  const auto c = make_chain<int>(world.runtime(), "c", [](auto in) {
    return in >> stage("a", [](call, int i) -> boost::asio::awaitable<int> { co_return i; }).retry({.retries = 1}).timeout(1s).queue({.capacity = 3});
  });
  const auto p = graph::draw(c.describe(), {});
  REQUIRE(p.boxes.size() == 3);
  CHECK(says(&p.boxes[1], "a"));
  CHECK(says(&p.boxes[1], "coroutine"));
}

TEST_CASE("a note stands in the stage that a failure's path names, with its colour") {
  testing::manual_world world;
  const auto c = drawn_chain(world.runtime());
  test::outcome<int> end;
  c.async_run(1, end.take());
  world.run();
  const std::string path = end.why().path();
  CHECK(path == "outer/items[0]/item");
  const auto p = graph::draw(c.describe(), {.title = "", .notes = {{path, {"1.2 ms", "p99 4 ms", "a third line"}, 0.5}, {"outer/a", {"3 ms", "p99 9 ms"}, 7}, {"none", {}, 1}}});
  check_picture(p);
  CHECK(says(box_named(p, "item"), "1.2 ms"));
  CHECK(says(box_named(p, "item"), "p99 4 ms"));
  CHECK_FALSE(says(box_named(p, "item"), "a third line"));
  CHECK(box_named(p, "item")->heat == 0.5);
  CHECK(says(box_named(p, "a"), "3 ms \xC2\xB7 p99 9 ms"));
  CHECK(box_named(p, "a")->heat == 1);
  CHECK(std::ranges::count_if(p.boxes, [](const drawn_box& b) { return b.heat > 0; }) == 2);
}

TEST_CASE("a note for a stage whose own name looks like one of several is for that one alone") {
  auto d = chain_of({described("expert[0]", {}), described("expert[1]", {}), described("expert", {0, 1})});
  const auto p = graph::draw(d, {.title = {}, .notes = {{"c/expert[1]", {"slow"}, 1}}});
  CHECK(says(box_named(p, "expert[1]"), "slow"));
  CHECK_FALSE(says(box_named(p, "expert[0]"), "slow"));
}

TEST_CASE("pictures of random DAGs with frames keep everything apart and are well-formed") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    description inner = chain_of({described("p", {}), described("q", {0}), described("r", {0, 1})});
    std::vector<description::stage> stages;
    for (std::uint32_t i = 0; i < 1 + random() % 40; ++i) {
      std::vector<std::uint32_t> from;
      for (std::uint64_t k = random() % 3; k > 0 && i > 0; --k) from.push_back(static_cast<std::uint32_t>(random() % i));
      stages.push_back(described(std::string(random() % 40, 'm') + std::to_string(i), from, random() % 2 == 0 ? "function" : "model"));
      if (random() % 6 == 0) stages.back().inner.assign(1 + random() % 3, inner);
      if (random() % 6 == 0) stages.back().alternatives.assign(random() % 12, {"replica", "canary"});
    }
    inner = chain_of(std::move(stages));
    check_picture(graph::draw(inner, {}));
    CHECK(xml_fault(inner.svg({.title = "a title that is longer than the drawing is wide, perhaps, if it is a small one", .notes = {}})).empty());
  }
}

TEST_CASE("names harm nothing: they are escaped, shortened where they are long, and told in full where one points at them") {
  const std::string name = "<script>alert('1')</script>\"&";
  const std::string longer = std::string(300, 'x') + "\x01\x1b\n\xff\xE2\x80\xAE";
  auto d = chain_of({described(name, {}), described(longer, {0}, "<b>")});
  d.name = d.output = name;
  const std::string svg = d.svg({.title = name, .notes = {{name + "/" + name, {"]]><script>"}, 1}}});
  CHECK(xml_fault(svg).empty());
  for (const char* bad : {"<script", "<b>", "style=", "href", "url(", "\xE2\x80\xAE", "\x1b"}) {
    INFO(bad);
    CHECK(svg.find(bad) == std::string::npos);
  }
  CHECK_THAT(svg, ContainsSubstring("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;"));
  CHECK_THAT(svg, ContainsSubstring("xxx\xE2\x80\xA6</text>"));
  CHECK_THAT(svg, ContainsSubstring(std::string(300, 'x') + " \xEF\xBF\xBD: &lt;b&gt;"));
}

TEST_CASE("a picture follows its reader's colours, and has light ones where style sheets are not allowed") {
  const std::string svg = chain_of({described("a", {})}).svg();
  CHECK_THAT(svg, ContainsSubstring("@media (prefers-color-scheme:dark)"));
  CHECK_THAT(svg, ContainsSubstring("class=\"box\" fill=\"#fff\" stroke="));
}

TEST_CASE("no stages, one stage, wrong indices and a hundred stages beside each other have pictures") {
  const description nothing;
  CHECK(xml_fault(nothing.svg()).empty());
  check_picture(graph::draw(nothing, {}));
  auto one = chain_of({described("a", {})});
  CHECK(graph::draw(one, {}).boxes.size() == 3);
  CHECK(graph::draw(one, {}).lines.size() == 2);
  one.stages[0].inputs = {0, 7};
  one.result = 9;
  check_picture(graph::draw(one, {}));
  std::vector<description::stage> many;
  std::vector<std::uint32_t> all;
  for (std::uint32_t i = 0; i < 100; ++i) {
    many.push_back(described("expert " + std::to_string(i), {}, "model"));
    all.push_back(i);
  }
  many.push_back(described("gather", all));
  const auto p = graph::draw(chain_of(many), {});
  check_picture(p);
  CHECK(p.width < 2000);
  CHECK(p.lines.size() == 3);  // they stand in a frame, and the lines go to that
  CHECK(box_named(p, "expert 99")->frame == box_named(p, "expert 0")->frame);
}

TEST_CASE("of many replicas a few are named, and it is said how many more there are") {
  auto s = described("risk", {}, "replicas");
  s.alternatives = {{"eu-1", ""}, {"eu-2", "canary"}};
  CHECK(says(box_named(graph::draw(chain_of({s}), {}), "risk"), "eu-2 (canary)"));
  s.alternatives.assign(40, {"r", ""});
  const auto p = graph::draw(chain_of({s}), {});
  CHECK(says(box_named(p, "risk"), "and 35 more"));
}

TEST_CASE("text is shortened between its characters, to what it may take") {
  const std::string text = "\xE8\xAF\x95\xE9\xAA\x8C\xE8\xAF\x95\xE9\xAA\x8C";
  CHECK(graph::shortened(text, 10) == text);
  CHECK(graph::shortened(text, 2) == "\xE8\xAF\x95\xE2\x80\xA6");
  CHECK(graph::width_of(graph::shortened(std::string(100, 'w'), 5)) <= 5);
  CHECK(graph::showable("a\tb\xC0\x80\xED\xA0\x80\xF5") == "a b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace catena::svg_test
