// SPDX-License-Identifier: BSL-1.0
#include <catena/model/bisection.hpp>

#include <catena/model.hpp>

#include <algorithm>
#include <bit>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/batching.hpp"

#include "support/catch.hpp"

namespace {

using namespace catena;
using catena::test::held_batches;
using catena::test::outcome;
using catena::testing::manual_world;

/// A model that throws at bad inputs, and those that ask it, all of them in one batch behind a first one.
struct choosy {
  explicit choosy(std::set<int> these, effects what = effects::pure)
      : bad(std::move(these)), m(make_model<int, int>(rt, {.name = "choosy", .batch = {.policy = greedy_batching{}}, .effects = what},
                                 [this](batch<int, int>& b) { compute(b); })) {}

  void compute(batch<int, int>& b) {
    ++calls;
    rows += b.size();
    if (hold) return held.push_back(std::move(b));
    for (std::size_t i = 0; i < b.size(); ++i)
      if (bad.contains(b.input(i))) throw std::runtime_error(std::to_string(b.input(i)) + " is bad");
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, 10 * b.input(i));
  }
  /// Asks for 0 .. count - 1 in one batch.
  void ask(int count) {
    hold = true;
    m.async_run(-1, [](const result<int>&) {});
    world.run_until_idle();
    for (int i = 0; i < count; ++i) {
      asked.push_back(std::make_unique<outcome<int>>());
      m.async_run(i, asked.back()->take());
    }
    world.run_until_idle();
    hold = false;
    calls = rows = 0;
    held.clear();
    world.run_until_idle();
  }
  [[nodiscard]] std::set<int> failed() const {
    std::set<int> these;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      CHECK(asked[i]->count() == 1);
      if (!asked[i]->answered()) these.insert(static_cast<int>(i));
    }
    return these;
  }

  manual_world world;
  runtime rt = world.runtime();
  std::set<int> bad;
  bool hold = false;
  std::size_t calls = 0;
  std::size_t rows = 0;
  std::vector<batch<int, int>> held;
  model<int, int> m;
  std::vector<std::unique_ptr<outcome<int>>> asked;
};

}  // namespace

TEST_CASE("a bad row fails alone, and the others of its batch answer") {
  choosy here({5});
  here.ask(16);
  CHECK(here.failed() == std::set<int>{5});
  CHECK(here.asked[5]->why().is(errc::model_failed));
  CHECK(here.asked[5]->why().message() == "model 'choosy': 5 is bad");
  CHECK(here.asked[6]->value() == 60);
}

TEST_CASE("one bad row of n is found with 2 * log2(n) further batches, which are counted") {
  choosy here({5});
  here.ask(16);
  CHECK(here.calls == 1 + 8);
  const model_stats stats = here.m.stats();
  CHECK(stats.batch_count == 2);
  CHECK(stats.row_count == 17);
  CHECK(stats.repeated_batch_count == 8);
  CHECK(stats.repeated_row_count == 2 * (8 + 4 + 2 + 1));
}

TEST_CASE("a batch all of whose rows are bad costs no more than 4 * log2(n) further batches") {
  std::set<int> all;
  for (int i = 0; i < 64; ++i) all.insert(i);
  choosy here(all);
  here.ask(64);
  CHECK(here.failed() == all);
  CHECK(here.m.stats().repeated_batch_count <= 4 * 6);
}

TEST_CASE("whatever rows are bad, no good row of a small share of bad ones fails, and each request ends once") {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    const int count = std::uniform_int_distribution(2, 64)(random);
    std::set<int> bad;
    for (int i = std::uniform_int_distribution(1, 2)(random); i > 0; --i) bad.insert(std::uniform_int_distribution(0, count - 1)(random));
    choosy here(bad);
    here.ask(count);
    INFO("round " << round << ", " << count << " rows");
    CHECK(here.failed() == bad);
    CHECK(here.m.stats().repeated_batch_count <= 4U * static_cast<unsigned>(std::bit_width(static_cast<unsigned>(count) - 1)));
  }
}

TEST_CASE("a model that is not declared pure is not computed again: all rows fail") {
  for (const effects what : {effects::idempotent, effects::once}) {
    choosy here({5}, what);
    here.ask(16);
    CHECK(here.calls == 1);
    CHECK(here.failed().size() == 16);
    CHECK(here.asked[6]->why().message() == "model 'choosy': 5 is bad");
  }
}

TEST_CASE("rows that were answered before the instance threw are not computed again") {
  manual_world world;
  const runtime rt = world.runtime();
  std::vector<std::size_t> sizes;
  const auto m = make_model<int, int>(rt, {.name = "halfway", .batch = {.max_delay = std::chrono::milliseconds(1)}, .effects = effects::pure},
                                      [&](batch<int, int>& b) {
                                        sizes.push_back(b.size());
                                        for (std::size_t i = 0; i < b.size(); ++i) {
                                          if (b.input(i) == 2) throw std::runtime_error("bad");
                                          b.answer(i, b.input(i));
                                        }
                                      });
  std::vector<outcome<int>> asked(4);
  for (int i = 0; i < 4; ++i) m.async_run(i, asked[static_cast<std::size_t>(i)].take());
  world.advance(std::chrono::milliseconds(1));
  CHECK(sizes == std::vector<std::size_t>{4, 1, 1});
  CHECK_FALSE(asked[2].answered());
  for (const std::size_t good : {0U, 1U, 3U}) CHECK(asked[good].value() == static_cast<int>(good));
}

TEST_CASE("a part that is done later is waited for before the next part is computed") {
  manual_world world;
  const runtime rt = world.runtime();
  held_batches<int, int> held;
  bool first = true;
  const auto m = make_model<int, int>(rt, {.name = "later", .batch = {.max_delay = std::chrono::milliseconds(1)}, .effects = effects::pure},
                                      [&](batch<int, int>& b) {
                                        if (std::exchange(first, false)) throw std::runtime_error("not yet");
                                        held.all.push_back(std::move(b));
                                      });
  std::vector<outcome<int>> asked(4);
  for (int i = 0; i < 4; ++i) m.async_run(i, asked[static_cast<std::size_t>(i)].take());
  world.advance(std::chrono::milliseconds(1));
  for (int part = 0; part < 2; ++part) {
    REQUIRE(held.all.size() == 1);
    auto b = held.take();
    CHECK(b.size() == 2);
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, 10 * b.input(i));
    b.done();
    world.run_until_idle();
  }
  for (int i = 0; i < 4; ++i) CHECK(asked[static_cast<std::size_t>(i)].value() == 10 * i);
  CHECK(held.all.empty());
}

TEST_CASE("a batch that is computed in parts when its executor goes is computed no further") {
  auto world = std::make_unique<manual_world>();
  runtime rt = world->runtime();
  held_batches<int, int> held;
  std::size_t calls = 0;
  const auto m = make_model<int, int>(rt, {.name = "gone", .batch = {.max_delay = std::chrono::milliseconds(1)}, .effects = effects::pure},
                                      [&](batch<int, int>& b) {
                                        if (++calls == 1) throw std::runtime_error("not yet");
                                        held.all.push_back(std::move(b));
                                      });
  std::vector<outcome<int>> asked(4);
  for (int i = 0; i < 4; ++i) m.async_run(i, asked[static_cast<std::size_t>(i)].take());
  world->advance(std::chrono::milliseconds(1));
  REQUIRE(held.all.size() == 1);
  world->destroy_executor();
  held.take().done();
  CHECK(calls == 2);
  CHECK(held.all.empty());
  for (const auto& one : asked) CHECK(one.count() == 0);
}
