// SPDX-License-Identifier: BSL-1.0
#include <catena/graph/stage_queue.hpp>

#include <deque>
#include <random>

#include "support/catch.hpp"

namespace {

using catena::graph::queue_place;
using catena::graph::stage_queue;
using entry = stage_queue::entry;

}  // namespace

TEST_CASE("a stage queue lets in its consumers, keeps its capacity waiting and refuses the rest") {
  stage_queue queue({.capacity = 2, .consumers = 1});
  queue_place places[4];
  CHECK(queue.enter(places[0]) == entry::entered);
  CHECK(queue.enter(places[1]) == entry::waits);
  CHECK(queue.enter(places[2]) == entry::waits);
  CHECK(queue.enter(places[3]) == entry::full);
  CHECK(queue.leave() == &places[1]);
  CHECK(queue.leave() == &places[2]);
  CHECK(queue.leave() == nullptr);
  CHECK(queue.enter(places[3]) == entry::entered);
}

TEST_CASE("who gives up a place is not let in and makes room") {
  stage_queue queue({.capacity = 1, .consumers = 1});
  queue_place holder;
  queue_place leaver;
  queue_place next;
  CHECK(queue.enter(holder) == entry::entered);
  CHECK(queue.enter(leaver) == entry::waits);
  CHECK(queue.give_up(leaver));
  CHECK(!queue.give_up(leaver));
  CHECK(queue.enter(next) == entry::waits);
  CHECK(queue.leave() == &next);
}

TEST_CASE("who was let in can no longer give up, and who gave up before entering never enters") {
  stage_queue queue({.capacity = 1, .consumers = 1});
  queue_place holder;
  queue_place early;
  CHECK(queue.enter(holder) == entry::entered);
  CHECK(!queue.give_up(holder));
  CHECK(!queue.give_up(early));
  CHECK(queue.enter(early) == entry::given_up);
}

TEST_CASE("a stage queue agrees with a deque") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    stage_queue queue({.capacity = 5, .consumers = 2});
    std::deque<queue_place> places;
    std::deque<queue_place*> waiting;
    std::size_t inside = 0;
    for (int i = 0; i < 2000; ++i) {
      switch (random() % 3) {
        case 0: {
          auto& place = places.emplace_back();
          const auto expected = inside < 2 ? entry::entered : waiting.size() < 5 ? entry::waits : entry::full;
          REQUIRE(queue.enter(place) == expected);
          if (expected == entry::entered) ++inside;
          if (expected == entry::waits) waiting.push_back(&place);
          break;
        }
        case 1:
          if (!waiting.empty()) {
            const auto victim = waiting.begin() + static_cast<std::ptrdiff_t>(random() % waiting.size());
            REQUIRE(queue.give_up(**victim));
            waiting.erase(victim);
          }
          break;
        default:
          if (inside == 0) break;
          auto* next = queue.leave();
          REQUIRE(next == (waiting.empty() ? nullptr : waiting.front()));
          if (waiting.empty()) --inside;
          else waiting.pop_front();
      }
    }
  }
}
