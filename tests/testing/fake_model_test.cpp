// SPDX-License-Identifier: BSL-1.0
#include <catena/testing/fake_model.hpp>
#include <catena/testing/manual_world.hpp>

#include <memory>
#include <optional>
#include <vector>

#include "support/catch.hpp"

namespace CATENA_TEST_FILE {
namespace {

using catena::errc;
using catena::result;
using catena::stage;
using catena::testing::fake_model;
using catena::testing::manual_world;

/// A chain around a fake model, and the answers of its runs.
struct faked {
  manual_world world;
  catena::runtime rt = world.runtime();
  std::optional<fake_model<int, int>> score{std::in_place, rt, catena::model_options{.name = "score"}};
  catena::chain<int, int> chain = catena::make_chain<int>(rt, "chain", [&](auto in) { return in >> stage("score", score->model()); });
  std::vector<result<int>> answers;

  void run(int x) {
    chain.async_run(x, [this](result<int> r) { answers.push_back(std::move(r)); });
    world.run_until_idle();
  }
};

TEST_CASE("a fake model answers when the test says so and not before") {
  faked f;
  f.run(20);
  CHECK(f.score->batch_count() == 1);
  CHECK(f.score->oldest_size() == 1);
  CHECK(f.answers.empty());
  f.score->answer([](int x) { return x + 1; });
  f.world.run_until_idle();
  REQUIRE(f.answers.size() == 1);
  CHECK(*f.answers[0] == 21);
}

TEST_CASE("requests that come while a fake model holds a batch form the next one") {
  faked f;
  for (const int x : {1, 2, 3}) f.run(x);
  CHECK(f.score->batch_count() == 1);
  f.score->answer([](int x) { return 10 * x; });
  f.world.run_until_idle();
  CHECK(f.score->oldest_size() == 2);
  f.score->answer([](int x) { return 10 * x; });
  f.world.run_until_idle();
  REQUIRE(f.answers.size() == 3);
  CHECK(*f.answers[2] == 30);
}

TEST_CASE("a fake model fails a batch with the reason that the test gives") {
  faked f;
  f.run(1);
  f.score->fail(catena::failure(errc::model_failed, "out of memory"));
  f.world.run_until_idle();
  REQUIRE(f.answers.size() == 1);
  CHECK(f.answers[0].error().is(errc::model_failed));
  CHECK(f.answers[0].error().path() == "chain/score");
}

TEST_CASE("asking a fake model for a batch that it does not hold names the model") {
  faked f;
  CHECK_THROWS_WITH(f.score->take(), "fake_model 'score' holds no batch");
}

TEST_CASE("what a fake model holds when it is destroyed fails, and nothing hangs") {
  faked f;
  f.run(1);
  f.score.reset();
  f.world.run_until_idle();
  REQUIRE(f.answers.size() == 1);
  CHECK(f.answers[0].error().is(errc::row_unanswered));
}

}  // namespace
}  // namespace CATENA_TEST_FILE
