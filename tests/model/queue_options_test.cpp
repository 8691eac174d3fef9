// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>

#include <boost/asio/bind_executor.hpp>

#include <chrono>
#include <stdexcept>
#include <vector>

#include "model/batching.hpp"
#include "support/posting_executor.hpp"

#include "support/catch.hpp"

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace catena;
using catena::test::batching;
using catena::test::outcome;

/// The inputs in the order in which they are computed, one at a time.
std::vector<int> order_of(batching& b) {
  std::vector<int> order;
  for (; !b.held.all.empty(); b.answer()) order.push_back(b.held.all.front().input(0));
  return order;
}

}  // namespace

TEST_CASE("a request leaves a full queue for one of a higher priority, if that is chosen") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .queue = {.capacity = 2, .full = when_full::drop_oldest_of_lowest}});
  b.ask(1);
  b.ask(2, {.priority = priority::low});
  b.ask(1, {.priority = priority::high});
  CHECK(b.asked[1]->count() == 1);
  CHECK(b.asked[1]->why().is(errc::queue_full));
  CHECK(b.asked[1]->why().message() == "model 'risk': left its full queue for a request of a higher priority");
  CHECK(b.m.stats().evicted_count == 1);
  CHECK(b.m.stats().queue_depth == 2);
  CHECK(order_of(b) == std::vector<int>{0, 3, 2});
  CHECK(b.rt.wasted_count() == 0);
}

TEST_CASE("a fallback answers for a request that left a full queue") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .queue = {.capacity = 1, .full = when_full::drop_oldest_of_lowest}});
  const auto chain = make_chain<int>(b.rt, "c", [&](auto in) { return in >> stage("score", b.m).fallback([](int x) { return -x; }); });
  b.ask(1);
  outcome<int> end;
  chain.async_run(3, run_options{.priority = priority::low}, end.take());
  b.world.run_until_idle();
  b.ask(1);
  CHECK(end.value() == -3);
}

TEST_CASE("a low priority goes before a higher one that came later than its ageing") {
  for (const duration later : {9ms, 11ms}) {
    batching b({.name = "risk", .batch = {.max_size = 1, .max_delay = 1us}, .queue = {.ageing = 10ms}});
    b.ask(1);
    b.ask(1, {.priority = priority::low});
    b.world.advance(later);
    b.ask(1);
    CHECK(order_of(b) == (later < 10ms ? std::vector<int>{0, 2, 1} : std::vector<int>{0, 1, 2}));
  }
}

TEST_CASE("the lowest priority is computed within its bound while the highest never stops coming") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .queue = {.ageing = 10ms}});
  b.ask(1);
  b.ask(1, {.priority = priority::low});
  int computed = 0;
  for (; !b.asked[1]->answered() && computed < 100; ++computed) {
    b.ask(1, {.priority = priority::critical});
    b.world.advance(1ms);
    b.answer();
  }
  CHECK(computed > 20);
  CHECK(computed <= 30 + 3);  // 3 * ageing, those that waited before, and the time of a batch by which stamps may be off
}

TEST_CASE("the one that is due first is computed first, if that is chosen") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .queue = {.order = queue_order::earliest_deadline}});
  const time_point now = b.rt.now();
  b.ask(1);
  for (const duration due : {30ms, 10ms, 20ms}) b.ask(1, {.deadline = now + due});
  CHECK(order_of(b) == std::vector<int>{0, 2, 3, 1});
}

TEST_CASE("tenants are computed in turn, if that is chosen, however much one of them asks") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .queue = {.order = queue_order::fair_share, .quantum = 1}});
  b.ask(1);
  b.ask(4, {.tenant = 1});
  b.ask(2, {.tenant = 2});
  CHECK(order_of(b) == std::vector<int>{0, 1, 5, 2, 6, 3, 4});
}

TEST_CASE("a queue is bounded by the bytes of what waits, as they are measured") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .queue = {.max_bytes = 100}},
             {.bytes = [](const int& x) { return x == 2 ? 60U : 50U; }});
  b.ask(3);
  CHECK(b.asked[2]->why().is(errc::queue_full));
  CHECK(b.asked[2]->why().message() == "model 'risk': its queue is full at 100 bytes");
  CHECK(b.asked[2]->why().retry_after() > duration{});
  b.ask(1);
  CHECK(b.m.stats().queue_depth == 2);
}

TEST_CASE("without a measure a waiting input holds its own size") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .queue = {.max_bytes = 2 * sizeof(int)}});
  b.ask(4);
  CHECK(b.m.stats().queue_depth == 2);
  CHECK(b.asked[3]->why().is(errc::queue_full));
}

TEST_CASE("a priority has a limit of its own") {
  batching b({.name = "risk", .batch = {.max_size = 1}, .queue = {.class_limits = {1, 0, 0, 0}}});
  b.ask(1);
  b.ask(2, {.priority = priority::low});
  CHECK(b.asked[2]->why().message() == "model 'risk': its queue is full for this priority at 1");
  b.ask(1);
  CHECK(b.m.stats().queue_depth == 2);
}

TEST_CASE("a queue option that is out of range is refused with its name when the model is made") {
  CHECK_THROWS_WITH(batching({.name = "risk", .queue = {.capacity = 0}}),
                    "request_queue_options::capacity must be 1 to 16777216, is 0");
}

TEST_CASE("requests of one shape share a batch, whatever comes between them") {
  batching b({.name = "risk", .batch = {.max_size = 8}}, {.shape = [](const int& x) { return static_cast<std::uint64_t>(x % 2); }});
  b.ask(7);
  b.answer();
  CHECK(b.inputs_of(b.held.all.front()) == std::vector<int>{1, 3, 5});
  b.answer();
  CHECK(b.inputs_of(b.held.all.front()) == std::vector<int>{2, 4, 6});
  b.answer();
  CHECK(b.m.stats().mean_batch_size() == Catch::Approx(7.0 / 3));
}

TEST_CASE("two idle instances take two shapes at once") {
  batching b({.name = "risk", .instances = 2}, {.shape = [](const int& x) { return static_cast<std::uint64_t>(x); }});
  b.ask(2);
  CHECK(b.held.all.size() == 2);
}

TEST_CASE("a batch has as many requests as their cost allows") {
  batching b({.name = "risk", .batch = {.max_size = 10}}, {.cost = [](const int& x) { return static_cast<std::uint32_t>(x); }});
  b.ask(6);
  b.answer();
  CHECK(b.inputs_of(b.held.all.front()) == std::vector<int>{1, 2, 3, 4});
  b.answer();
  CHECK(b.inputs_of(b.held.all.front()) == std::vector<int>{5});
}

TEST_CASE("a request that no batch can hold fails and says what it costs") {
  batching b({.name = "risk", .batch = {.max_size = 10}}, {.cost = [](const int&) { return 11U; }});
  b.ask(1);
  CHECK(b.asked[0]->why().is(errc::invalid_input));
  CHECK(b.asked[0]->why().message() == "model 'risk': a request of cost 11 does not fit into a batch of max_size 10");
}

TEST_CASE("what a measure throws fails its request, and no other") {
  batching b({.name = "risk"}, {.cost = [](const int& x) -> std::uint32_t {
               if (x == 1) throw std::runtime_error("no measure for it");
               return 1;
             }});
  b.ask(3);
  CHECK(b.asked[1]->count() == 1);
  CHECK(b.asked[1]->why().message() == "no measure for it");
  b.answer();
  b.answer();
  CHECK(b.asked[0]->answered());
  CHECK(b.asked[2]->answered());
}

TEST_CASE("a batch is padded to the next allowed size, and padding is counted") {
  batching b({.name = "risk", .batch = {.max_size = 6, .allowed_sizes = {1, 4, 8}}});
  b.ask(6);
  CHECK(b.held.all.front().padded_size() == 1);
  b.answer();
  CHECK(b.held.all.front().size() == 5);
  CHECK(b.held.all.front().padded_size() == 8);
  b.answer();
  CHECK(b.m.stats().padding_count == 3);
  CHECK(b.m.stats().row_count == 6);
  CHECK(b.asked[5]->value() == 50);
}

TEST_CASE("an answer that nobody waits for is counted as waste by its model") {
  batching b({.name = "risk"});
  b.ask(1, {.deadline = b.rt.now() + 1ms});
  b.world.advance(2ms);
  CHECK(b.asked[0]->why().is(errc::deadline_exceeded));
  b.answer();
  CHECK(b.m.stats().wasted_count == 1);
  CHECK(b.rt.wasted_count() == 1);
}

TEST_CASE("the answers of a batch reach each executor together") {
  test::posting_context one, two;
  batching b;
  const auto m = make_model<int, int>(b.rt, {.name = "quick", .batch = {.max_delay = 1ms}}, test::answering<int, int>([](int) { return 7; }));
  std::vector<outcome<int>> ends(6);
  for (std::size_t i = 0; i < 6; ++i)
    m.async_run(static_cast<int>(i), asio::bind_executor(test::posting_executor{i < 3 ? &one : &two}, ends[i].take()));
  one.run();
  two.run();
  one.push_count = two.push_count = 0;
  b.world.advance(1ms);
  CHECK(one.push_count == 1);
  CHECK(two.push_count == 1);
  one.run();
  two.run();
  for (auto& end : ends) CHECK(end.value() == 7);
}
