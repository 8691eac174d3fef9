// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a sink is told about runs that do not end in the ordinary way.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/testing/recording_sink.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

struct records_world {
  testing::manual_world world;
  std::shared_ptr<testing::recording_sink> seen = std::make_shared<testing::recording_sink>();
  runtime rt = world.runtime({.observer = seen});
  test::outcome<int> end;

  [[nodiscard]] testing::recorded_run run(const chain<int, int>& c) {
    c.async_run(1, end.take());
    world.run();
    REQUIRE(seen->count() == 1);
    return seen->records().front();
  }
};

}  // namespace

TEST_CASE("a run that leaves early is recorded as answered") {
  records_world here;
  const auto record = here.run(make_chain<int>(here.rt, "c", [](auto in) {
    return in >> stage("leave", [](int) -> or_exit<int, int> { return exit_with(100); })
              >> stage("never", [](int i) { return i; });
  }));
  CHECK(here.end.value() == 100);
  CHECK(!record.why.is_set());
}

TEST_CASE("the record of a run that leaves early points to no failure") {
  struct pointer_sink final : sink {
    void run_ended(const run_record& record) override { failed.push_back(record.why != nullptr); }
    std::vector<bool> failed;
  };
  testing::manual_world world;
  const auto seen = std::make_shared<pointer_sink>();
  const auto rt = world.runtime({.observer = seen});
  const auto leaves = make_chain<int>(rt, "leaves", [](auto in) {
    return in >> stage("leave", [](int) -> or_exit<int, int> { return exit_with(100); });
  });
  const auto fails = make_chain<int>(rt, "fails", [](auto in) {
    return in >> stage("fail", [](int) -> result<int> { return failure(errc::invalid_input); });
  });
  test::outcome<int> left;
  test::outcome<int> failed;
  leaves.async_run(1, left.take());
  world.run();
  fails.async_run(1, failed.take());
  world.run();
  CHECK(seen->failed == std::vector<bool>{false, true});
}

TEST_CASE("a function beside suspending stages is recorded with the moment it ended") {
  records_world here;
  const auto record = here.run(make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("work", [&](int i) {
             here.world.elapse(3ms);
             return i;
           })
              >> stage("later", [](int i) -> boost::asio::awaitable<int> { co_return i; });
  }));
  CHECK(record.stages[0].span.ended - record.stages[0].span.began == 3ms);
}

TEST_CASE("a function that throws is recorded with the moment it ended") {
  records_world here;
  const auto record = here.run(make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("throw", [&](int) -> int {
             here.world.elapse(3ms);
             throw std::runtime_error("boom");
           });
  }));
  CHECK(record.why.path() == "throw");
  CHECK(record.stages[0].span.ended - record.stages[0].span.began == 3ms);
}

TEST_CASE("a function that throws beside suspending stages is recorded with the moment it ended") {
  records_world here;
  const auto record = here.run(make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("throw", [&](int) -> int {
             here.world.elapse(3ms);
             throw std::runtime_error("boom");
           })
              >> stage("later", [](int i) -> boost::asio::awaitable<int> { co_return i; });
  }));
  CHECK(record.why.path() == "throw");
  CHECK(record.stages[0].span.ended - record.stages[0].span.began == 3ms);
}
