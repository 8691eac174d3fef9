// SPDX-License-Identifier: BSL-1.0
/// \file
/// How a run answers its caller: tokens, executors, allocators, slots.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <memory_resource>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <vector>

#include "support/late_posts.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

struct completion_world {
  testing::manual_world world;
  runtime rt = world.runtime();
  chain<int, int> quick = make_chain<int>(rt, "quick", [](auto in) { return in >> stage("twice", [](int i) { return 2 * i; }); });
  chain<int, int> slow = sleeping_chain(rt);

  static chain<int, int> sleeping_chain(const runtime& rt) {
    return make_chain<int>(rt, "slow", [rt](auto in) {
      return in >> stage("sleep", [rt](call, int i) -> asio::awaitable<int> {
               co_await rt.async_wait_until(rt.now() + 1ms, asio::use_awaitable);
               co_return 2 * i;
             });
    });
  }
};

/// Counts what it hands out.
template <class T>
struct counting_allocator {
  using value_type = T;
  explicit counting_allocator(std::shared_ptr<std::pair<int, int>> c) : counts(std::move(c)) {}
  template <class U>
  counting_allocator(const counting_allocator<U>& other) : counts(other.counts) {}  // NOLINT
  T* allocate(std::size_t n) {
    ++counts->first;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* memory, std::size_t n) {
    ++counts->second;
    std::allocator<T>().deallocate(memory, n);
  }
  friend bool operator==(const counting_allocator&, const counting_allocator&) = default;
  std::shared_ptr<std::pair<int, int>> counts;
};

}  // namespace

TEST_CASE("a handler is never called inside the initiating function, not even from inside the executor") {
  completion_world here;
  for (const auto* c : {&here.quick, &here.slow}) {
    test::outcome<int> outside;
    c->async_run(1, outside.take());
    CHECK(outside.count() == 0);
    here.world.run();
    CHECK(outside.value() == 2);

    test::outcome<int> inside;
    bool called_within = false;
    asio::post(here.world.get_executor(), [&] {
      c->async_run(1, inside.take());
      called_within = inside.count() != 0;
    });
    here.world.run();
    CHECK(!called_within);
    CHECK(inside.value() == 2);
  }
}

TEST_CASE("a handler whose call is on its way when the executor is destroyed is not called") {
  completion_world here;
  test::outcome<int> end;
  asio::post(here.world.get_executor(), [&] { here.quick.async_run(1, end.take()); });
  REQUIRE(here.world.step());
  here.world.destroy_executor();
  CHECK(end.count() == 0);
}

TEST_CASE("the handler runs on the runtime's executor when it has none of its own") {
  completion_world here;
  bool inside = false;
  here.slow.async_run(1, [&](result<int>) { inside = here.world.context().running_in_this_thread(); });
  here.world.run();
  CHECK(inside);
}

TEST_CASE("run and handler use the handler's associated executor, also a strand") {
  completion_world here;
  testing::manual_world other;
  std::vector<const testing::manual_context*> seen;
  auto look = [&] {
    if (here.world.context().running_in_this_thread()) seen.push_back(&here.world.context());
    if (other.context().running_in_this_thread()) seen.push_back(&other.context());
  };
  const auto c = make_chain<int>(here.rt, "look", [&](auto in) {
    return in >> stage("function", [&](int i) {
             look();
             return i;
           })
              >> stage("coroutine", [&, rt = here.rt](int i) -> asio::awaitable<int> {
                   look();
                   co_await rt.async_yield(asio::use_awaitable);
                   look();
                   co_return i;
                 })
              >> stage("after", [&](int i) {
                   look();
                   return i;
                 });
  });
  auto handler = [&](result<int>) { look(); };
  c.async_run(1, asio::bind_executor(other.get_executor(), handler));
  c.async_run(1, asio::bind_executor(asio::make_strand(other.get_executor()), handler));
  c.async_run(1, asio::bind_executor(asio::any_io_executor(other.get_executor()), handler));
  for (int i = 0; i < 20; ++i) {
    here.world.run_until_idle();
    other.run_until_idle();
  }
  CHECK(seen == std::vector<const testing::manual_context*>(15, &other.context()));
}

TEST_CASE("a run's frame comes from the handler's associated allocator and goes back to it") {
  completion_world here;
  for (const auto* c : {&here.quick, &here.slow}) {
    const auto counts = std::make_shared<std::pair<int, int>>();
    test::outcome<int> end;
    c->async_run(1, asio::bind_allocator(counting_allocator<int>(counts), end.take()));
    CHECK(counts->first >= 1);
    here.world.run();
    CHECK(end.value() == 2);
    CHECK(counts->first == counts->second);
    CHECK(counts.use_count() == 1);
  }
}

TEST_CASE("an allocator is given everything back when the executor dies first") {
  const auto counts = std::make_shared<std::pair<int, int>>();
  {
    completion_world here;
    here.slow.async_run(1, asio::bind_allocator(counting_allocator<int>(counts), [](result<int>) { FAIL("called"); }));
    here.world.step();
    here.world.destroy_executor();
  }
  CHECK(counts->first == counts->second);
  CHECK(counts.use_count() == 1);
}

TEST_CASE("a run is cancelled through its handler's slot and answers cancelled, with where it was") {
  for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
    completion_world here;
    asio::cancellation_signal signal;
    test::outcome<int> end;
    here.slow.async_run(1, asio::bind_cancellation_slot(signal.slot(), end.take()));
    here.world.run_until_idle();
    signal.emit(type);
    here.world.run_until_idle();
    CHECK(end.count() == 1);
    CHECK(end.why().is(errc::cancelled));
    signal.emit(type);
    here.world.run();
    CHECK(end.count() == 1);
  }
}

TEST_CASE("a slot is empty again once its run has ended") {
  completion_world here;
  asio::cancellation_signal signal;
  test::outcome<int> end;
  here.slow.async_run(1, asio::bind_cancellation_slot(signal.slot(), end.take()));
  CHECK(signal.slot().has_handler());
  here.world.run();
  CHECK(!signal.slot().has_handler());
}

TEST_CASE("move-only handlers and handlers that own the signal work") {
  completion_world here;
  auto signal = std::make_unique<asio::cancellation_signal>();
  int got = 0;
  auto slot = signal->slot();
  here.slow.async_run(1, asio::bind_cancellation_slot(slot, [&got, owned = std::move(signal)](result<int> r) { got = *r; }));
  here.world.run();
  CHECK(got == 2);
}

TEST_CASE("a coroutine awaits a chain: the answer is returned, the failure thrown as catena::error") {
  completion_world here;
  const auto fails = make_chain<int>(here.rt, "fails", [](auto in) {
    return in >> stage("bad", [](int) -> result<int> { return failure(errc::invalid_input, "no"); });
  });
  struct report {
    int quick = 0;
    int slow = 0;
    int tried = 0;
    std::string path;
    std::string what;
    errc tried_code{};
  } seen;
  auto ask = [](chain<int, int> q, chain<int, int> s, chain<int, int> f, report& out) -> asio::awaitable<void> {
    out.quick = co_await q(1);
    out.slow = co_await s(2);
    result<int> tried = co_await s.try_run(3);
    out.tried = *tried;
    try {
      (void)co_await f(1);
    } catch (const error& e) {
      out.path = e.path();
      out.what = e.what();
    }
    result<int> failed = co_await f.try_run(3);
    out.tried_code = static_cast<errc>(failed.error().code().value());
  };
  asio::co_spawn(here.world.get_executor(), ask(here.quick, here.slow, fails, seen), asio::detached);
  here.world.run();
  CHECK(seen.quick == 2);
  CHECK(seen.slow == 4);
  CHECK(seen.tried == 6);
  CHECK(seen.path == "fails/bad");
  CHECK(seen.what == "fails/bad: no (invalid input)");
  CHECK(seen.tried_code == errc::invalid_input);
}

TEST_CASE("tokens: use_awaitable, as_tuple, deferred") {
  completion_world here;
  std::vector<int> seen;
  auto ask = [](chain<int, int> c, std::vector<int>& out) -> asio::awaitable<void> {
    result<int> plain = co_await c.async_run(1, asio::use_awaitable);
    out.push_back(*plain);
    auto [in_tuple] = co_await c.async_run(2, asio::as_tuple(asio::use_awaitable));
    out.push_back(*in_tuple);
    auto later = c.async_run(3, asio::deferred);
    result<int> answered = co_await std::move(later)(asio::use_awaitable);
    out.push_back(*answered);
  };
  asio::co_spawn(here.world.get_executor(), ask(here.slow, seen), asio::detached);
  here.world.run();
  CHECK(seen == std::vector<int>{2, 4, 6});
}

TEST_CASE("a moved aggregate is given by name where the compiler cannot take it as a temporary") {
  completion_world here;
  struct order {
    std::string id;
    std::unique_ptr<int> amount;
  };
  const auto c = make_chain<order>(here.rt, "orders", [](auto in) {
    return in >> stage("read", [](order o) { return o.id + ":" + std::to_string(*o.amount); });
  });
  test::outcome<std::string> end;
  order first{"a", std::make_unique<int>(5)};
  c.async_run(give(first), end.take());
  here.world.run();
  CHECK(end.value() == "a:5");
  std::string seen;
  auto ask = [](chain<order, std::string> to, std::string& out) -> asio::awaitable<void> {
    order second{"b", std::make_unique<int>(6)};
    out = co_await to(give(second));
  };
  asio::co_spawn(here.world.get_executor(), ask(c, seen), asio::detached);
  here.world.run();
  CHECK(seen == "b:6");
}

TEST_CASE("a blocking caller uses a future, and its run uses the runtime's executor", "[concurrency]") {
  asio::thread_pool pool(1);
  runtime rt(pool.get_executor());
  std::thread::id at_home;
  asio::post(pool, asio::use_future([&] { at_home = std::this_thread::get_id(); })).get();
  std::vector<std::thread::id> where;
  auto note = [&](int i) {
    where.push_back(std::this_thread::get_id());
    return 2 * i;
  };
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    return in >> stage("before", note) >> stage("hop", [rt](int i) -> asio::awaitable<int> {
             co_await rt.async_yield(asio::use_awaitable);
             co_return i;
           })
              >> stage("after", note);
  });
  std::future<result<int>> answer = c.async_run(21, asio::use_future);
  CHECK(*answer.get() == 84);
  CHECK(where == std::vector<std::thread::id>{at_home, at_home});
}

TEST_CASE("a suspended run keeps its handler's executor from running out of work", "[concurrency]") {
  asio::thread_pool pool(1);
  runtime rt(pool.get_executor());
  const auto c = completion_world::sleeping_chain(rt);
  asio::io_context home;
  int got = 0;
  std::thread::id where;
  c.async_run(21, asio::bind_executor(home.get_executor(), [&](result<int> r) {
                got = *r;
                where = std::this_thread::get_id();
              }));
  home.run();
  pool.join();  // its thread may still be leaving the post that ended run()
  CHECK(got == 42);
  CHECK(where == std::this_thread::get_id());
}

TEST_CASE("a run that ends just when its deadline comes leaves its own executor alone from then on", "[concurrency]") {
  asio::thread_pool pool(1);
  const runtime rt(pool.get_executor());
  int behind = 0;
  const auto spin = [&](call c, int i) -> asio::awaitable<int> {
    while (rt.now() < c.deadline() + behind * 1us) co_await asio::post(asio::use_awaitable);
    co_return i;
  };
  const auto c = make_chain<int>(rt, "c", [&](auto in) { return in >> stage("spin", spin); });
  std::size_t late = 0;
  for (int i = 0; i < 3000; ++i) {
    behind = i % 100;
    asio::io_context own;
    c.async_run(1, {.deadline = rt.now() + 50us}, asio::bind_executor(own.get_executor(), [](const result<int>&) {}));
    late += test::late_posts(own, pool);
  }
  pool.join();
  CHECK(late == 0);
}

TEST_CASE("a run whose stage waits for another executor keeps its own from running out of work", "[concurrency]") {
  asio::thread_pool pool(1);
  asio::io_context home;
  runtime rt(home.get_executor());
  const auto c = make_chain<int>(rt, "away", [&](auto in) {
    return in >> stage("function", [](int i) { return i + 1; }).on(pool.get_executor()) >>
           stage("coroutine", [](int i) -> asio::awaitable<int> { co_return i + 1; }).on(pool.get_executor());
  });
  int got = 0;
  c.async_run(1, [&](result<int> r) { got = *r; });
  home.run();
  pool.join();
  CHECK(got == 3);
}

TEST_CASE("a handler may begin the next run, a thousand times over, without a deeper stack") {
  completion_world here;
  struct again {
    const chain<int, int>* c;
    int* left;
    void operator()(result<int> r) {
      REQUIRE(r);
      if (--*left > 0) c->async_run(1, again{c, left});
    }
  };
  for (const auto* c : {&here.quick, &here.slow}) {
    int left = 1000;
    c->async_run(1, again{c, &left});
    here.world.run();
    CHECK(left == 0);
  }
}

TEST_CASE("a handler that begins a run and then throws has begun it") {
  completion_world here;
  test::outcome<int> second;
  here.slow.async_run(1, [&](result<int>) {
    here.slow.async_run(2, second.take());
    throw std::runtime_error("from a handler");
  });
  CHECK_THROWS_AS(here.world.run(), std::runtime_error);
  here.world.run();
  REQUIRE(second.count() == 1);
  CHECK(second.value() == 4);
}

TEST_CASE("a frame is aligned whatever its handler's allocator has given away before") {
  completion_world here;
  std::pmr::monotonic_buffer_resource memory;
  (void)memory.allocate(1, 1);
  test::outcome<int> end;
  here.slow.async_run(1, asio::bind_allocator(std::pmr::polymorphic_allocator<std::byte>(&memory), [&, h = end.take()](result<int> r) mutable {
    h(std::move(r));
  }));
  here.world.run();
  CHECK(end.value() == 2);
}
