// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/fifo_order.hpp>
#include <catena/schedule/request_queue.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "schedule/plain_queue.hpp"
#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using catena::priority;
using catena::queue_order;
using catena::queued_request;
using catena::request_queue;
using catena::request_queue_options;
using catena::time_point;
using catena::when_full;
using queue_entry = catena::request_queue::entry;
using catena::test::plain_deadline;
using catena::test::plain_fair;
using catena::test::plain_fifo;
using catena::test::plain_queue;
using waiting_list = catena::test::queued_requests;

constexpr std::array queue_priorities{priority::low, priority::normal, priority::high, priority::critical};
constexpr std::array queue_orders{queue_order::fifo, queue_order::earliest_deadline, queue_order::fair_share};

time_point at(catena::duration since_start) { return time_point(since_start); }

bool accepts(request_queue& queue, queued_request& r) { return queue.try_push(r).entry == queue_entry::accepted; }

queued_request* take_one(request_queue& queue) {
  queued_request* one = nullptr;
  return queue.take({&one, 1}) == 1 ? one : nullptr;
}

std::vector<queued_request*> take_up_to(request_queue& queue, std::size_t count) {
  std::vector<queued_request*> taken(count);
  taken.resize(queue.take(taken));
  return taken;
}

std::vector<queued_request> requests_of(std::size_t count, queued_request like = {}) {
  return std::vector<queued_request>(count, like);
}

waiting_list evicted_of(const request_queue::push_result& result) {
  waiting_list evicted;
  for (queued_request* r = result.evicted; r; r = r->next) evicted.push_back(r);
  return evicted;
}

template <class Order>
void agrees_with_a_plain_queue(request_queue_options options, unsigned seed) {
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  options.capacity = 1 + below(200);
  options.max_bytes = below(2) * (1 + below(4000));
  if (below(2)) options.class_limits[below(4)] = 1 + below(options.capacity);
  options.ageing = std::chrono::milliseconds(1 + below(200));
  options.quantum = static_cast<std::uint32_t>(1 + below(30));
  options.full = below(2) ? when_full::refuse_new : when_full::drop_oldest_of_lowest;
  request_queue queue(options);
  plain_queue<Order> plain(options);
  auto all = requests_of(300);
  waiting_list absent;
  for (auto& r : all) absent.push_back(&r);
  time_point now{};

  const auto push = [&] {
    if (absent.empty()) return;
    std::swap(absent[below(absent.size())], absent.back());
    queued_request& r = *absent.back();
    r.arrival = now;
    r.priority = queue_priorities[below(4)];
    r.deadline = below(2) ? catena::no_deadline : now + std::chrono::milliseconds(below(500));
    r.tenant = below(7);
    r.cost = static_cast<std::uint32_t>(below(20));
    r.bytes = below(100);
    const auto [accepted, evicted] = plain.push(r);
    const auto result = queue.try_push(r);
    REQUIRE((result.entry == queue_entry::accepted) == accepted);
    waiting_list left = evicted_of(result);
    std::reverse(left.begin(), left.end());
    REQUIRE(left == evicted);
    if (accepted) absent.pop_back();
    absent.insert(absent.end(), evicted.begin(), evicted.end());
  };
  const auto remove = [&] {
    queued_request& r = all[below(all.size())];
    const bool waited = plain.remove(r);
    REQUIRE(queue.remove(r) == waited);
    if (waited) absent.push_back(&r);
  };
  const auto take = [&] {
    for (queued_request* r : take_up_to(queue, 1 + below(40))) {
      REQUIRE(r == plain.pop());
      absent.push_back(r);
    }
  };

  for (int step = 0; step < 1'500; ++step) {
    now += std::chrono::milliseconds(below(4));
    switch (below(24)) {
      case 0: take(); break;
      case 1:
      case 2:
      case 3:
      case 4: remove(); break;
      default: push();
    }
    const waiting_list everybody = plain.everybody();
    time_point oldest = catena::no_deadline, tightest = catena::no_deadline;
    for (const auto* r : everybody) {
      oldest = std::min(oldest, r->arrival);
      tightest = std::min(tightest, r->deadline);
    }
    REQUIRE(queue.size() == everybody.size());
    REQUIRE(queue.bytes() == plain.bytes());
    REQUIRE(queue.oldest() == oldest);
    if (below(3) == 0) REQUIRE(queue.tightest_deadline() == tightest);
    REQUIRE(queue.size() <= options.capacity);
    if (options.max_bytes != 0) REQUIRE(queue.bytes() <= options.max_bytes);
  }
  while (queued_request* r = plain.pop()) REQUIRE(take_one(queue) == r);
  REQUIRE(queue.empty());
}

/// A server in virtual time, which can be offered more than it can do; it notes how long requests have waited.
struct overload {
  explicit overload(const request_queue_options& o) : queue(o) {}

  static constexpr auto step = 1ms;
  static constexpr int served_in_a_step = 4;

  /// Pushes `r` now.
  void offer(queued_request r) {
    r.arrival = now;
    auto owned = std::make_unique<queued_request>(r);
    if (accepts(queue, *owned)) waiting.emplace(owned.get(), std::move(owned));
  }
  /// Those who expire leave, then the next ones are served.
  void serve() {
    for (auto i = waiting.begin(); i != waiting.end();) {
      if (i->second->deadline > now || !queue.remove(*i->first)) ++i;
      else i = waiting.erase(i);
    }
    for (queued_request* r : take_up_to(queue, served_in_a_step)) {
      longest[r->priority] = std::max(longest[r->priority], now - r->arrival);
      ++served[r->priority];
      waiting.erase(r);
    }
    now += step;
  }

  request_queue queue;
  time_point now{};
  std::map<queued_request*, std::unique_ptr<queued_request>> waiting;
  std::map<priority, catena::duration> longest;
  std::map<priority, int> served;
};

}  // namespace

// ---- order ----------------------------------------------------------------------------------------------------------------

TEST_CASE("a request queue gives the first that came first") {
  request_queue queue({.capacity = 8});
  auto r = requests_of(3);
  for (auto& one : r) REQUIRE(accepts(queue, one));
  for (auto& one : r) CHECK(take_one(queue) == &one);
  CHECK(take_one(queue) == nullptr);
}

TEST_CASE("a request queue gives a higher priority before a lower one that came earlier, but within its ageing") {
  request_queue queue({.capacity = 8, .ageing = 10ms});
  auto r = requests_of(4);
  for (std::size_t i = 0; i < r.size(); ++i) {
    r[i].priority = queue_priorities[i];
    r[i].arrival = at(static_cast<int>(i) * 10ms);
    REQUIRE(accepts(queue, r[i]));
  }
  for (std::size_t i = r.size(); i-- > 0;) CHECK(take_one(queue) == &r[i]);
}

TEST_CASE("a request goes before one of the next higher priority that came more than its ageing later") {
  request_queue queue({.capacity = 8, .ageing = 10ms});
  queued_request low{.arrival = at(0ms), .priority = priority::low};
  queued_request normal{.arrival = at(11ms), .priority = priority::normal};
  queued_request high{.arrival = at(21ms), .priority = priority::high};
  REQUIRE(accepts(queue, high));
  REQUIRE(accepts(queue, normal));
  REQUIRE(accepts(queue, low));
  CHECK(take_up_to(queue, 3) == waiting_list{&low, &high, &normal});
}

TEST_CASE("without ageing a lower priority waits for a higher one however long it has waited") {
  request_queue queue({.capacity = 8, .ageing = 0ms});
  queued_request low{.arrival = at(0ms), .priority = priority::low};
  queued_request normal{.arrival = at(100'000h), .priority = priority::normal};
  REQUIRE(accepts(queue, low));
  REQUIRE(accepts(queue, normal));
  CHECK(take_up_to(queue, 2) == waiting_list{&normal, &low});
}

TEST_CASE("the lowest priority waits three ageings and the time to serve a full queue, at most, while the highest overloads it") {
  const auto ageing = 50ms;
  const int capacity = 40;
  for (const queue_order order : queue_orders) {
    CAPTURE(static_cast<int>(order));
    // Room is kept for the low ones: what is tested is waiting, not coming in.
    overload world({.capacity = capacity, .class_limits = {0, 0, 0, capacity - 10}, .ageing = ageing, .order = order,
                    .quantum = 2});
    for (int step = 0; step < 5'000; ++step) {
      for (std::uint64_t i = 0; i < 8; ++i) world.offer({.tenant = i % 3, .priority = priority::critical});
      if (step % 20 == 0) world.offer({.tenant = 1, .priority = priority::low});
      world.serve();
    }
    const auto patience = order == queue_order::earliest_deadline ? 4 * ageing : 3 * ageing;
    const int share = order == queue_order::fair_share ? 3 : 1;  // others are served as much in between
    const auto serve_all = std::chrono::milliseconds(share * capacity / overload::served_in_a_step);
    CHECK(world.served[priority::low] > 200);
    CHECK(world.longest[priority::low] <= patience + serve_all);
    CHECK(world.longest[priority::low] > 3 * ageing - overload::step);
    CHECK(world.longest[priority::critical] <= serve_all + 2ms);
  }
}

TEST_CASE("without ageing the lowest priority is never served while the highest overloads the queue") {
  overload world({.capacity = 40, .class_limits = {0, 0, 0, 30}, .ageing = 0ms});
  for (int step = 0; step < 5'000; ++step) {
    for (int i = 0; i < 8; ++i) world.offer({.priority = priority::critical});
    world.offer({.priority = priority::low});
    world.serve();
  }
  CHECK(world.served[priority::low] == 0);
}

TEST_CASE("a request without a deadline is served within its bound while others with deadlines never stop coming") {
  const auto ageing = 50ms;
  const std::size_t capacity = 40;
  overload world({.capacity = capacity, .class_limits = {0, 30, 0, 0}, .ageing = ageing,
                  .order = queue_order::earliest_deadline});
  // Its own class is overloaded; the low requests are the ones without a deadline in a class of ones with.
  for (int step = 0; step < 3'000; ++step) {
    for (int i = 0; i < 8; ++i) world.offer({.deadline = world.now + 7ms, .priority = priority::normal});
    if (step % 20 == 0) world.offer({.priority = priority::low});
    else if (step % 20 == 10) world.offer({.deadline = world.now + 300ms, .priority = priority::low});
    world.serve();
  }
  CHECK(world.served[priority::low] > 100);
  CHECK(world.longest[priority::low] <= 4 * ageing + std::chrono::milliseconds(capacity / overload::served_in_a_step));
}

TEST_CASE("earliest deadline first gives what is due first, then what came first") {
  request_queue queue({.capacity = 8, .ageing = 10ms, .order = queue_order::earliest_deadline});
  queued_request later{.deadline = at(30ms)}, none{}, soon{.deadline = at(20ms)}, soon_too{.deadline = at(20ms)}, far{.deadline = at(1h)};
  for (auto* r : {&far, &later, &none, &soon, &soon_too}) REQUIRE(accepts(queue, *r));
  CHECK(take_up_to(queue, 8) == waiting_list{&soon, &soon_too, &later, &none, &far});
}

TEST_CASE("in every order a request queue agrees with a plain model of itself") {
  for (unsigned seed = 1; seed <= catena::test::times(60U, 10U); ++seed) {
    agrees_with_a_plain_queue<plain_fifo>({.order = queue_order::fifo}, seed);
    agrees_with_a_plain_queue<plain_deadline>({.order = queue_order::earliest_deadline}, seed);
    agrees_with_a_plain_queue<plain_fair>({.order = queue_order::fair_share}, seed);
  }
}

// ---- fair shares ------------------------------------------------------------------------------------------------------------

TEST_CASE("tenants that never stop waiting get the same within one quantum at any moment, where all cost the same") {
  request_queue queue({.capacity = 2000, .order = queue_order::fair_share, .quantum = 8});
  // The first comes with ten times as much as the others.
  auto r = requests_of(1200);
  for (std::size_t i = 0; i < r.size(); ++i) {
    r[i].tenant = i < 1000 ? 0 : 1 + i % 2;
    REQUIRE(accepts(queue, r[i]));
  }
  std::array<std::uint64_t, 3> given{};
  for (int i = 0; i < 100'000; ++i) {
    queued_request* one = take_one(queue);
    ++given[one->tenant];
    const auto [least, most] = std::minmax_element(given.begin(), given.end());
    REQUIRE(*most - *least <= 8);
    REQUIRE(accepts(queue, *one));
  }
}

TEST_CASE("tenants whose requests cost differently get the same cost within a quantum and twice the largest cost") {
  for (const std::uint32_t quantum : {1U, 7U, 50U, 1000U}) {
    CAPTURE(quantum);
    std::mt19937 random(quantum);
    request_queue queue({.capacity = 100, .order = queue_order::fair_share, .quantum = quantum});
    auto r = requests_of(40);
    std::array<std::uint64_t, 4> given{};
    for (std::size_t i = 0; i < r.size(); ++i) {
      r[i].tenant = i % 4;
      r[i].cost = static_cast<std::uint32_t>(1 + random() % (25 * (1 + i % 4)));
      REQUIRE(accepts(queue, r[i]));
    }
    for (int i = 0; i < 20'000; ++i) {
      queued_request* one = take_one(queue);
      given[one->tenant] += one->cost;
      const auto [least, most] = std::minmax_element(given.begin(), given.end());
      REQUIRE(*most - *least <= quantum + 2 * 100);
      REQUIRE(accepts(queue, *one));
    }
  }
}

TEST_CASE("a cost that is a thousand million quanta is given at once when nobody else waits") {
  request_queue queue({.capacity = 8, .order = queue_order::fair_share, .quantum = 1});
  queued_request dear{.tenant = 1, .cost = 4'000'000'000}, dearer{.tenant = 2, .cost = 4'000'000'001};
  REQUIRE(accepts(queue, dearer));
  REQUIRE(accepts(queue, dear));
  CHECK(take_up_to(queue, 2) == waiting_list{&dear, &dearer});
}

TEST_CASE("a tenant that has nothing waiting saves nothing for later") {
  request_queue queue({.capacity = 100, .order = queue_order::fair_share, .quantum = 10});
  queued_request small{.tenant = 1};  // leaves nine of its quantum
  REQUIRE(accepts(queue, small));
  CHECK(take_one(queue) == &small);
  auto mine = requests_of(20, {.tenant = 1}), others = requests_of(20, {.tenant = 2});
  for (auto& one : mine) REQUIRE(accepts(queue, one));
  for (auto& one : others) REQUIRE(accepts(queue, one));
  const auto first = take_up_to(queue, 20);
  CHECK(std::count_if(first.begin(), first.end(), [](auto* r) { return r->tenant == 1; }) == 10);
}

// ---- bounds -----------------------------------------------------------------------------------------------------------------

TEST_CASE("a full request queue refuses one more and takes it when one has left") {
  request_queue queue({.capacity = 2});
  auto r = requests_of(3);
  CHECK(accepts(queue, r[0]));
  CHECK(accepts(queue, r[1]));
  CHECK(queue.try_push(r[2]).entry == queue_entry::full);
  CHECK(!queue.remove(r[2]));
  CHECK(queue.remove(r[0]));
  CHECK(accepts(queue, r[2]));
  CHECK(queue.size() == 2);
}

TEST_CASE("a request queue holds no more bytes than it may, and counts those of whoever leaves as free") {
  request_queue queue({.max_bytes = 100});
  queued_request huge{.bytes = 101}, most{.bytes = 100}, one{.bytes = 1}, none{};
  CHECK(queue.try_push(huge).entry == queue_entry::bytes_full);
  CHECK(accepts(queue, most));
  CHECK(queue.try_push(one).entry == queue_entry::bytes_full);
  CHECK(accepts(queue, none));
  CHECK(queue.bytes() == 100);
  CHECK(take_one(queue) == &most);
  CHECK(queue.bytes() == 0);
  CHECK(accepts(queue, one));
  CHECK(queue.remove(one));
  CHECK(queue.bytes() == 0);
}

TEST_CASE("a priority has no more waiting than its limit while the others have room") {
  request_queue queue({.capacity = 4, .class_limits = {2, 0, 0, 0}});
  auto low = requests_of(3, {.priority = priority::low});
  CHECK(accepts(queue, low[0]));
  CHECK(accepts(queue, low[1]));
  CHECK(queue.try_push(low[2]).entry == queue_entry::class_full);
  queued_request normal{};
  CHECK(accepts(queue, normal));
}

TEST_CASE("a full queue that may drop drops the oldest of the lowest priority for a higher one, in every order") {
  for (const queue_order order : queue_orders) {
    request_queue queue({.capacity = 3, .order = order, .full = when_full::drop_oldest_of_lowest});
    queued_request oldest{.deadline = at(2s), .priority = priority::low}, low{.deadline = at(1s), .priority = priority::low};
    queued_request normal{}, high{.priority = priority::high};
    for (auto* r : {&normal, &oldest, &low}) REQUIRE(accepts(queue, *r));
    const auto result = queue.try_push(high);
    CHECK(result.entry == queue_entry::accepted);
    CHECK(evicted_of(result) == waiting_list{&oldest});
    CHECK(!queue.remove(oldest));
    CHECK(take_up_to(queue, 8) == waiting_list{&high, &normal, &low});
  }
}

TEST_CASE("a full queue that may drop refuses one that is of no higher priority than any that waits") {
  request_queue queue({.capacity = 1, .full = when_full::drop_oldest_of_lowest});
  queued_request first{}, second{}, low{.priority = priority::low};
  REQUIRE(accepts(queue, first));
  CHECK(queue.try_push(second).entry == queue_entry::full);
  CHECK(queue.try_push(low).entry == queue_entry::full);
  CHECK(take_one(queue) == &first);
}

TEST_CASE("as many are dropped as have the bytes that a higher priority needs, and none if they have too few") {
  request_queue queue({.max_bytes = 100, .full = when_full::drop_oldest_of_lowest});
  auto low = requests_of(5, {.bytes = 10, .priority = priority::low});
  queued_request normal{.bytes = 50};
  for (auto& r : low) REQUIRE(accepts(queue, r));
  REQUIRE(accepts(queue, normal));
  queued_request too_large{.bytes = 51, .priority = priority::normal};
  CHECK(queue.try_push(too_large).entry == queue_entry::bytes_full);
  CHECK(queue.size() == 6);
  queued_request high{.bytes = 25, .priority = priority::high};
  const auto result = queue.try_push(high);
  CHECK(result.entry == queue_entry::accepted);
  CHECK(evicted_of(result) == waiting_list{&low[2], &low[1], &low[0]});
  CHECK(queue.bytes() == 95);
}

TEST_CASE("a limit of its own priority makes nobody else leave") {
  request_queue queue({.capacity = 2, .class_limits = {0, 0, 1, 0}, .full = when_full::drop_oldest_of_lowest});
  queued_request low{.priority = priority::low};
  auto high = requests_of(2, {.priority = priority::high});
  REQUIRE(accepts(queue, low));
  REQUIRE(accepts(queue, high[0]));
  const auto result = queue.try_push(high[1]);
  CHECK(result.entry == queue_entry::class_full);
  CHECK(result.evicted == nullptr);
  CHECK(queue.size() == 2);
}

TEST_CASE("request queue options out of range are refused by name") {
  const auto fault = [](const request_queue_options& options) {
    try {
      request_queue queue(options);
      return std::string();
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
  };
  using Catch::Matchers::ContainsSubstring;
  CHECK(fault({}).empty());
  CHECK_THAT(fault({.capacity = 0}), ContainsSubstring("request_queue_options::capacity must be 1 to 16777216, is 0"));
  CHECK_THAT(fault({.capacity = 16'777'217}), ContainsSubstring("request_queue_options::capacity"));
  CHECK_THAT(fault({.capacity = 5, .class_limits = {0, 6, 5, 0}}),
             ContainsSubstring("request_queue_options::class_limits must be 0 to capacity (5), one is 6"));
  CHECK_THAT(fault({.ageing = -1ns}), ContainsSubstring("request_queue_options::ageing must be 0 to 24 hours"));
  CHECK_THAT(fault({.ageing = 24h + 1ns}), ContainsSubstring("request_queue_options::ageing"));
  CHECK_THAT(fault({.quantum = 0}), ContainsSubstring("request_queue_options::quantum must be at least 1"));
}

// ---- leaving ------------------------------------------------------------------------------------------------------------------

TEST_CASE("a request leaves the queue wherever it stands, once, in every order") {
  for (const queue_order order : queue_orders) {
    for (std::size_t which = 0; which < 3; ++which) {
      request_queue queue({.capacity = 8, .order = order});
      auto r = requests_of(3);
      for (auto& one : r) REQUIRE(accepts(queue, one));
      CHECK(queue.remove(r[which]));
      CHECK(!queue.remove(r[which]));
      CHECK(queue.size() == 2);
      for (std::size_t i = 0; i < 3; ++i)
        if (i != which) CHECK(take_one(queue) == &r[i]);
      CHECK(queue.empty());
      CHECK(queue.oldest() == catena::no_deadline);
    }
  }
}

TEST_CASE("a request that never came, was taken or was refused does not wait") {
  for (const queue_order order : queue_orders) {
    request_queue queue({.capacity = 1, .order = order});
    auto r = requests_of(3);
    CHECK(!queue.remove(r[0]));
    REQUIRE(accepts(queue, r[0]));
    CHECK(!queue.remove(r[1]));
    CHECK(!accepts(queue, r[1]));
    CHECK(!queue.remove(r[1]));
    CHECK(take_one(queue) == &r[0]);
    CHECK(!queue.remove(r[0]));
    // Also not in the place of the one that has come since.
    REQUIRE(accepts(queue, r[2]));
    CHECK(!queue.remove(r[0]));
    CHECK(queue.size() == 1);
  }
}

TEST_CASE("a request of one queue does not wait in another") {
  request_queue here({}), there({});
  auto r = requests_of(2);
  REQUIRE(accepts(here, r[0]));
  REQUIRE(accepts(there, r[1]));
  CHECK(!there.remove(r[0]));
  CHECK(here.remove(r[0]));
}

TEST_CASE("what is taken from a queue in order of coming is neither read nor written") {
  request_queue queue({.max_bytes = 1000});
  auto r = requests_of(100);
  for (std::size_t i = 0; i < r.size(); ++i) {
    r[i].bytes = 5;
    r[i].deadline = at(1s);
    r[i].priority = queue_priorities[i % 4];
    REQUIRE(accepts(queue, r[i]));
  }
  // What a request says after it was pushed plays no part, as long as nobody removes it.
  for (auto& one : r) one = {.arrival = at(77h), .bytes = 999, .priority = priority::low, .slot = 12345};
  CHECK(take_up_to(queue, 100).size() == 100);
  CHECK(queue.bytes() == 0);
  for (const auto& one : r) {
    CHECK(one.slot == 12345);
    CHECK(one.arrival == at(77h));
  }
}

// ---- what the batch former asks ---------------------------------------------------------------------------------------------

TEST_CASE("the oldest arrival is found over all priorities") {
  for (const queue_order order : queue_orders) {
    request_queue queue({.capacity = 8, .order = order});
    CHECK(queue.oldest() == catena::no_deadline);
    queued_request high{.arrival = at(2s), .priority = priority::high}, low{.arrival = at(1s), .priority = priority::low};
    REQUIRE(accepts(queue, high));
    CHECK(queue.oldest() == at(2s));
    REQUIRE(accepts(queue, low));
    CHECK(queue.oldest() == at(1s));
    CHECK(queue.remove(low));
    CHECK(queue.oldest() == at(2s));
  }
}

TEST_CASE("the tightest deadline is that of one who waits, also after the one that had it was taken, left or was moved") {
  request_queue queue({.capacity = 1000});
  CHECK(queue.tightest_deadline() == catena::no_deadline);
  queued_request first{.deadline = at(1s)}, second{.deadline = at(2s), .priority = priority::low}, third{.deadline = at(3s)};
  for (auto* r : {&first, &second, &third}) REQUIRE(accepts(queue, *r));
  CHECK(queue.tightest_deadline() == at(1s));
  CHECK(take_one(queue) == &first);
  CHECK(queue.tightest_deadline() == at(2s));
  CHECK(queue.remove(second));
  CHECK(queue.tightest_deadline() == at(3s));
  auto many = requests_of(200);
  for (auto& r : many) {
    REQUIRE(accepts(queue, r));
    REQUIRE(queue.tightest_deadline() == at(3s));
  }
  CHECK(take_one(queue) == &third);
  CHECK(queue.tightest_deadline() == catena::no_deadline);
}

// ---- the ring -----------------------------------------------------------------------------------------------------------------

TEST_CASE("the order of coming is kept while the ring wraps around and grows") {
  catena::detail::fifo_order ring({});
  auto r = requests_of(1000);
  std::size_t pushed = 0, popped = 0;
  for (std::size_t round = 1; pushed < 5000; ++round) {
    for (std::size_t i = 0; i < 3 * round && pushed - popped < 1000; ++i) ring.push(r[pushed++ % 1000]);
    for (std::size_t i = 0; i < 2 * round && popped < pushed; ++i) REQUIRE(&ring.pop() == &r[popped++ % 1000]);
  }
  CHECK(ring.slot_count() == 1024);
}

TEST_CASE("blanks at the head, in the middle and at the tail are closed up before the ring grows") {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    catena::detail::fifo_order ring({});
    auto r = requests_of(64);
    for (auto& one : r) ring.push(one);
    const std::size_t first = random() % 4, last = 63 - random() % 4;
    waiting_list stay;
    for (std::size_t i = 0; i < r.size(); ++i) {
      if (i == first || i == last || (i > first && i < last && random() % 4 == 0)) stay.push_back(&r[i]);
      else REQUIRE(ring.remove(r[i]));
    }
    // As many as there are without the ring being half full; the blanks at its head are fewer.
    auto more = requests_of(32);
    for (std::size_t i = 0; stay.size() < 31; ++i) {
      ring.push(more[i]);
      stay.push_back(&more[i]);
    }
    for (queued_request* one : stay) {
      if (random() % 4 == 0) REQUIRE(ring.remove(*one));
      else REQUIRE(&ring.pop() == one);
    }
    CHECK(ring.size() == 0);
    CHECK(ring.slot_count() == 64);
  }
}

TEST_CASE("a ring of one that stays while others come and go has few slots") {
  catena::detail::fifo_order ring({});
  queued_request stays;
  auto r = requests_of(20);
  ring.push(stays);
  for (auto& one : r) ring.push(one);
  for (std::size_t i = 0; i < 100'000; ++i) {
    REQUIRE(ring.remove(r[i % r.size()]));
    ring.push(r[i % r.size()]);
  }
  CHECK(ring.slot_count() == 64);
  CHECK(&ring.oldest() == &stays);
  CHECK(ring.size() == 21);
}

TEST_CASE("a million requests come and leave from behind one that stays, in every order, in seconds") {
  for (const queue_order order : queue_orders) {
    request_queue queue({.capacity = 100'000, .order = order});
    queued_request stays{.deadline = at(1s)};
    REQUIRE(accepts(queue, stays));
    auto r = requests_of(50'000);
    for (std::size_t i = 0; i < r.size(); ++i) {
      r[i].tenant = i % 1000;
      r[i].deadline = at(2s);
      REQUIRE(accepts(queue, r[i]));
    }
    for (std::size_t i = 0; i < catena::test::times(1'000'000U, 100'000U); ++i) {
      auto& one = r[i % r.size()];
      if (!queue.remove(one) || !accepts(queue, one)) FAIL("request " << i);
      if (queue.tightest_deadline() != at(1s)) FAIL("deadline at " << i);
    }
    CHECK(queue.size() == r.size() + 1);
  }
}
