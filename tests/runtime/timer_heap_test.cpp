// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/timer_heap.hpp>

#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <vector>

#include "support/catch.hpp"

namespace {

using catena::time_point;
using catena::timer_heap;
using catena::timer_node;

time_point heap_moment(int ticks) { return time_point(std::chrono::milliseconds(ticks)); }

}  // namespace

TEST_CASE("an empty timer heap has no earliest moment and nothing due") {
  timer_heap heap;
  CHECK(heap.empty());
  CHECK(heap.earliest() == catena::no_deadline);
  CHECK(heap.pop_due(catena::no_deadline) == nullptr);
}

TEST_CASE("a timer heap gives nothing before its moment and everything at it") {
  timer_heap heap;
  timer_node node;
  node.when = heap_moment(5);
  heap.push(node);
  CHECK(node.waiting);
  CHECK(heap.pop_due(heap_moment(4)) == nullptr);
  CHECK(heap.pop_due(heap_moment(5)) == &node);
  CHECK(!node.waiting);
  CHECK(heap.empty());
}

TEST_CASE("a timer heap agrees with a multimap through any pushes, pops and removals") {
  for (unsigned seed = 0; seed < 50; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    timer_heap heap;
    std::multimap<time_point, timer_node*> model;
    std::deque<timer_node> nodes;
    int now = 0;
    for (int i = 0; i < 2000; ++i) {
      switch (random() % 4) {
        case 0:
        case 1: {
          auto& node = nodes.emplace_back();
          node.when = heap_moment(now + static_cast<int>(random() % 100));
          heap.push(node);
          model.emplace(node.when, &node);
          break;
        }
        case 2:
          if (!model.empty()) {
            auto victim = std::next(model.begin(), static_cast<std::ptrdiff_t>(random() % model.size()));
            heap.remove(*victim->second);
            REQUIRE(!victim->second->waiting);
            model.erase(victim);
          }
          break;
        default:
          now += static_cast<int>(random() % 10);
          while (timer_node* due = heap.pop_due(heap_moment(now))) {
            REQUIRE(!model.empty());
            REQUIRE(due->when == model.begin()->first);
            const auto [from, to] = model.equal_range(due->when);
            const auto found = std::find_if(from, to, [&](const auto& entry) { return entry.second == due; });
            REQUIRE(found != to);
            model.erase(found);
          }
          REQUIRE((model.empty() || model.begin()->first > heap_moment(now)));
      }
      REQUIRE(heap.empty() == model.empty());
      REQUIRE(heap.earliest() == (model.empty() ? catena::no_deadline : model.begin()->first));
    }
  }
}

TEST_CASE("a hundred thousand timers in ascending or descending order need no stack") {
  for (const int direction : {1, -1}) {
    std::vector<timer_node> nodes(100'000);
    timer_heap heap;
    for (int i = 0; i < 100'000; ++i) {
      nodes[static_cast<std::size_t>(i)].when = heap_moment(direction * i);
      heap.push(nodes[static_cast<std::size_t>(i)]);
    }
    time_point last = time_point::min();
    int count = 0;
    while (timer_node* due = heap.pop_due(catena::no_deadline)) {
      if (due->when < last) FAIL("out of order");
      last = due->when;
      ++count;
    }
    CHECK(count == 100'000);
  }
}
