// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/testing/recording_sink.hpp>

#include <chrono>
#include <memory>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

struct observed_world {
  testing::manual_world world;
  std::shared_ptr<testing::recording_sink> sink = std::make_shared<testing::recording_sink>();
  runtime rt = world.runtime({.observer = sink});
};

}  // namespace

TEST_CASE("a recording sink keeps who ran, for whom, and when each stage began and ended") {
  observed_world here;
  auto work = make_chain<int>(here.rt, "work", [&](auto in) {
    return in >> stage("first", [](int i) { return i + 1; })
              >> stage("nap", [&rt = here.rt](int i) -> boost::asio::awaitable<int> {
                   co_await rt.async_wait_until(rt.now() + 5ms, boost::asio::use_awaitable);
                   co_return i;
                 });
  });
  trace_context parent;
  parent.flags = 1;
  parent.trace_id[3] = std::byte{9};
  test::outcome<int> end;
  work.async_run(1, {.id = 77, .trace_parent = parent}, end.take());
  here.world.run();
  CHECK(end.value() == 2);
  const auto records = here.sink->records();
  REQUIRE(records.size() == 1);
  const auto& run = records.front();
  CHECK(run.chain == "work");
  CHECK(run.id == 77);
  REQUIRE(run.trace_parent);
  CHECK(run.trace_parent->flags == 1);
  CHECK(run.trace_parent->trace_id[3] == std::byte{9});
  CHECK(!run.why.is_set());
  REQUIRE(run.stages.size() == 2);
  CHECK(run.stages[0].name == "first");
  CHECK(run.stages[1].name == "nap");
  CHECK(run.stages[1].span.ended - run.stages[1].span.began == 5ms);
}

TEST_CASE("a recorded failure outlives its run and a stage that never began has no times") {
  observed_world here;
  {
    auto fails = make_chain<int>(here.rt, "fails", [](auto in) {
      return in >> stage("bad", [](int) -> result<int> { return failure(errc::invalid_input, "no"); })
                >> stage("never", [](int i) { return i; });
    });
    test::outcome<int> end;
    fails.async_run(1, end.take());
    here.world.run();
  }
  const auto records = here.sink->records();
  REQUIRE(records.size() == 1);
  CHECK(records[0].why.is(errc::invalid_input));
  CHECK(records[0].why.path() == "bad");
  CHECK(records[0].stages[0].ended());
  CHECK(!records[0].stages[1].began());
  here.sink->clear();
  CHECK(here.sink->count() == 0);
}
