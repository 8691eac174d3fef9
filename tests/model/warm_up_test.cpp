// SPDX-License-Identifier: BSL-1.0
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

/// How many runs it takes until they are steady; -1: more than 200.
template <class Took>
int runs_until_steady(double tolerance, Took took) {
  steadiness s(tolerance);
  for (int i = 0; i < 200; ++i) {
    s.ran(took(i));
    if (s.is_steady()) return i + 1;
  }
  return -1;
}

/// An instance that becomes faster with each run, in virtual time.
struct becoming_faster {
  testing::manual_world* world;
  std::shared_ptr<std::vector<std::size_t>> seen = std::make_shared<std::vector<std::size_t>>();

  void operator()(batch<int, int>& b) {
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i));
  }
  void warm_up(std::size_t rows) {
    seen->push_back(rows);
    const auto runs = std::count(seen->begin(), seen->end(), rows);
    world->elapse(runs <= 4 ? 100ms / runs : 20ms);
  }
};

}  // namespace

TEST_CASE("runs that take the same are steady after six") {
  CHECK(runs_until_steady(0.1, [](int) { return 5ms; }) == 6);
  CHECK(runs_until_steady(0, [](int) { return 5ms; }) == 6);
}

TEST_CASE("a first run that is slow does not count, however slow") {
  CHECK(runs_until_steady(0.1, [](int i) { return i == 0 ? 10s : 5ms; }) == 6);
}

TEST_CASE("runs are not steady while the fastest of three becomes faster by more than the tolerance") {
  const auto halving = [](int i) { return duration(std::int64_t{1'000'000'000} >> (i / 3)); };
  CHECK(runs_until_steady(0.1, [&](int i) { return i < 30 ? halving(i) : halving(29); }) == 33);
  CHECK(runs_until_steady(0.6, halving) == 6);
}

TEST_CASE("noise that only makes runs slower hardly delays the verdict") {
  std::mt19937 random(1);
  int worst = 0;
  for (int round = 0; round < 1000; ++round)
    worst = std::max(worst, runs_until_steady(0.1, [&](int i) { return i == 0 ? 50ms : 5ms + random() % 1000 * 3us; }));
  CHECK(worst <= 15);
}

TEST_CASE("a model is warmed up with 1, 2, 4 and so on to max_size rows, or the allowed sizes, or those that are named") {
  using sizes = std::vector<std::size_t>;
  CHECK(detail::warm_up_sizes({}, {.max_size = 1}) == sizes{1});
  CHECK(detail::warm_up_sizes({}, {.max_size = 12}) == sizes{1, 2, 4, 8, 12});
  CHECK(detail::warm_up_sizes({}, {.max_size = 12, .allowed_sizes = {3, 12}}) == sizes{3, 12});
  CHECK(detail::warm_up_sizes({.sizes = {7, 2, 7}}, {.max_size = 12}) == sizes{2, 7});
  CHECK(detail::warm_up_sizes({.max_runs = 0}, {.max_size = 12}).empty());
}

TEST_CASE("a model is ready when it is steady with every size, and says how it came there") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  const becoming_faster instance{&world};
  const auto m = make_model<int, int>(rt, {.name = "m", .batch = {.max_size = 2}}, instance);
  CHECK(*instance.seen == std::vector<std::size_t>{1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2});
  const warm_up_report report = m.stats().warm_up;
  CHECK(report.run_count == 18);
  CHECK(report.is_steady);
  CHECK(report.warm_up_time > 400ms);
  CHECK(report.load_time == 0s);
}

TEST_CASE("an instance that is asked in several shapes is warmed up in each of them") {
  struct shaped {
    std::shared_ptr<std::vector<std::pair<std::size_t, std::size_t>>> seen = std::make_shared<std::vector<std::pair<std::size_t, std::size_t>>>();
    void operator()(batch<int, int>&) {}
    [[nodiscard]] std::size_t warm_up_shapes() const { return 2; }
    void warm_up(std::size_t rows, std::size_t shape) { seen->emplace_back(rows, shape); }
  };
  testing::manual_world world;
  const shaped instance;
  const auto m = make_model<int, int>(world.runtime(), {.name = "m", .batch = {.max_size = 2}, .warm_up = {.max_runs = 1}}, instance);
  CHECK(*instance.seen == std::vector<std::pair<std::size_t, std::size_t>>{{1, 0}, {2, 0}, {1, 1}, {2, 1}});
  CHECK(m.stats().warm_up.run_count == 4);
}

TEST_CASE("a warm-up that takes too long is cut off, which is logged and reported") {
  testing::manual_world world;
  std::string text;
  const runtime rt = world.runtime({.log = [&](log_level, std::string_view, std::string_view t) { text = t; }});
  const becoming_faster instance{&world};
  const auto m = make_model<int, int>(rt, {.name = "m", .batch = {.max_size = 2}, .warm_up = {.max_time = 250ms}}, instance);
  CHECK(!m.stats().warm_up.is_steady);
  CHECK(m.stats().warm_up.run_count == 7);
  CHECK(text == "is not steady after 7 runs; see warm_up_options");
}

TEST_CASE("a warm-up may take as long as there is time") {
  testing::manual_world world;
  const auto m = make_model<int, int>(world.runtime(), {.name = "m", .batch = {.max_size = 2}, .warm_up = {.max_time = duration::max()}},
                                      becoming_faster{&world});
  CHECK(m.stats().warm_up.is_steady);
}

TEST_CASE("what a warm-up measured is known to the batch policy before the first request") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  struct watching {
    std::shared_ptr<std::vector<std::size_t>> seen = std::make_shared<std::vector<std::size_t>>();
    batch_decision form(const waiting_requests& w, const batch_limits&, time_point) const { return {.take = w.count}; }
    void computed(std::size_t size, duration, time_point) { seen->push_back(size); }
  } policy;
  const auto m = make_model<int, int>(rt, {.name = "m", .batch = {.max_size = 2, .policy = policy}, .warm_up = {.max_runs = 1}},
                                      becoming_faster{&world});
  CHECK(*policy.seen == std::vector<std::size_t>{1, 2});
}

TEST_CASE("warm_up_options are checked") {
  CHECK_THROWS_WITH(check(warm_up_options{.tolerance = 1.5}), "warm_up_options::tolerance must be 0 to 1");
  CHECK_THROWS_WITH(check(warm_up_options{.max_runs = 10'001}), "warm_up_options::max_runs must be 0 to 10000, is 10001");
  CHECK_THROWS_WITH(check(warm_up_options{.max_time = 0s}), "warm_up_options::max_time must be greater than zero");
  CHECK_THROWS_WITH(check(warm_up_options{.sizes = {0}}), "warm_up_options::sizes must be at least 1");
  CHECK_THROWS_WITH(check(model_options{.name = "m", .batch = {.max_size = 8}, .warm_up = {.sizes = {9}}}),
                    "warm_up_options::sizes must be at most what a batch may have, 8, has 9");
}
