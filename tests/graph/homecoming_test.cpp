// SPDX-License-Identifier: BSL-1.0
/// \file
/// Where a run goes on, and what a ready queue posts for it.
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/runtime/ready_queue.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_executor.hpp>

#include <memory>

#include "model/held_model.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

namespace asio = boost::asio;
using namespace catena;

/// One that pushes another and looks what its executor has to do by then.
struct pushing_node : ready_node {
  ready_queue* queue = nullptr;
  ready_node* other = nullptr;
  testing::manual_world* world = nullptr;
  std::size_t ready = 0;
};

std::size_t steps_of_one_request(std::size_t instances) {
  testing::manual_world world;
  const auto rt = world.runtime();
  const auto m = make_model<int, int>(rt, {.name = "m", .instances = instances}, test::answering<int, int>([](int i) { return i; }));
  test::outcome<int> end;
  m.async_run(1, end.take());
  world.run();
  CHECK(end.value() == 1);
  return world.steps();
}

}  // namespace

TEST_CASE("a model's answer goes on where its run's handler lives, not on the runtime's executor") {
  testing::manual_world world;
  testing::manual_world other;
  const auto rt = world.runtime();
  test::held_batches<int, int> held;
  const auto m = make_model<int, int>(rt, {.name = "m"}, held.instance());
  int at_its_own = 0;
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    return in >> stage("score", m) >> stage("after", [&](int i) {
             at_its_own += other.context().running_in_this_thread();
             return i;
           });
  });
  int called = 0;
  c.async_run(1, asio::bind_executor(other.get_executor(), [&](result<int>) {
                ++called;
                at_its_own += other.context().running_in_this_thread();
              }));
  other.run_until_idle();
  world.run_until_idle();
  auto b = held.take();
  b.answer(0, 5);
  b.done();
  world.run_until_idle();
  CHECK(called == 0);
  other.run_until_idle();
  CHECK(called == 1);
  CHECK(at_its_own == 2);
}

TEST_CASE("what a node pushes that is resumed alone need not wait for it to return") {
  testing::manual_world world;
  const auto queue = std::make_shared<ready_queue>(world.get_executor());
  ready_node other;
  other.resume = [](ready_node&, wake) {};
  pushing_node first;
  first.queue = queue.get();
  first.other = &other;
  first.world = &world;
  first.resume = [](ready_node& node, wake) {
    auto& self = static_cast<pushing_node&>(node);
    self.queue->push(*self.other);
    self.ready = self.world->context().ready_count();
  };
  queue->push(first);
  world.run();
  CHECK(first.ready == 1);
}

TEST_CASE("one request wakes one instance") {
  CHECK(steps_of_one_request(4) == steps_of_one_request(1));
}
