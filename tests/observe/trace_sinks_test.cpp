// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/chrome_trace.hpp>
#include <catena/observe/trace_measure.hpp>
#include <catena/observe/trace_ring.hpp>

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using catena::kept_for;
using catena::span_kind;
using catena::span_part;
using catena::trace;
using catena::trace_span;
using nlohmann::json;
namespace fs = std::filesystem;

constexpr catena::time_point sink_epoch{1h};

trace_span span_from(std::uint64_t id, std::uint64_t parent, std::string name, catena::duration began, catena::duration ended) {
  trace_span s;
  s.id = id;
  s.parent = parent;
  s.kind = parent == 0 ? span_kind::run : span_kind::stage;
  s.name = std::move(name);
  s.began = sink_epoch + began;
  s.ended = sink_epoch + ended;
  return s;
}

std::shared_ptr<trace> trace_of(std::vector<trace_span> spans, kept_for why = kept_for::sampled) {
  auto t = std::make_shared<trace>();
  t->id[15] = std::byte{9};
  t->why = why;
  t->spans = std::move(spans);
  return t;
}

std::shared_ptr<trace> short_trace(std::string name, kept_for why = kept_for::sampled, span_kind kind = span_kind::run) {
  auto t = trace_of({span_from(1, 0, std::move(name), 0ms, 1ms)}, why);
  t->spans[0].kind = kind;
  return t;
}

std::vector<std::string> names_of(const std::vector<std::shared_ptr<const trace>>& traces) {
  std::vector<std::string> names;
  for (const auto& t : traces) names.push_back(t->spans[0].name);
  return names;
}

struct slice {
  std::string name;
  double began, ended;
};

/// The slices of each lane of a file's events, in order.
std::map<std::pair<int, int>, std::vector<slice>> lanes_of(const json& events) {
  std::map<std::pair<int, int>, std::vector<slice>> lanes;
  for (const json& e : events)
    if (e.at("ph") == "X") lanes[{e.at("pid"), e.at("tid")}].push_back({e.at("name"), e.at("ts"), e.at("ts").get<double>() + e.at("dur").get<double>()});
  for (auto& [lane, slices] : lanes)
    std::stable_sort(slices.begin(), slices.end(), [](const slice& a, const slice& b) { return a.began != b.began ? a.began < b.began : a.ended > b.ended; });
  return lanes;
}

/// Each lies within those that are open around it.
bool is_nested(const std::vector<slice>& lane) {
  std::vector<slice> open;
  for (const slice& s : lane) {
    while (!open.empty() && open.back().ended <= s.began + 1e-6) open.pop_back();
    if (!open.empty() && s.ended > open.back().ended + 1e-6) return false;
    open.push_back(s);
  }
  return true;
}

std::string content_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

struct trace_file {
  explicit trace_file(const char* name) : path(fs::temp_directory_path() / ("catena_" + std::to_string(::getpid()) + "_" + name)) {}
  ~trace_file() { fs::remove(path); }
  fs::path path;
};

}  // namespace

TEST_CASE("a ring keeps the last traces, and apart from them those that failed or were slow, and batches") {
  catena::trace_ring ring({.recent = 2, .notable = 2});
  for (const char* name : {"a", "b", "c"}) ring.take(short_trace(name));
  ring.take(short_trace("slow", kept_for::slow));
  ring.take(short_trace("failed", kept_for::failed));
  for (const char* name : {"m", "n", "o"}) ring.take(short_trace(name, kept_for::failed, span_kind::batch));
  for (const char* name : {"d", "e"}) ring.take(short_trace(name));
  const auto now = ring.snapshot();
  CHECK(names_of(now.recent) == std::vector<std::string>{"d", "e"});
  CHECK(names_of(now.notable) == std::vector<std::string>{"slow", "failed"});
  CHECK(names_of(now.batches) == std::vector<std::string>{"n", "o"});
  CHECK(now.displaced == 4);
  CHECK_THROWS_WITH(catena::trace_ring({.recent = 0}), Catch::Matchers::ContainsSubstring("trace_ring_options::recent must be 1"));
}

TEST_CASE("a ring holds no more than its bytes, but always the last trace") {
  const std::size_t one = catena::approximate_bytes(*short_trace("x"));
  catena::trace_ring ring({.recent = 100, .max_bytes = 3 * one});
  for (const char* name : {"a", "b", "c", "d"}) ring.take(short_trace(name));
  CHECK(names_of(ring.snapshot().recent) == std::vector<std::string>{"b", "c", "d"});
  ring.take(short_trace(std::string(10'000, 'l')));
  CHECK(ring.snapshot().recent.size() == 1);
  CHECK(ring.snapshot().displaced == 4);
}

TEST_CASE("a ring is filled and read by several threads at once", "[concurrency]") {
  catena::trace_ring ring({.recent = 8, .notable = 8});
  constexpr int each = 500;
  std::vector<std::thread> threads;
  for (int n = 0; n < 3; ++n)
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) ring.take(short_trace("x", i % 2 == 0 ? kept_for::sampled : kept_for::failed));
    });
  for (int i = 0; i < 100; ++i)
    for (const auto& t : ring.snapshot().recent) CHECK(t->spans.size() == 1);
  for (auto& t : threads) t.join();
  const auto end = ring.snapshot();
  CHECK(end.recent.size() == 8);
  CHECK(end.notable.size() == 8);
  CHECK(end.displaced == 3 * each - 16);
}

TEST_CASE("spans that lie beside each other are drawn in lanes of their own, and all others within their parents") {
  auto t = trace_of({span_from(1, 0, "c", 0ms, 20ms), span_from(2, 1, "first", 0ms, 5ms), span_from(3, 1, "left", 5ms, 15ms),
                     span_from(4, 3, "inside left", 6ms, 9ms), span_from(5, 1, "right", 6ms, 18ms), span_from(6, 5, "inside right", 7ms, 18ms),
                     span_from(7, 1, "outlives", 18ms, 25ms)});
  t->spans[1].parts = {{span_part::queue, sink_epoch, sink_epoch + 2ms}, {span_part::work, sink_epoch + 2ms, sink_epoch + 5ms}};
  t->spans[2].parts = {{span_part::work, sink_epoch + 5ms, sink_epoch + 7ms}, {span_part::work, sink_epoch + 9ms, sink_epoch + 15ms}};
  const std::vector<std::shared_ptr<const trace>> all{t, t};
  const json events = json::parse(catena::chrome_trace_json(all));
  const auto lanes = lanes_of(events);
  CHECK(lanes.size() == 4);  // two each, as both were at the same time
  std::map<std::string, int> drawn;
  for (const auto& [lane, slices] : lanes) {
    CHECK(is_nested(slices));
    for (const slice& s : slices) ++drawn[s.name];
  }
  CHECK(drawn == std::map<std::string, int>{{"c", 2}, {"first", 2}, {"left", 2}, {"inside left", 2}, {"right", 2}, {"inside right", 2}, {"outlives", 2}, {"queue", 2}, {"work", 4}});
  for (const json& e : events)
    if (e.at("name") == "left") CHECK(e.at("args").at("work_seconds") == 0.008);
}

TEST_CASE("requests one after the other are drawn in one lane, and an arrow leads from each to its batch") {
  std::vector<std::shared_ptr<const trace>> all;
  auto batch = short_trace("m", kept_for::sampled, span_kind::batch);
  batch->spans[0].id = 77;
  for (int i = 0; i < 3; ++i) {
    auto t = trace_of({span_from(1, 0, "c", i * 10ms, i * 10ms + 5ms)});
    t->spans[0].links.push_back({batch->id, 77});
    all.push_back(t);
    if (i == 1) all.push_back(batch);
  }
  const json events = json::parse(catena::chrome_trace_json(all));
  CHECK(lanes_of(events).size() == 2);
  std::map<int, std::string> arrows;
  for (const json& e : events)
    if (e.contains("id")) arrows[e.at("id")] += e.at("ph").get<std::string>() + std::to_string(e.at("pid").get<int>());
  CHECK(arrows == std::map<int, std::string>{{1, "s1f2"}, {2, "s1f2"}, {3, "s1f2"}});
}

TEST_CASE("what a trace says is written as JSON whatever it is") {
  auto t = trace_of({span_from(1, 0, "a \"name\"\n\x01\xff", 0ms, 1ms)}, kept_for::failed);
  t->spans[0].ended = {};
  t->spans[0].why = catena::failure(catena::errc::busy, "too \xe2\x82\xac much");
  t->spans[0].attributes = {{"text", std::string("\\")}, {"count", std::int64_t{-3}}, {"share", 0.25}, {"none", std::numeric_limits<double>::quiet_NaN()}, {"sure", true}, {"count", std::int64_t{4}}};
  const std::vector<std::shared_ptr<const trace>> all{t};
  json found;
  for (const json& e : json::parse(catena::chrome_trace_json(all)))
    if (e.at("ph") == "X") found = e;
  CHECK(found.at("name") == "a \"name\"\n\x01\xef\xbf\xbd");
  const json& args = found.at("args");
  CHECK(args.at("error.type") == "busy");
  CHECK(args.at("error").get<std::string>().find("too \xe2\x82\xac much") != std::string::npos);
  CHECK(args.at("text") == "\\");
  CHECK(args.at("count") == 4);
  CHECK(args.at("share") == 0.25);
  CHECK(args.at("none") == "NaN");
  CHECK(args.at("sure") == true);
  CHECK(args.at("unended") == true);
  CHECK(args.at("kept_for") == "failed");
}

TEST_CASE("a file of traces is JSON when it is closed, and before that but for its end") {
  const trace_file to("closed.json");
  {
    catena::chrome_trace_file file(to.path.string());
    for (int i = 0; i < 5; ++i) file.take(short_trace("c"));
    while (file.stats().written < 5) std::this_thread::yield();
    CHECK(json::parse(content_of(to.path) + "]").size() > 5);
  }
  CHECK(lanes_of(json::parse(content_of(to.path))).size() == 5);
  CHECK_THROWS_AS(catena::chrome_trace_file("/nowhere/at/all.json"), std::system_error);
  if (fs::exists("/dev/full")) CHECK_THROWS_AS(catena::chrome_trace_file("/dev/full"), std::system_error);
}

TEST_CASE("a file of traces ends before it is too long, and counts what it drops") {
  const trace_file to("full.json");
  {
    catena::chrome_trace_file file(to.path.string(), {.max_bytes = 4096});
    for (int i = 0; i < 100; ++i) file.take(short_trace("c"));
    while (file.stats().written + file.stats().dropped_full < 100) std::this_thread::yield();
    CHECK(file.stats().dropped_full > 0);
    CHECK(file.stats().written > 5);
  }
  CHECK(fs::file_size(to.path) <= 4096);
  CHECK(json::parse(content_of(to.path)).is_array());
  CHECK_THROWS_WITH(catena::chrome_trace_file(to.path.string(), {.max_bytes = 1}), Catch::Matchers::ContainsSubstring("max_bytes must be 4096"));
}

TEST_CASE("what comes quicker than it can be written is dropped and counted, by whatever thread", "[concurrency]") {
  const trace_file to("threads.json");
  std::uint64_t taken = 0;
  {
    catena::chrome_trace_file file(to.path.string(), {.max_waiting_bytes = 20 * catena::approximate_bytes(*short_trace("c"))});
    std::vector<std::thread> threads;
    for (int n = 0; n < 3; ++n)
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) file.take(short_trace("c"));
      });
    for (auto& t : threads) t.join();
    for (;;) {
      const auto s = file.stats();
      taken = s.written + s.dropped_waiting;
      if (taken == 600) break;
      std::this_thread::yield();
    }
    CHECK(file.stats().written > 0);
  }
  CHECK(json::parse(content_of(to.path)).is_array());
}
