// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/batch_former.hpp>

#include <array>
#include <chrono>
#include <deque>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

constexpr time_point former_start{1h};

/// A former with the requests that the test has pushed, by number.
struct forming {
  explicit forming(batch_options batches, batch_unit unit = batch_unit::request, request_queue_options queue = {})
      : former(batches, queue, unit), room(batches.max_size) {}

  batch_former::push_result push(queued_request facts) {
    all.push_back(facts);
    all.back().arrival = now;
    return former.try_push(all.back(), now);
  }
  /// The numbers of the requests of the next batch.
  std::vector<std::size_t> take() {
    formed = former.take(room, now);
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < formed.count; ++i) numbers.push_back(number_of(*room[i]));
    return numbers;
  }
  [[nodiscard]] std::size_t number_of(const queued_request& r) const {
    std::size_t number = 0;
    while (&all[number] != &r) ++number;
    return number;
  }

  batch_former former;
  std::vector<queued_request*> room;
  std::deque<queued_request> all;
  formed_batch formed;
  time_point now = former_start;
};

using request_numbers = std::vector<std::size_t>;
using former_entry = batch_former::entry;

/// Takes as much as the test says, and remembers what it was told.
struct told_policy {
  struct memory {
    std::size_t take = 1000;
    std::vector<waiting_requests> asked;
    std::vector<std::size_t> computed;
  };
  memory* told;
  [[nodiscard]] batch_decision form(const waiting_requests& w, const batch_limits&, time_point) const {
    told->asked.push_back(w);
    return {.take = told->take};
  }
  void computed(std::size_t size, duration, time_point) const { told->computed.push_back(size); }
};

}  // namespace

TEST_CASE("requests of different shapes are never in one batch") {
  forming f({.max_size = 8, .policy = greedy_batching{}});
  for (const std::uint64_t shape : {1, 2, 1, 2, 1}) (void)f.push({.shape = shape});
  CHECK(f.take() == request_numbers{0, 2, 4});
  CHECK(f.formed.shape == 1);
  CHECK(f.take() == request_numbers{1, 3});
  CHECK(f.former.empty());
}

TEST_CASE("of several shapes the one goes first whose next request has the higher priority, or came first") {
  forming f({.max_size = 8, .policy = greedy_batching{}});
  (void)f.push({.shape = 1});
  f.now += 1ms;
  (void)f.push({.shape = 2});
  (void)f.push({.shape = 3, .priority = priority::high});
  CHECK(f.take() == request_numbers{2});
  CHECK(f.take() == request_numbers{0});
  CHECK(f.take() == request_numbers{1});
}

TEST_CASE("a shape that is ready goes before one that waits for more, and the earliest look counts") {
  forming f({.max_size = 2, .max_delay = 5ms, .policy = greedy_batching{}});
  (void)f.push({.shape = 1});
  CHECK(f.former.decide(f.now) == batch_decision{.take = 0, .look_again = former_start + 5ms});
  f.now += 1ms;
  (void)f.push({.shape = 2});
  CHECK(f.former.decide(f.now) == batch_decision{.take = 0, .look_again = former_start + 5ms});
  (void)f.push({.shape = 2});
  CHECK(f.take() == request_numbers{1, 2});
  CHECK(f.take() == request_numbers{});
  f.now = former_start + 5ms;
  CHECK(f.take() == request_numbers{0});
}

TEST_CASE("a new shape takes the place of the one of which nothing has come for longest, if nothing waits there") {
  forming f({.max_size = 8, .policy = greedy_batching{}, .max_shapes = 2});
  CHECK(f.push({.shape = 1}).entry == former_entry::accepted);
  f.now += 1ms;
  CHECK(f.push({.shape = 2}).entry == former_entry::accepted);
  CHECK(f.push({.shape = 3}).entry == former_entry::shapes_full);
  CHECK(f.former.size() == 2);
  CHECK(f.take() == request_numbers{0});
  CHECK(f.push({.shape = 3}).entry == former_entry::accepted);
  CHECK(f.take() == request_numbers{1});
  CHECK(f.take() == request_numbers{3});
}

TEST_CASE("each shape's policy learns from the batches of its own shape") {
  told_policy::memory told;
  forming f({.max_size = 8, .policy = told_policy{&told}});
  (void)f.push({.shape = 1});
  (void)f.push({.shape = 2});
  const auto first = f.take();
  CHECK(first == request_numbers{0});
  f.former.computed(f.formed, 1ms, f.now);
  CHECK(told.computed == std::vector<std::size_t>{1});
  f.former.computed({.count = 1, .size = 1, .shape = 77}, 1ms, f.now);  // forgotten meanwhile
  CHECK(told.computed.size() == 1);
}

TEST_CASE("where the unit is cost, a batch's size is what its requests cost together") {
  told_policy::memory told;
  forming f({.max_size = 10, .policy = told_policy{&told}}, batch_unit::cost);
  for (const std::uint32_t cost : {4, 5, 3, 10, 1}) (void)f.push({.cost = cost});
  CHECK(f.take() == request_numbers{0, 1});
  CHECK(told.asked.back().count == 23);
  CHECK(f.formed.size == 9);
  CHECK(f.formed.count == 2);
  CHECK(f.take() == request_numbers{2});
  CHECK(f.take() == request_numbers{3});
  CHECK(f.take() == request_numbers{4});
  CHECK(f.former.empty());
}

TEST_CASE("a batch whose size is a cost has one request at least, whatever the policy asks for") {
  told_policy::memory told{.take = 2, .asked = {}, .computed = {}};
  forming f({.max_size = 10, .policy = told_policy{&told}}, batch_unit::cost);
  (void)f.push({.cost = 7});
  (void)f.push({.cost = 1});
  CHECK(f.take() == request_numbers{0});
  CHECK(f.take() == request_numbers{1});
}

TEST_CASE("a request that costs more than a batch may is refused") {
  forming f({.max_size = 10}, batch_unit::cost);
  CHECK(f.push({.cost = 11}).entry == former_entry::too_large);
  CHECK(f.push({.cost = 10}).entry == former_entry::accepted);
}

TEST_CASE("in every order a batch by cost keeps the order and its bound") {
  for (const queue_order order : {queue_order::fifo, queue_order::earliest_deadline, queue_order::fair_share}) {
    forming f({.max_size = 6, .policy = greedy_batching{}}, batch_unit::cost, {.order = order, .quantum = 2});
    for (std::uint32_t i = 0; i < 40; ++i)
      (void)f.push({.deadline = former_start + 1h + i * 1ms, .tenant = i % 3, .cost = 1 + i % 4});
    std::size_t taken = 0;
    for (auto batch = f.take(); !batch.empty(); batch = f.take()) {
      CHECK(f.formed.size <= 6);
      CHECK(f.formed.size >= 3);  // the next one costs 4 at most
      taken += batch.size();
      if (taken == 40) break;
    }
    CHECK(taken == 40);
    CHECK(f.former.empty());
  }
}

TEST_CASE("what leaves without being computed costs no more") {
  told_policy::memory told;
  forming f({.max_size = 10, .policy = told_policy{&told}}, batch_unit::cost,
            {.capacity = 2, .full = when_full::drop_oldest_of_lowest});
  (void)f.push({.cost = 4, .priority = priority::low});
  (void)f.push({.cost = 5});
  const auto pushed = f.push({.cost = 2});
  REQUIRE(pushed.evicted);
  CHECK(f.number_of(*pushed.evicted) == 0);
  CHECK(f.former.remove(f.all[1]));
  CHECK_FALSE(f.former.remove(f.all[1]));
  CHECK(f.former.size() == 1);
  (void)f.former.decide(f.now);
  CHECK(told.asked.back().count == 2);
  CHECK(f.former.take_any() == &f.all[2]);
  CHECK(f.former.take_any() == nullptr);
}
