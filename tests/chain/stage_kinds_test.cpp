// SPDX-License-Identifier: BSL-1.0
/// \file
/// Every kind of stage, alone in a chain.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/steady_timer.hpp>

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <variant>

#include "support/outcome.hpp"

#include "support/posting_executor.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

struct kinds_world {
  testing::manual_world world;
  runtime rt = world.runtime();

  template <class Stage>
  auto run(Stage s, int in, run_options options = {}) {
    auto c = make_chain<int>(rt, "c", [&](auto n) { return n >> std::move(s); });
    using output = typename decltype(c)::output_type;
    auto end = std::make_unique<test::outcome<output>>();
    c.async_run(in, options, end->take());
    world.run();
    REQUIRE(end->count() == 1);
    return end;
  }
};

int twice(int i) { return 2 * i; }
int twice_noexcept(int i) noexcept { return 2 * i; }
struct doubler {
  int operator()(int i) const { return 2 * i; }
};

/// An operation with any signature: completes on a later turn with what it is given.
template <class Signature, class... Args>
auto completing(const runtime& rt, Args... args) {
  return [rt, args...](int, auto token) {
    return asio::async_initiate<decltype(token), Signature>(
        [rt](auto handler, auto... values) {
          rt.async_yield([h = std::move(handler), ... v = std::move(values)]() mutable { std::move(h)(std::move(v)...); });
        },
        token, args...);
  };
}

}  // namespace

TEST_CASE("a stage is a function, a function pointer, a function object or a lambda") {
  kinds_world here;
  CHECK(here.run(stage("f", twice), 2)->value() == 4);
  CHECK(here.run(stage("f", &twice_noexcept), 2)->value() == 4);
  CHECK(here.run(stage("f", doubler{}), 2)->value() == 4);
  CHECK(here.run(stage("f", std::function<int(int)>(twice)), 2)->value() == 4);
  CHECK(here.run(stage<"f">([](auto i) { return 2 * i; }), 2)->value() == 4);
}

TEST_CASE("a function may take the call first") {
  kinds_world here;
  const auto id = [](call c, int i) { return c.id() + static_cast<std::uint64_t>(i); };
  CHECK(here.run(stage("f", id), 1, {.id = 41})->value() == 42);
}

TEST_CASE("a function that answers a result is unwrapped, and its failure fails the stage") {
  kinds_world here;
  const auto odd = [](int i) -> result<std::string> {
    if (i % 2 == 0) return failure(errc::invalid_input, "even");
    return std::to_string(i);
  };
  CHECK(here.run(stage("odd", odd), 3)->value() == "3");
  const auto end = here.run(stage("odd", odd), 4);
  CHECK(end->why().is(errc::invalid_input));
  CHECK(end->path() == "c/odd");
  CHECK(end->why().message() == "even");
}

TEST_CASE("a function that answers nothing answers a unit, and so does a result of nothing") {
  kinds_world here;
  CHECK(here.run(stage("f", [](int) {}), 1)->value() == unit{});
  CHECK(here.run(stage("f", [](int) -> result<void> { return {}; }), 1)->value() == unit{});
  CHECK(here.run(stage("f", [](int) -> result<void> { return failure(errc::expired); }), 1)->why().is(errc::expired));
}

TEST_CASE("a stage is a coroutine, with the call or without, answering a value, a result or nothing") {
  kinds_world here;
  const auto& rt = here.rt;
  auto plain = [rt](int i) -> asio::awaitable<int> {
    co_await rt.async_yield(asio::use_awaitable);
    co_return 2 * i;
  };
  auto with_call = [rt](call c, int i) -> asio::awaitable<std::uint64_t> {
    co_await rt.async_yield(asio::use_awaitable);
    co_return c.id() + static_cast<std::uint64_t>(i);
  };
  auto nothing = [rt](int) -> asio::awaitable<void> { co_await rt.async_yield(asio::use_awaitable); };
  auto fails = [rt](int) -> asio::awaitable<result<int>> {
    co_await rt.async_yield(asio::use_awaitable);
    co_return failure(errc::expired);
  };
  auto at_once = [](int i) -> asio::awaitable<int> { co_return i; };
  CHECK(here.run(stage("co", plain), 2)->value() == 4);
  CHECK(here.run(stage("co", with_call), 2, {.id = 40})->value() == 42);
  CHECK(here.run(stage("co", nothing), 2)->value() == unit{});
  CHECK(here.run(stage("co", fails), 2)->why().is(errc::expired));
  CHECK(here.run(stage("co", at_once), 2)->value() == 2);
}

TEST_CASE("an operation that completes with nothing or one value, with or without an error code or an exception") {
  kinds_world here;
  const auto& rt = here.rt;
  const boost::system::error_code fine;
  CHECK(here.run(stage("op", completing<void()>(rt)), 1)->value() == unit{});
  CHECK(here.run(stage("op", completing<void(int)>(rt, 7)), 1)->value() == 7);
  CHECK(here.run(stage("op", completing<void(boost::system::error_code)>(rt, fine)), 1)->value() == unit{});
  CHECK(here.run(stage("op", completing<void(boost::system::error_code, std::string)>(rt, fine, std::string("x"))), 1)->value() == "x");
  CHECK(here.run(stage("op", completing<void(std::exception_ptr)>(rt, std::exception_ptr())), 1)->value() == unit{});
  CHECK(here.run(stage("op", completing<void(std::exception_ptr, int)>(rt, std::exception_ptr(), 7)), 1)->value() == 7);
}

TEST_CASE("an operation that completes with several values answers a tuple") {
  kinds_world here;
  const auto end = here.run(stage("op", completing<void(boost::system::error_code, int, std::string)>(
                                            here.rt, boost::system::error_code(), 7, std::string("x"))), 1);
  CHECK(end->value() == std::tuple<int, std::string>(7, "x"));
}

TEST_CASE("an operation that completes with a result is unwrapped") {
  kinds_world here;
  CHECK(here.run(stage("op", completing<void(result<int>)>(here.rt, result<int>(7))), 1)->value() == 7);
  CHECK(here.run(stage("op", completing<void(result<int>)>(here.rt, result<int>(failure(errc::expired)))), 1)->why().is(errc::expired));
}

TEST_CASE("an operation's error code or exception fails the stage with its path") {
  kinds_world here;
  const auto refused = make_error_code(asio::error::connection_refused);
  const auto end = here.run(stage("op", completing<void(boost::system::error_code, int)>(here.rt, refused, 0)), 1);
  CHECK(end->why().code() == refused);
  CHECK(end->path() == "c/op");
  const auto thrown = std::make_exception_ptr(std::runtime_error("boom"));
  const auto other = here.run(stage("op", completing<void(std::exception_ptr)>(here.rt, thrown)), 1);
  CHECK(other->why().is(errc::stage_failed));
  CHECK(other->why().message() == "boom");
}

TEST_CASE("an operation may take the call, complete at once, or throw when it is started") {
  kinds_world here;
  auto at_once = [](int i, auto token) {
    return asio::async_initiate<decltype(token), void(int)>([](auto handler, int v) { std::move(handler)(v); }, token, i);
  };
  auto with_call = [](call c, int, auto token) {
    return asio::async_initiate<decltype(token), void(std::uint64_t)>(
        [](auto handler, std::uint64_t v) { std::move(handler)(v); }, token, c.id());
  };
  auto throws = [](int, auto token) {
    return asio::async_initiate<decltype(token), void(int)>([](auto) { throw std::runtime_error("cannot start"); }, token);
  };
  CHECK(here.run(stage("op", at_once), 5)->value() == 5);
  CHECK(here.run(stage("op", with_call), 5, {.id = 42})->value() == 42);
  const auto end = here.run(stage("op", throws), 5);
  CHECK(end->why().message() == "cannot start");
  CHECK(end->path() == "c/op");
}

TEST_CASE("an operation that throws when its turn on the run's strand comes fails the stage") {
  kinds_world here;
  auto throws = [](int, auto token) {
    return asio::async_initiate<decltype(token), void(int)>([](auto) { throw std::runtime_error("cannot start"); }, token);
  };
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("op", throws); });
  // Never inline: the operation does not begin before the walk that came to it has ended.
  const auto executor = asio::require(here.world.get_executor(), asio::execution::blocking.never);
  asio::cancellation_signal signal;
  test::outcome<int> end;
  c.async_run(1, asio::bind_executor(executor, asio::bind_cancellation_slot(signal.slot(), end.take())));
  here.world.run();
  CHECK(end.count() == 1);
  CHECK(end.why().message() == "cannot start");
}

TEST_CASE("an operation that says it was aborted has been cancelled") {
  kinds_world here;
  const boost::system::error_code aborted = asio::error::operation_aborted;
  const auto end = here.run(stage("op", completing<void(boost::system::error_code)>(here.rt, aborted)), 1);
  CHECK(end->why().is(errc::cancelled));
}

TEST_CASE("what an operation allocates twice through its handler lies in two places") {
  kinds_world here;
  auto allocates = [](int i, auto token) {
    return asio::async_initiate<decltype(token), void(bool)>(
        [](auto handler, int) {
          auto allocator = asio::get_associated_allocator(handler);
          auto* one = allocator.allocate(16);
          auto* two = allocator.allocate(16);
          const bool apart = one + 16 <= two || two + 16 <= one;
          allocator.deallocate(two, 16);
          allocator.deallocate(one, 16);
          std::move(handler)(apart);
        },
        token, i);
  };
  CHECK(here.run(stage("op", allocates), 1)->value());
}

TEST_CASE("an operation that drops its handler fails the run instead of hanging it") {
  kinds_world here;
  auto drops = [](int, auto token) {
    return asio::async_initiate<decltype(token), void(int)>([](auto) {}, token);
  };
  const auto end = here.run(stage("op", drops), 5);
  CHECK(end->why().is(errc::stage_failed));
  CHECK(end->path() == "c/op");
}

TEST_CASE("an operation sees the run's executor as its handler's") {
  kinds_world here;
  bool same = false;
  auto look = [&](int i, auto token) {
    return asio::async_initiate<decltype(token), void(int)>(
        [&](auto handler, int v) {
          same = asio::get_associated_executor(handler) == here.rt.get_executor();
          std::move(handler)(v);
        },
        token, i);
  };
  CHECK(here.run(stage("op", look), 5)->value() == 5);
  CHECK(same);
}

TEST_CASE("a chain is a stage, and keeps its own name out of the way") {
  kinds_world here;
  const auto inner = make_chain<int>(here.rt, "inner", [](auto in) { return in >> stage("twice", twice); });
  CHECK(here.run(stage("nested", inner), 4)->value() == 8);
}

TEST_CASE("an early exit answers the chain with its value, and what comes after is not run") {
  kinds_world here;
  int ran = 0;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("maybe", [](int i) -> or_exit<int, std::string> {
             if (i < 0) return exit_with("negative");
             return i;
           })
              >> stage("after", [&](int i) {
                   ++ran;
                   return std::to_string(i);
                 });
  });
  test::outcome<std::string> left;
  test::outcome<std::string> stayed;
  c.async_run(-1, left.take());
  c.async_run(1, stayed.take());
  here.world.run();
  CHECK(left.value() == "negative");
  CHECK(stayed.value() == "1");
  CHECK(ran == 1);
}

TEST_CASE("an early exit leaves only the nearest chain") {
  kinds_world here;
  const auto inner = make_chain<int>(here.rt, "inner", [&](auto in) {
    return in >> stage("leave", [](int) -> or_exit<int, int> { return exit_with(100); }) >> stage("never", twice);
  });
  CHECK(here.run(stage("nested", inner), 1)->value() == 100);
  const auto c = make_chain<int>(here.rt, "outer", [&](auto in) { return in >> stage("nested", inner) >> stage("goes on", twice); });
  test::outcome<int> end;
  c.async_run(1, end.take());
  here.world.run();
  CHECK(end.value() == 200);
}

TEST_CASE("a coroutine and a function elsewhere exit early as a function does: checked, and through guards") {
  kinds_world here;
  const auto later = [&](call, int i) -> asio::awaitable<or_exit<int, std::string>> {
    co_await here.rt.async_yield(asio::use_awaitable);
    co_return exit_with(std::to_string(i));
  };
  const auto elsewhere = [](int i) -> or_exit<int, std::string> { return exit_with(std::to_string(i)); };
  const auto text = [](int) { return std::string("never"); };
  const auto write = [&](auto s) {
    return make_chain<int>(here.rt, "c", [&](auto in) { return in >> std::move(s) >> stage("text", text); });
  };
  for (const auto& c : {write(stage("s", later)), write(stage("s", later).timeout(1s)),
                        write(stage("s", elsewhere).on(here.world.get_executor())),
                        write(stage("s", elsewhere).on(here.world.get_executor()).timeout(1s))}) {
    test::outcome<std::string> end;
    c.async_run(7, end.take());
    here.world.run();
    CHECK(end.value() == "7");
  }
  CHECK_THROWS_AS(make_chain<int>(here.rt, "c", [&](auto in) { return in >> stage("s", later); }), graph_error);
}

TEST_CASE("an early exit passes through guards, each and branch up to its chain") {
  kinds_world here;
  auto leave = [](int i) -> or_exit<int, int> { return exit_with(i + 100); };
  const auto guarded = make_chain<int>(here.rt, "guarded", [&](auto in) {
    return in >> stage("leave", leave).retry().fallback([](int) { return 0; }) >> stage("never", twice);
  });
  CHECK(here.run(stage("nested", guarded), 1)->value() == 101);
  const auto mapped = make_chain<int>(here.rt, "mapped", [&](auto in) {
    return in >> stage("make", [](int i) { return std::vector<int>{i, i}; }) >> each(stage("leave", leave)) >>
           stage("never", [](const std::vector<int>&) { return 0; });
  });
  CHECK(here.run(stage("nested", mapped), 1)->value() == 101);
  const auto branched = make_chain<int>(here.rt, "branched", [&](auto in) {
    return in >> branch("b", [](int) { return true; }, stage("leave", leave), stage("twice", twice)) >> stage("never", twice);
  });
  CHECK(here.run(stage("nested", branched), 1)->value() == 101);
}

TEST_CASE("a coroutine stage hands the call on, and what it calls has the same id, deadline, priority and tenant") {
  kinds_world here;
  using seen = std::tuple<std::uint64_t, time_point, priority, std::uint32_t, bool>;  // id, deadline, priority, tenant, traced
  const auto inner = make_chain<int>(here.rt, "inner", [](auto in) {
    return in >> stage("look", [](call c, int) {
             return seen{c.id(), c.deadline(), c.priority(), c.tenant(), c.trace_parent().flags == 1};
           });
  });
  auto agent = [inner](call c, int i) -> asio::awaitable<seen> {
    seen s = co_await inner(c, i);
    co_return s;
  };
  trace_context parent;
  parent.flags = 1;
  parent.trace_id[0] = std::byte{1};
  const auto deadline = here.world.now() + 5s;
  const run_options options{.deadline = deadline, .priority = priority::high, .tenant = 3, .id = 9, .trace_parent = parent};
  const auto end = here.run(stage("agent", agent), 1, options);
  CHECK(std::get<0>(end->value()) == 9);
  CHECK(std::get<1>(end->value()) == deadline);
  CHECK(std::get<2>(end->value()) == priority::high);
  CHECK(std::get<3>(end->value()) == 3);
  CHECK(std::get<4>(end->value()));
}

TEST_CASE("stages of runs inside the run see its id, deadline, priority, tenant and trace") {
  kinds_world here;
  trace_context parent;
  parent.flags = 1;
  parent.trace_id[0] = std::byte{1};
  const run_options options{.deadline = here.world.now() + 5s, .priority = priority::high, .tenant = 3, .id = 9, .trace_parent = parent};
  const auto look = [&](call c, int) {
    return c.id() == 9 && c.deadline() == options.deadline && c.priority() == priority::high && c.tenant() == 3 &&
           c.trace_parent().flags == 1;
  };
  const auto inner = make_chain<int>(here.rt, "inner", [&](auto in) { return in >> stage("look", look); });
  CHECK(here.run(stage("nested", inner), 1, options)->value());
  CHECK(here.run(stage("timed", inner).timeout(1h), 1, options)->value());
  CHECK(here.run(first_of("race", stage("look", look), stage("inner", inner)), 1, options)->value());
}

TEST_CASE("a priority beyond the highest is the highest") {
  kinds_world here;
  const auto look = [](call c, int) { return c.priority() == priority::critical; };
  CHECK(here.run(stage("look", look), 1, {.priority = static_cast<priority>(200)})->value());
}

TEST_CASE("a run without an id is given one, a different one each time") {
  kinds_world here;
  auto id = [](call c, int) { return c.id(); };
  const auto first = here.run(stage("id", id), 1)->value();
  CHECK(first != 0);
  CHECK(here.run(stage("id", id), 1)->value() != first);
}

TEST_CASE("an operation that throws when it is started on a later turn fails its stage") {
  test::posting_context context;
  const runtime rt(test::posting_executor{&context});
  auto throws = [](int, auto token) {
    return asio::async_initiate<decltype(token), void(int)>([](auto handler) {
      const auto taken = std::move(handler);
      throw std::runtime_error("cannot start");
    }, token);
  };
  const auto c = make_chain<int>(rt, "c", [&](auto in) { return in >> stage("op", throws); });
  asio::cancellation_signal signal;
  test::outcome<int> end;
  c.async_run(1, asio::bind_cancellation_slot(signal.slot(), end.take()));
  context.run();
  REQUIRE(end.count() == 1);
  CHECK(end.why().message() == "cannot start");
  CHECK(end.path() == "c/op");
}

TEST_CASE("a coroutine that ends on a foreign thread goes back to the run's executor", "[concurrency]") {
  for (const bool stoppable : {false, true}) {
    asio::thread_pool pool(1);
    asio::io_context home;
    const runtime rt(home.get_executor());
    int at_home = 0;
    const auto c = make_chain<int>(rt, "c", [&](auto in) {
      return in >> stage("stray", [&pool](int i) -> asio::awaitable<int> {
               co_await asio::post(asio::bind_executor(pool, asio::use_awaitable));
               co_return i;
             }) >>
             stage("look", [&](int i) {
               at_home += home.get_executor().running_in_this_thread();
               return i;
             });
    });
    asio::cancellation_signal signal;
    auto busy = std::make_optional(asio::make_work_guard(home));
    auto ended = [&](result<int> r) {
      at_home += r.has_value() && home.get_executor().running_in_this_thread();
      busy.reset();
    };
    if (stoppable) c.async_run(1, asio::bind_cancellation_slot(signal.slot(), ended));
    else c.async_run(1, ended);
    home.run();
    pool.join();
    CHECK(at_home == 2);
  }
}
