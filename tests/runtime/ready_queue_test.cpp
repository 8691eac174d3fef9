// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/ready_queue.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/posting_executor.hpp"

#include "support/catch.hpp"

namespace {

using catena::ready_node;
using catena::ready_queue;
using catena::wake;

struct noted_node : ready_node {
  explicit noted_node(std::function<void(wake)> f) : then(std::move(f)) {
    resume = [](ready_node& node, wake how) { static_cast<noted_node&>(node).then(how); };
  }
  std::function<void(wake)> then;
};

}  // namespace

TEST_CASE("a ready queue resumes every node once, in order, and never inside push") {
  catena::testing::manual_world world;
  const auto queue = std::make_shared<ready_queue>(world.get_executor());
  std::vector<int> order;
  std::deque<noted_node> nodes;
  for (int i = 0; i < 300; ++i) {
    nodes.emplace_back([&order, i](wake how) {
      CHECK(how == wake::resumed);
      order.push_back(i);
    });
    queue->push(nodes.back());
  }
  CHECK(order.empty());
  // One drainer at a time may be ready, so that a seed does not change the order.
  world.run_until_idle();
  CHECK(order.size() == 300);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a ready queue resumes many nodes with few posts") {
  catena::testing::manual_world world;
  const auto queue = std::make_shared<ready_queue>(world.get_executor());
  int resumed = 0;
  std::deque<noted_node> nodes;
  for (int i = 0; i < 1000; ++i) queue->push(nodes.emplace_back([&](wake) { ++resumed; }));
  world.run_until_idle();
  CHECK(resumed == 1000);
  CHECK(world.steps() < 100);
}

TEST_CASE("a share is a quarter of what waits, 64 nodes at most, also of nodes that were pushed from inside a share") {
  catena::testing::manual_world world;
  const auto queue = std::make_shared<ready_queue>(world.get_executor());
  int resumed = 0;
  const auto in_one_step = [&] {
    const int before = resumed;
    REQUIRE(world.step());
    return resumed - before;
  };
  std::deque<noted_node> nodes;
  for (int i = 0; i < 16; ++i) queue->push(nodes.emplace_back([&](wake) { ++resumed; }));
  CHECK(in_one_step() == 4);
  CHECK(in_one_step() == 3);
  world.run_until_idle();
  for (int i = 0; i < 8; ++i)
    queue->push(nodes.emplace_back([&](wake) {
      ++resumed;
      for (int k = 0; k < 200; ++k) queue->push(nodes.emplace_back([&](wake) { ++resumed; }));
    }));
  CHECK(in_one_step() == 2);
  CHECK(in_one_step() == 64);
  world.run_until_idle();
  CHECK(resumed == 16 + 8 + 8 * 200);
}

TEST_CASE("a node goes to the queue it is pushed to, also from inside a share of another queue") {
  catena::testing::manual_world world;
  catena::testing::manual_world other;
  const auto queue = std::make_shared<ready_queue>(world.get_executor());
  const auto other_queue = std::make_shared<ready_queue>(other.get_executor());
  bool at_its_own = false;
  noted_node pushed([&](wake) { at_its_own = other.context().running_in_this_thread(); });
  std::deque<noted_node> nodes;
  for (int i = 0; i < 8; ++i)
    queue->push(nodes.emplace_back([&, i](wake) {
      if (i == 0) other_queue->push(pushed);
    }));
  world.run_until_idle();
  other.run_until_idle();
  CHECK(at_its_own);
}

TEST_CASE("a node that pushes itself again does not keep the others from their turn") {
  catena::testing::manual_world world;
  const auto queue = std::make_shared<ready_queue>(world.get_executor());
  int rounds = 0;
  bool other_ran = false;
  noted_node again([&](wake) {
    if (++rounds < 100 && !other_ran) queue->push(again);
  });
  noted_node other([&](wake) { other_ran = true; });
  queue->push(again);
  queue->push(other);
  world.run_until_idle();
  CHECK(other_ran);
  CHECK(rounds <= 3);
}

TEST_CASE("what waits in a ready queue is abandoned once when the executor goes, and so is what comes later") {
  catena::testing::manual_world world;
  const auto queue = std::make_shared<ready_queue>(world.get_executor());
  int abandoned = 0;
  const auto count = [&](wake how) {
    CHECK(how == wake::abandoned);
    ++abandoned;
  };
  noted_node early(count);
  noted_node late(count);
  queue->push(early);
  world.destroy_executor();
  CHECK(abandoned == 1);
  queue->push(late);
  CHECK(abandoned == 2);
}

TEST_CASE("an executor that goes while a share is resumed abandons the rest of the share and what was pushed") {
  catena::testing::manual_world world;
  const auto queue = std::make_shared<ready_queue>(world.get_executor());
  int abandoned = 0;
  const auto count = [&](wake how) { abandoned += how == wake::abandoned; };
  noted_node pushed(count);
  std::deque<noted_node> nodes;
  for (int i = 0; i < 8; ++i)
    queue->push(nodes.emplace_back([&, i](wake how) {
      if (i != 0) return count(how);
      queue->push(pushed);
      queue->executor_gone();
      throw std::runtime_error("from a handler");
    }));
  CHECK_THROWS_AS(world.step(), std::runtime_error);
  world.run_until_idle();
  CHECK(abandoned == 8);
}

TEST_CASE("a ready queue whose executor is gone keeps nothing busy") {
  catena::testing::manual_world world;
  const auto queue = std::make_shared<ready_queue>(world.get_executor());
  queue->hold_work();
  CHECK(world.context().outstanding_work_count() == 1);
  queue->executor_gone();
  CHECK(world.context().outstanding_work_count() == 0);
  queue->drop_work();
  queue->hold_work();
  CHECK(world.context().outstanding_work_count() == 0);
  queue->drop_work();
}

TEST_CASE("work that is held twice keeps the executor busy until both let go") {
  catena::testing::manual_world world;
  const auto queue = std::make_shared<ready_queue>(world.get_executor());
  queue->hold_work();
  queue->hold_work();
  queue->drop_work();
  CHECK(world.context().outstanding_work_count() == 1);
  queue->drop_work();
  CHECK(world.context().outstanding_work_count() == 0);
}

TEST_CASE("a node that throws does not take its neighbours with it") {
  catena::testing::manual_world world;
  const auto queue = std::make_shared<ready_queue>(world.get_executor());
  int resumed = 0;
  std::deque<noted_node> nodes;
  for (int i = 0; i < 10; ++i)
    queue->push(nodes.emplace_back([&resumed, i](wake) {
      if (i == 3) throw std::runtime_error("from a handler");
      ++resumed;
    }));
  int thrown = 0;
  for (bool more = true; more;) {
    try {
      more = world.step();
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  }
  CHECK(thrown == 1);
  CHECK(resumed == 9);
}

TEST_CASE("a ready queue loses and doubles nothing between threads", "[concurrency]") {
  boost::asio::thread_pool pool(2);
  const auto queue = std::make_shared<ready_queue>(pool.get_executor());
  constexpr int count = 5000;
  std::atomic<int> resumed{0};
  std::vector<std::unique_ptr<noted_node>> nodes;
  for (int i = 0; i < 2 * count; ++i)
    nodes.push_back(std::make_unique<noted_node>([&](wake how) {
      if (how == wake::resumed) resumed.fetch_add(1, std::memory_order_relaxed);
    }));
  auto push_half = [&](int from) {
    for (int i = from; i < from + count; ++i) queue->push(*nodes[static_cast<std::size_t>(i)]);
  };
  std::thread first(push_half, 0);
  std::thread second(push_half, count);
  first.join();
  second.join();
  pool.join();
  CHECK(resumed == 2 * count);
}

TEST_CASE("what a full executor does not take waits in the ready queue for the next push") {
  catena::test::posting_context context;
  const auto queue = std::make_shared<ready_queue>(catena::test::posting_executor{&context});
  int resumed = 0;
  noted_node first([&](wake how) { resumed += how == wake::resumed ? 1 : 100; });
  noted_node second([&](wake how) { resumed += how == wake::resumed ? 1 : 100; });
  context.full = true;
  queue->push(first);
  context.full = false;
  context.run();
  CHECK(resumed == 0);
  queue->push(second);
  context.run();
  CHECK(resumed == 2);
}

TEST_CASE("an executor does not run out of work while one holds it that met another one on the way", "[concurrency]") {
  int early = 0;
  for (int round = 0; round < 300; ++round) {
    boost::asio::io_context io;
    const auto queue = std::make_shared<ready_queue>(io.get_executor());
    std::atomic<int> at_the_start{0};
    std::atomic<bool> held{false}, dropped{false};
    const auto meet = [&] {
      for (++at_the_start; at_the_start < 2;) std::this_thread::yield();
    };
    boost::asio::post(io, [&] {
      meet();
      queue->hold_work();
      held = true;
    });
    std::thread other([&] {
      meet();
      queue->hold_work();
      queue->drop_work();
    });
    std::thread works([&] {
      while (!held) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      dropped = true;
      queue->drop_work();
    });
    io.run();
    if (!dropped) ++early;
    other.join();
    works.join();
  }
  CHECK(early == 0);
}
