// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

int described_twice(int i) { return 2 * i; }

chain<int, int> described_chain(const testing::manual_world& world) {
  const auto rt = world.runtime();
  const auto inner = make_chain<int>(rt, "inner", [](auto in) { return in >> stage("deep \"quoted\"", described_twice); });
  return make_chain<int>(rt, "outer", [&](auto in) {
    auto a = in >> stage("a", described_twice);
    auto b = a >> stage("b", inner);
    auto c = a >> stage("c", [](int i) -> boost::asio::awaitable<int> { co_return i; }).timeout(1s).fallback(described_twice);
    auto d = join(in, b, c) >> stage("d", [](int x, int y, int z) { return std::vector<int>{x, y, z}; });
    return d >> each("items", stage("item", described_twice)) >> stage("sum", [](const std::vector<int>&) { return 0; });
  });
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a description is the chain's DAG as data: names, kinds, types, edges and inner chains") {
  testing::manual_world world;
  const auto d = described_chain(world).describe();
  CHECK(d.name == "outer");
  CHECK(d.inputs == std::vector<std::string>{"int"});
  CHECK(d.output == "int");
  REQUIRE(d.stages.size() == 6);
  CHECK(d.stages[0].name == "a");
  CHECK(d.stages[0].kind == "function");
  CHECK(d.stages[0].takes_input);
  CHECK(d.stages[1].kind == "chain");
  CHECK(d.stages[1].inputs == std::vector<std::uint32_t>{0});
  REQUIRE(d.stages[1].inner.size() == 1);
  CHECK(d.stages[1].inner[0].name == "inner");
  CHECK(d.stages[2].inner.size() == 2);
  CHECK(d.stages[3].inputs == std::vector<std::uint32_t>{1, 2});
  CHECK(d.stages[3].takes_input);
  CHECK(d.stages[4].kind == "each");
  CHECK(d.result == 5);
}

TEST_CASE("a stage that takes one value twice has one edge from it") {
  testing::manual_world world;
  const auto c = make_chain<int>(world.runtime(), "c", [](auto in) {
    auto a = in >> stage("a", described_twice);
    return join(a, a) >> stage("b", [](int x, int y) { return x + y; });
  });
  CHECK(c.describe().stages[1].inputs == std::vector<std::uint32_t>{0});
}

TEST_CASE("a description prints as JSON that says the same") {
  testing::manual_world world;
  const auto json = nlohmann::json::parse(described_chain(world).describe().json());
  CHECK(json["name"] == "outer");
  REQUIRE(json["stages"].size() == 6);
  CHECK(json["stages"][1]["inner"][0]["stages"][0]["name"] == "deep \"quoted\"");
  CHECK(json["stages"][3]["inputs"] == nlohmann::json::array({1, 2}));
}

TEST_CASE("what stands behind a stage prints as lines under it, and as data in JSON") {
  graph::description d{.name = "c", .inputs = {"int"}, .output = "int", .result = 0, .stages = {}};
  d.stages.push_back({.name = "risk", .kind = "versions", .type = "int", .inputs = {}, .takes_input = true, .inner = {},
                      .alternatives = {{"3", "stable"}, {"\"4\"", "canary"}, {"5", ""}}});
  CHECK(contains(d.mermaid(), "s0([\"risk<br/><i>versions</i><br/>3 (stable)<br/>#quot;4#quot; (canary)<br/>5\"])"));
  CHECK(contains(d.dot(), R"(s0 [label="risk\nversions\n3 (stable)\n\"4\" (canary)\n5"];)"));
  const auto json = nlohmann::json::parse(d.json());
  REQUIRE(json["stages"][0]["alternatives"].size() == 3);
  CHECK(json["stages"][0]["alternatives"][1] == nlohmann::json{{"name", "\"4\""}, {"label", "canary"}});
  CHECK(json["stages"][0]["alternatives"][2]["label"] == "");
  d.stages[0].alternatives.clear();
  CHECK_FALSE(nlohmann::json::parse(d.json())["stages"][0].contains("alternatives"));
  CHECK_FALSE(json["stages"][0].contains("needs"));
}

TEST_CASE("any bytes of a stage's name leave a description that can be read") {
  graph::description d{.name = "c\\", .inputs = {"int"}, .output = "int", .result = 0, .stages = {}};
  d.stages.push_back({.name = "\xE9 \"C:\\", .kind = "function", .type = "int", .inputs = {}, .takes_input = true, .inner = {},
                      .alternatives = {}});
  CHECK(nlohmann::json::parse(d.json())["stages"][0]["name"] == "\xEF\xBF\xBD \"C:\\");
  CHECK(contains(d.dot(), R"(digraph "c\\" {)"));
  CHECK(contains(d.dot(), R"( \"C:\\\nfunction"];)"));
}

TEST_CASE("what Mermaid would take for HTML or for a character's name is shown as it is") {
  graph::description d{.name = "c", .inputs = {"std::vector<int>"}, .output = "#quot;", .result = 0, .stages = {}};
  d.stages.push_back({.name = "`a & b`", .kind = "function", .type = "int", .inputs = {}, .takes_input = true, .inner = {}, .alternatives = {}});
  CHECK(contains(d.mermaid(), R"(in(["std::vector#lt;int#gt;"]))"));
  CHECK(contains(d.mermaid(), R"(s0["#96;a #amp; b#96;"])"));
  CHECK(contains(d.mermaid(), R"(out(["#35;quot;"]))"));
}

TEST_CASE("a description prints as Mermaid and as Graphviz, with every edge and every quote escaped") {
  testing::manual_world world;
  const auto d = described_chain(world).describe();
  const auto mermaid = d.mermaid();
  CHECK(mermaid.find("flowchart TD") == 0);
  for (const char* edge : {"in --> s0", "s0 --> s1", "s0 --> s2", "s1 --> s3", "s2 --> s3", "in --> s3", "s5 --> out"}) {
    INFO(edge);
    CHECK(contains(mermaid, edge));
  }
  CHECK(contains(mermaid, "deep #quot;quoted#quot;"));
  const auto dot = d.dot();
  CHECK(dot.find("digraph \"outer\" {") == 0);
  for (const char* edge : {"in -> s0", "s0 -> s1", "s2 -> s3", "s5 -> out"}) {
    INFO(edge);
    CHECK(contains(dot, edge));
  }
}
