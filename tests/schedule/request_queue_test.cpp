// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/request_queue.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <random>
#include <vector>

#include "support/catch.hpp"

namespace {

using catena::priority;
using catena::queued_request;
using catena::request_queue;
using catena::time_point;

constexpr std::array queue_priorities{priority::low, priority::normal, priority::high, priority::critical};

/// The queue in ten lines: what waits, in the order of coming.
struct plain_queue {
  std::deque<queued_request*> all;
  queued_request* pop() {
    if (all.empty()) return nullptr;
    const auto first = std::max_element(all.begin(), all.end(), [](auto* a, auto* b) { return a->priority < b->priority; });
    queued_request* taken = *first;
    all.erase(first);
    return taken;
  }
};

}  // namespace

TEST_CASE("a request queue gives the first that came first") {
  request_queue queue(8);
  std::array<queued_request, 3> r{};
  for (auto& one : r) REQUIRE(queue.try_push(one));
  CHECK(queue.pop() == &r[0]);
  CHECK(queue.pop() == &r[1]);
  CHECK(queue.pop() == &r[2]);
  CHECK(queue.pop() == nullptr);
}

TEST_CASE("a request queue gives a higher priority before a lower one that came earlier") {
  request_queue queue(8);
  std::array<queued_request, 4> r{};
  for (std::size_t i = 0; i < r.size(); ++i) {
    r[i].priority = queue_priorities[i];
    REQUIRE(queue.try_push(r[i]));
  }
  for (std::size_t i = r.size(); i-- > 0;) CHECK(queue.pop() == &r[i]);
}

TEST_CASE("a full request queue refuses one more and takes it when one has left") {
  request_queue queue(2);
  std::array<queued_request, 3> r{};
  CHECK(queue.try_push(r[0]));
  CHECK(queue.try_push(r[1]));
  CHECK(!queue.try_push(r[2]));
  CHECK(!r[2].waiting);
  CHECK(queue.remove(r[0]));
  CHECK(queue.try_push(r[2]));
  CHECK(queue.size() == 2);
}

TEST_CASE("a request leaves the queue wherever it stands, once") {
  for (std::size_t which = 0; which < 3; ++which) {
    request_queue queue(8);
    std::array<queued_request, 3> r{};
    for (auto& one : r) REQUIRE(queue.try_push(one));
    CHECK(queue.remove(r[which]));
    CHECK(!queue.remove(r[which]));
    CHECK(queue.size() == 2);
    for (std::size_t i = 0; i < 3; ++i)
      if (i != which) CHECK(queue.pop() == &r[i]);
    CHECK(queue.empty());
  }
}

TEST_CASE("the oldest arrival is found over all priorities") {
  request_queue queue(8);
  CHECK(queue.oldest() == catena::no_deadline);
  std::array<queued_request, 2> r{};
  r[0].arrival = time_point(std::chrono::seconds(2));
  r[0].priority = priority::high;
  r[1].arrival = time_point(std::chrono::seconds(1));
  r[1].priority = priority::low;
  for (auto& one : r) REQUIRE(queue.try_push(one));
  CHECK(queue.oldest() == time_point(std::chrono::seconds(1)));
}

TEST_CASE("a request queue agrees with a ten-line model of itself") {
  std::mt19937 random(7);
  request_queue queue(20);
  plain_queue plain;
  std::vector<queued_request> r(40);
  for (int step = 0; step < 20'000; ++step) {
    auto& one = r[random() % r.size()];
    switch (random() % 3) {
      case 0:
        if (one.waiting) break;
        one.priority = queue_priorities[random() % 4];
        CHECK(queue.try_push(one) == (plain.all.size() < 20));
        if (one.waiting) plain.all.push_back(&one);
        break;
      case 1: CHECK(queue.remove(one) == (std::erase(plain.all, &one) == 1)); break;
      default: CHECK(queue.pop() == plain.pop());
    }
    REQUIRE(queue.size() == plain.all.size());
  }
}
