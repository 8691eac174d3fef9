// SPDX-License-Identifier: BSL-1.0
#include "graphs.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>

namespace engine {
namespace {

using std::int64_t;

constexpr std::uint64_t dag64_seed = 20261123;

int64_t sum1(int64_t a) noexcept { return a + 1; }
int64_t sum2(int64_t a, int64_t b) noexcept { return a + b + 1; }
int64_t sum3(int64_t a, int64_t b, int64_t c) noexcept { return a + b + c + 1; }
int64_t sum8(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h) noexcept {
  return a + b + c + d + e + f + g + h + 1;
}
volatile bool never = false;

/// Nanoseconds and mallocs per run; checks the answers.
struct meter {
  loop runs;
  int64_t count = 1;     // runs of one repetition
  int64_t checksum = 0;  // of that many runs

  meter(const dag& g, loop subject, double repetition_ns) : runs(std::move(subject)) {
    for (int64_t i = 0; i < 3; ++i) checksum += expected(g, i);
    if (runs(3) != checksum) throw std::runtime_error("a subject computes something else");
    while (bench::time_ns([this] { bench::keep(runs(count)); }) < repetition_ns / 2) count *= 2;
    checksum = runs(count);
  }
  [[nodiscard]] double ns_per_run() const {
    int64_t sum = 0;
    const double ns = bench::time_ns([&] { sum = runs(count); });
    if (sum != checksum) throw std::runtime_error("a subject computes something else now and then");
    return ns / static_cast<double>(count);
  }
  [[nodiscard]] bench::reading mallocs_per_run() const {
    constexpr int64_t counted_runs = 100;
    const auto mallocs_of = [this](int64_t n) {
      const bench::malloc_count counted;
      bench::keep(runs(n));
      return static_cast<double>(counted.so_far());
    };
    // What a loop itself allocates (a thread to wait on, a driving coroutine) is in both counts.
    const double once = mallocs_of(1);
    return {"mallocs_per_run", std::max(0.0, mallocs_of(1 + counted_runs) - once) / counted_runs};
  }
};

}  // namespace

dag chain(std::size_t stages) {
  dag g{dag::shape::chain, {{}}};
  while (g.size() < stages) g.inputs.push_back({g.size() - 1});
  return g;
}

dag diamond(std::size_t width) {
  dag g{dag::shape::diamond, {{}}};
  for (std::size_t i = 0; i < width; ++i) g.inputs.push_back({0});
  g.inputs.emplace_back();
  for (std::size_t i = 1; i <= width; ++i) g.inputs.back().push_back(i);
  return g;
}

dag layered(std::size_t stages, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto between = [&](std::size_t low, std::size_t high) { return low + random() % (high - low + 1); };
  std::vector<std::size_t> widths;
  for (std::size_t left = stages - 5; left > 0; left -= widths.back()) {  // 1 before them, 3 and 1 after them
    std::size_t width = std::min(left, between(3, 9));
    if (left - width < 3) width = left <= 9 ? left : left - 3;
    widths.push_back(width);
  }
  widths.insert(widths.end(), {3, 1});

  dag g{dag::shape::layered, {{}}};
  std::vector<std::size_t> unused = {0};  // all of the layer before, so at most 3 for each stage of the next one
  for (const std::size_t width : widths) {
    const std::size_t first = g.size();
    g.inputs.resize(first + width);
    std::shuffle(unused.begin(), unused.end(), random);
    for (std::size_t i = 0; i < unused.size(); ++i) g.inputs[first + i % width].push_back(unused[i]);
    unused.clear();
    for (std::size_t i = first; i < g.size(); ++i) {
      std::vector<std::size_t>& in = g.inputs[i];
      for (const std::size_t arity = std::min(first, between(std::max<std::size_t>(in.size(), 1), 3)); in.size() < arity;) {
        const std::size_t candidate = between(0, first - 1);
        if (std::find(in.begin(), in.end(), candidate) == in.end()) in.push_back(candidate);
      }
      unused.push_back(i);
    }
  }
  return g;
}

stage_table stages() noexcept {
  if (never) return {};
  return {&sum1, &sum2, &sum3, &sum8};
}

int64_t expected(const dag& g, int64_t input) {
  std::vector<int64_t> value;
  for (const auto& inputs : g.inputs) {
    int64_t sum = inputs.empty() ? input : 0;
    for (const std::size_t i : inputs) sum += value[i];
    value.push_back(sum + 1);
  }
  return value.back();
}

void add_graphs(std::vector<bench::subject>& subjects, const std::string& name, const std::function<loop(const dag&)>& make) {
  const auto repetition_ns = [](const bench::options& opts) { return opts.size(2e7, 2e5); };
  subjects.push_back({"chain8", name, [=](const bench::options& opts) -> bench::repetition {
    const auto measure = [&](std::size_t n) { return std::make_shared<meter>(chain(n), make(chain(n)), repetition_ns(opts)); };
    return [short_chain = measure(8), long_chain = measure(64)] {
      const double eight = short_chain->ns_per_run();
      const double slope = (long_chain->ns_per_run() - eight) / 56;
      std::vector<bench::reading> readings = {{"ns_per_stage", slope}, {"ns_per_run_entry", eight - 8 * slope}};
      if (bench::counts_mallocs()) readings.push_back(short_chain->mallocs_per_run());
      return readings;
    };
  }});
  const auto add_whole = [&](const char* case_name, const dag& g) {
    subjects.push_back({case_name, name, [=](const bench::options& opts) -> bench::repetition {
      return [=, m = std::make_shared<meter>(g, make(g), repetition_ns(opts))] {
        std::vector<bench::reading> readings = {{"ns_per_stage", m->ns_per_run() / static_cast<double>(g.size())}};
        if (bench::counts_mallocs()) readings.push_back(m->mallocs_per_run());
        return readings;
      };
    }});
  };
  add_whole("diamond8", diamond(8));
  add_whole("dag64", layered(64, dag64_seed));
}

void add_clock(std::vector<bench::subject>& subjects) {
  for (const char* case_name : {"chain8", "diamond8", "dag64"})
    subjects.push_back({case_name, "clock", [](const bench::options& opts) -> bench::repetition {
      return [reads = opts.size(200'000, 2'000)] {
        const double ns = bench::time_ns([&] {
          for (int i = 0; i < reads; ++i) bench::keep(std::chrono::steady_clock::now());
        });
        return std::vector<bench::reading>{{"ns_per_stage", ns / reads}};
      };
    }});
}

}  // namespace engine
