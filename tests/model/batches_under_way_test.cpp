// SPDX-License-Identifier: BSL-1.0
// Instances that are given a batch ahead of its turn.
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "model/batching.hpp"
#include "model/ended_elsewhere.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using catena::detail::batch_place;
using catena::detail::free_places;
using catena::test::batching;
using catena::test::ended_elsewhere;

/// Two instances with two places each.
struct four_places {
  four_places() {
    for (std::size_t i = 0; i < 4; ++i) {
      all[i].index = i % 2;
      places.add(all[i]);
    }
  }
  batch_place all[4];
  free_places places{2};
};

model_options two_under_way() { return {.name = "risk", .batch = {.max_size = 4}, .batches_under_way = 2}; }

/// One of every seven batches throws before it is on its way, so that its rows are computed again.
struct throwing_at_times {
  ended_elsewhere* elsewhere;
  std::shared_ptr<std::atomic<int>> callers = std::make_shared<std::atomic<int>>(0);
  std::atomic<int>* met;
  int count = 0;
  void operator()(batch<int, int>& b) {
    if (callers->fetch_add(1) != 0) ++*met;
    const bool throws = ++count % 7 == 0;
    if (!throws) elsewhere->take(std::move(b));
    callers->fetch_sub(1);
    if (throws) throw std::runtime_error("not now");
  }
};

}  // namespace

TEST_CASE("an instance is idle, open for one batch ahead, or neither") {
  four_places here;
  CHECK(here.places.are_all_idle());
  CHECK(!here.places.has_open());
  batch_place& first = here.places.take_idle();
  CHECK(!here.places.are_all_idle());
  CHECK(!here.places.has_open());
  here.places.returned(first);
  REQUIRE(here.places.has_open());
  batch_place& ahead = here.places.take_open();
  CHECK(ahead.index == first.index);
  CHECK(&ahead != &first);
  here.places.returned(ahead);
  CHECK(!here.places.has_open());
  here.places.done(first);
  CHECK(here.places.has_open());
  here.places.done(ahead);
  CHECK(!here.places.has_open());
  CHECK(here.places.are_all_idle());
}

TEST_CASE("an instance whose batch is done before its function has returned waits for that") {
  four_places here;
  batch_place& one = here.places.take_idle();
  batch_place& other = here.places.take_idle();
  CHECK(one.index != other.index);
  here.places.done(one);
  CHECK(!here.places.has_idle());
  here.places.returned(one);
  CHECK(here.places.has_idle());
  here.places.returned(one);  // a part that was computed again returns as well
  static_cast<void>(here.places.take_idle());
  CHECK(!here.places.has_idle());
}

TEST_CASE("a batch ahead of its turn is one that would not grow until then") {
  batching b(two_under_way());
  b.ask(1);
  REQUIRE(b.held.all.size() == 1);
  b.ask(3);
  CHECK(b.held.all.size() == 1);
  b.ask(1);
  REQUIRE(b.held.all.size() == 2);
  CHECK(b.inputs_of(b.held.all.back()) == std::vector<int>{1, 2, 3, 4});
  b.ask(6);
  CHECK(b.held.all.size() == 2);  // no more than two
  b.answer();
  REQUIRE(b.held.all.size() == 2);
  CHECK(b.inputs_of(b.held.all.back()) == std::vector<int>{5, 6, 7, 8});
  b.answer();
  CHECK(b.held.all.size() == 1);
  b.answer();
  REQUIRE(b.held.all.size() == 1);  // the instance is idle and takes what there is
  CHECK(b.inputs_of(b.held.all.back()) == std::vector<int>{9, 10});
  b.answer();
  for (std::size_t i = 0; i < b.asked.size(); ++i) CHECK(b.asked[i]->value() == 10 * static_cast<int>(i));
}

TEST_CASE("a policy that takes fewer than wait has a complete batch as well") {
  auto options = two_under_way();
  options.batch.policy = preferred_batching({2});
  options.batch.max_delay = 1s;
  batching b(options);
  b.ask(2);
  REQUIRE(b.held.all.size() == 1);
  b.ask(2);
  CHECK(b.held.all.size() == 1);
  b.ask(1);
  REQUIRE(b.held.all.size() == 2);
  CHECK(b.inputs_of(b.held.all.back()) == std::vector<int>{2, 3});
}

TEST_CASE("batches of one instance that are under way together cost what lies between their ends") {
  std::vector<std::pair<std::size_t, duration>> told;
  auto options = two_under_way();
  options.batch.policy = catena::test::noting_policy{&told};
  batching b(options);
  b.ask(1);
  b.world.elapse(1ms);
  b.ask(4);
  b.world.elapse(3ms);
  b.answer();
  b.world.elapse(2ms);
  b.answer();
  b.world.elapse(5ms);
  b.ask(1);
  b.world.elapse(1ms);
  b.answer();
  CHECK(told == std::vector<std::pair<std::size_t, duration>>{{1, 4ms}, {4, 2ms}, {1, 1ms}});
}

TEST_CASE("answers that are gathered leave together although the function has returned") {
  batching b({.name = "risk"});
  b.ask(1);
  b.answer();
  b.ask(1);
  b.ask(2);
  b.answer();
  auto together = b.held.take();
  REQUIRE(together.size() == 2);
  together.gather();
  together.answer(0, 1);
  b.world.run_until_idle();
  CHECK(!b.asked[2]->answered());
  together.answer(1, 2);
  together.hand_over();
  b.world.run_until_idle();
  CHECK(b.asked[2]->value() == 1);
  CHECK(b.asked[3]->value() == 2);
  together.done();
}

TEST_CASE("no instance is called twice at once, and every request is answered once, with batches under way on threads", "[concurrency]") {
  boost::asio::thread_pool pool(2);
  ended_elsewhere elsewhere;
  std::atomic<int> met{0}, answered{0}, failed{0}, wrong{0};
  constexpr int count = 20'000;
  {
    const runtime rt(pool.get_executor(), {.compute_thread_count = 3});
    std::vector<throwing_at_times> instances;
    for (int i = 0; i < 2; ++i) instances.push_back({.elsewhere = &elsewhere, .met = &met});
    const model<int, int> m(rt,
                            {.name = "risk",
                             .batch = {.max_size = 8},
                             .queue = {.capacity = count},
                             .instances = 2,
                             .batches_under_way = 3,
                             .effects = effects::pure},
                            std::move(instances));
    for (int i = 0; i < count; ++i)
      m.async_run(i, [&, i](const result<int>& r) {
        if (r && *r != 2 * i) ++wrong;
        ++(r ? answered : failed);
      });
    while (answered + failed != count) std::this_thread::sleep_for(1ms);
    CHECK(m.stats().repeated_batch_count > 0);
  }
  pool.join();
  CHECK(met == 0);
  CHECK(wrong == 0);
  CHECK(failed >= count / 97);
}

TEST_CASE("batches_under_way is 1 to 64") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  for (const std::size_t n : {0U, 65U}) {
    try {
      static_cast<void>(make_model<int, int>(rt, {.name = "risk", .batches_under_way = n}, [](batch<int, int>&) {}));
      FAIL("it was accepted");
    } catch (const std::invalid_argument& e) {
      CHECK(e.what() == "model_options::batches_under_way must be 1 to 64, is " + std::to_string(n));
    }
  }
}
