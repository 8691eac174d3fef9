// SPDX-License-Identifier: BSL-1.0
/// \file
/// Values: who gets what, how often they are moved, and when they die.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "support/outcome.hpp"
#include "support/tracked.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using test::copied;
using test::ledger;
using test::tracked;

struct values_world {
  testing::manual_world world;
  runtime rt = world.runtime();
  ledger book;

  ~values_world() {
    CHECK(book.alive == 0);
    CHECK(book.owners == 0);
    CHECK(book.copies == 0);
  }
  /// Runs a chain on a fresh value and hands its answer over.
  template <class T, class Out>
  Out answer(const chain<T, Out>& c, T in) {
    test::outcome<Out> end;
    c.async_run(std::move(in), end.take());
    world.run();
    REQUIRE(end.count() == 1);
    return std::move(end.value());
  }
};

/// Can be made and moved, and nothing else.
struct strict {
  explicit strict(int v) : value(std::make_unique<int>(v)) {}
  strict(strict&&) = default;
  strict& operator=(strict&&) = delete;
  std::unique_ptr<int> value;
};

auto add(int n) {
  return [n](tracked&& t) {
    t.value += n;
    return std::move(t);
  };
}
auto read_value() {
  return [](const tracked& t) { return t.value; };
}
auto later(const runtime& rt, int n) {
  return [rt, n](tracked t) -> boost::asio::awaitable<tracked> {
    co_await rt.async_yield(boost::asio::use_awaitable);
    t.value += n;
    co_return std::move(t);
  };
}

}  // namespace

TEST_CASE("the only consumer of a value gets it as an rvalue, whichever way it is spelt") {
  values_world here;
  const auto c = make_chain<tracked>(here.rt, "line", [](auto in) {
    return in >> stage("rvalue", [](tracked&& t) { return std::move(t); })
              >> stage("value", [](tracked t) { return t; })
              >> stage("generic", [](auto t) { return t; });
  });
  CHECK(here.answer(c, tracked(7, here.book)).value == 7);
}

TEST_CASE("several consumers get the same object, as a const reference") {
  values_world here;
  std::vector<const tracked*> seen;
  const auto c = make_chain<int>(here.rt, "fan", [&](auto in) {
    auto made = in >> stage("make", [&](int i) { return tracked(i, here.book); });
    auto look = [&](const tracked& t) {
      seen.push_back(&t);
      return t.value;
    };
    auto a = made >> stage("a", look);
    auto b = made >> stage("b", look);
    auto d = made >> stage("d", [&](const auto& t) {
      seen.push_back(&t);
      return t.value;
    });
    return join(a, b, d) >> stage("sum", [](int x, int y, int z) { return x + y + z; });
  });
  CHECK(here.answer(c, 5) == 15);
  REQUIRE(seen.size() == 3);
  CHECK(seen[0] == seen[1]);
  CHECK(seen[1] == seen[2]);
}

TEST_CASE("a by-value parameter moves from a value it has alone and copies one it shares") {
  values_world here;
  const auto alone = make_chain<copied>(here.rt, "alone", [](auto in) {
    return in >> stage("take", [](copied c) { return c; });
  });
  CHECK(here.answer(alone, copied(1, here.book)).value == 1);
  CHECK(here.book.copies == 0);
  const auto shared = make_chain<copied>(here.rt, "shared", [](auto in) {
    auto a = in >> stage("take", [](copied c) { return c.value; });
    auto b = in >> stage("look", [](const copied& c) { return c.value; });
    return join(a, b) >> stage("sum", [](int x, int y) { return x + y; });
  });
  CHECK(here.answer(shared, copied(2, here.book)) == 4);
  CHECK(here.book.copies == 1);
  here.book.copies = 0;
}

TEST_CASE("what a function answers is made in its place in the frame, and not moved there") {
  values_world here;
  struct rooted {
    explicit rooted(int v) : value(v), self(this) {}
    rooted(rooted&&) = delete;
    ~rooted() { value = -1; }
    int value;
    rooted* self;
  };
  const auto c = make_chain<int>(here.rt, "line", [&](auto in) {
    return in >> stage("make", [&](int i) { return tracked(i, here.book); })
              >> stage("root", [&](const tracked& t) { return rooted(t.value + here.book.moves); })
              >> stage("read", [](const rooted& r) { return r.self == &r ? r.value : 0; });
  });
  CHECK(here.answer(c, 7) == 7);
}

TEST_CASE("a by-value parameter copies what another stage made and a third one reads as well") {
  values_world here;
  const auto c = make_chain<int>(here.rt, "shared", [&](auto in) {
    auto made = in >> stage("make", [&](int i) { return copied(i, here.book); });
    auto taken = made >> stage("take", [](copied mine) { return mine.value; });
    auto owned = made >> stage("look", [](const copied& shared) { return shared.owns() ? 10 : 0; });
    return join(taken, owned) >> stage("sum", [](int x, int y) { return x + y; });
  });
  CHECK(here.answer(c, 2) == 12);
  CHECK(here.book.copies == 1);
  here.book.copies = 0;
}

TEST_CASE("a value dies right after its last use") {
  values_world here;
  std::vector<int> alive;
  const auto c = make_chain<int>(here.rt, "line", [&](auto in) {
    auto make = in >> stage("make", [&](int i) { return tracked(i, here.book); });
    auto number = make >> stage("use", read_value());
    return number >> stage("after", [&](int i) {
             alive.push_back(here.book.alive);
             return i;
           });
  });
  CHECK(here.answer(c, 3) == 3);
  CHECK(alive == std::vector<int>{0});
}

TEST_CASE("a value that was lent to runs inside the run dies right after its last use") {
  values_world here;
  std::vector<int> owners;
  const auto note = [&](int i) {
    owners.push_back(here.book.owners);
    return i;
  };
  const auto guarded = make_chain<int>(here.rt, "guarded", [&](auto in) {
    return in >> stage("make", [&](int i) { return tracked(i, here.book); }) >> stage("use", read_value()).fallback(read_value())
              >> stage("after", note);
  });
  CHECK(here.answer(guarded, 3) == 3);
  const auto mapped = make_chain<int>(here.rt, "mapped", [&](auto in) {
    auto shared = in >> stage("make", [&](int i) { return tracked(i, here.book); });
    auto items = in >> stage("items", [](int i) { return std::vector<int>{i, i}; });
    return items >> each("each", stage("add", [](int i, const tracked& t) { return i + t.value; })).with(shared)
                 >> stage("first", [](const std::vector<int>& all) { return all.front(); }) >> stage("after", note);
  });
  CHECK(here.answer(mapped, 3) == 6);
  CHECK(owners == std::vector<int>{0, 0});
}

TEST_CASE("a shared value dies after the last of its consumers, not after the first") {
  values_world here;
  std::vector<int> alive;
  const auto c = make_chain<int>(here.rt, "fan", [&](auto in) {
    auto make = in >> stage("make", [&](int i) { return tracked(i, here.book); });
    auto note = [&](int i) {
      alive.push_back(here.book.owners);
      return i;
    };
    auto a = make >> stage("first", read_value()) >> stage("between", note);
    auto b = join(make, a) >> stage("last", [](const tracked& t, int i) { return t.value + i; });
    return b >> stage("after", note);
  });
  CHECK(here.answer(c, 3) == 6);
  CHECK(alive == std::vector<int>{1, 0});
}

TEST_CASE("a long line of one type lives in few places, each reused when its value is gone") {
  values_world here;
  const auto line = [&](int length) {
    return make_chain<tracked>(here.rt, "line", [&](auto in) {
      auto n = in >> stage("first", add(1));
      for (int i = 0; i < length; ++i) n = n >> stage("stage " + std::to_string(i), add(1));
      return n;
    });
  };
  const auto short_one = line(3);
  const auto long_one = line(300);
  CHECK(long_one.plan()->frame_size == short_one.plan()->frame_size);
  CHECK(here.answer(long_one, tracked(0, here.book)).value == 301);
}

TEST_CASE("a move-only value passes through functions, coroutines, operations, executors and chains uncopied") {
  values_world here;
  const auto& rt = here.rt;
  const auto inner = make_chain<tracked>(rt, "inner", [&](auto in) { return in >> stage("later", later(rt, 1)); });
  const auto plain = make_chain<tracked>(rt, "plain", [&](auto in) { return in >> stage("add", add(1)); });
  const auto c = make_chain<tracked>(rt, "all", [&](auto in) {
    return in >> stage("function", add(1))
              >> stage("coroutine", later(rt, 1))
              >> stage("result", [](tracked t) -> result<tracked> { return t; })
              >> stage("away", add(1)).on(here.world.get_executor())
              >> stage("coroutine away", later(rt, 1)).on(here.world.get_executor())
              >> stage("timed", later(rt, 1)).timeout(1s)
              >> stage("queued", later(rt, 1)).queue({.capacity = 1})
              >> stage("chain", inner)
              >> stage("plain chain", plain)
              >> stage("exit", [](tracked t) -> or_exit<tracked, tracked> { return t; })
              >> stage("operation", [](tracked&& t, auto token) {
                   return boost::asio::async_initiate<decltype(token), void(tracked)>(
                       [](auto handler, tracked moved) { std::move(handler)(std::move(moved)); }, token, std::move(t));
                 });
  });
  CHECK(here.answer(c, tracked(0, here.book)).value == 8);
}

TEST_CASE("a move-only value passes through branch, and through each with its items") {
  values_world here;
  const auto& rt = here.rt;
  auto odd = [](const tracked& t) { return t.value % 2 == 1; };
  const auto one = make_chain<tracked>(rt, "one", [&](auto in) {
    return in >> branch("odd", odd, stage("yes", later(rt, 1)), stage("no", add(0)));
  });
  CHECK(here.answer(one, tracked(3, here.book)).value == 4);
  CHECK(here.answer(one, tracked(4, here.book)).value == 4);

  const auto many = make_chain<int>(rt, "many", [&](auto in) {
    auto items = in >> stage("make", [&](int count) {
      std::vector<tracked> all;
      for (int i = 0; i < count; ++i) all.emplace_back(i, here.book);
      return all;
    });
    return items >> each(stage("inner", later(rt, 1)), 2) >> each("again", stage("add", add(1))) >>
           stage("sum", [](const std::vector<tracked>& all) {
             int sum = 0;
             for (const auto& t : all) sum += t.value;
             return sum;
           });
  });
  CHECK(here.answer(many, 5) == 10 + 10);
}

TEST_CASE("items that a stage reads stay where they are, also when others read them as well") {
  values_world here;
  const auto c = make_chain<int>(here.rt, "read", [&](auto in) {
    auto items = in >> stage("make", [&](int count) {
      std::vector<tracked> all;
      all.reserve(static_cast<std::size_t>(count));
      for (int i = 0; i < count; ++i) all.emplace_back(i, here.book);
      return all;
    });
    auto numbers = items >> each(stage("read", read_value()), 3);
    auto moves = items >> stage("moves", [&](const std::vector<tracked>&) { return here.book.moves; });
    return join(numbers, moves) >> stage("end", [](const std::vector<int>& n, int m) { return static_cast<int>(n.size()) * 1000 + m; });
  });
  CHECK(here.answer(c, 4) == 4000);
}

TEST_CASE("a shared move-only value is lent to nested chains, fallbacks, cascades and races") {
  values_world here;
  const auto& rt = here.rt;
  auto slow_read = [rt](const tracked& t) -> boost::asio::awaitable<int> {
    co_await rt.async_wait_until(rt.now() + 1ms, boost::asio::use_awaitable);
    co_return t.value;
  };
  auto fails = [](const tracked&) -> result<int> { return failure(errc::invalid_input); };
  const auto inner = make_chain<tracked>(rt, "inner", [&](auto in) { return in >> stage("read", slow_read); });
  const auto c = make_chain<tracked>(rt, "all", [&](auto in) {
    auto a = in >> stage("chain", inner);
    auto b = in >> stage("bad", fails).fallback(slow_read);
    auto d = in >> cascade("cascade", stage("near", slow_read), stage("far", slow_read), [](int) { return false; });
    auto e = in >> first_of("race", stage("one", slow_read), stage("two", read_value()));
    return join(a, b, d, e) >> stage("sum", [](int w, int x, int y, int z) { return w + x + y + z; });
  });
  CHECK(here.answer(c, tracked(5, here.book)) == 20);
}

TEST_CASE("more than three inputs of one stage keep their order and their owners") {
  values_world here;
  const auto c = make_chain<int>(here.rt, "five", [&](auto in) {
    auto make = [&](int n) { return [&book = here.book, n](int i) { return tracked(i * n, book); }; };
    auto a = in >> stage("a", make(1));
    auto b = in >> stage("b", make(10));
    auto third = in >> stage("c", make(100));
    auto d = in >> stage("d", make(1000));
    auto e = in >> stage("e", make(10000));
    auto other = third >> stage("other", read_value());
    return join(a, b, third, d, e, other) >> stage("sum", [](tracked&& v, tracked w, const tracked& x, tracked&& y, tracked z, int o) {
             return v.value + w.value + x.value + y.value + z.value + o;
           });
  });
  CHECK(here.answer(c, 2) == 22222 + 200);
}

TEST_CASE("outputs need no default constructor, no assignment and no copy") {
  values_world here;
  const auto c = make_chain<int>(here.rt, "strict", [&](auto in) {
    return in >> stage("make", [](int i) { return strict(i); })
              >> stage("later", [rt = here.rt](strict s) -> boost::asio::awaitable<strict> {
                   co_await rt.async_yield(boost::asio::use_awaitable);
                   co_return strict(*s.value + 1);
                 });
  });
  CHECK(*here.answer(c, 1).value == 2);
}

TEST_CASE("a value with a wide alignment is placed as it needs to be") {
  values_world here;
  struct alignas(16) wide {
    std::string text;
  };
  bool aligned = true;
  const auto c = make_chain<int>(here.rt, "wide", [&](auto in) {
    auto odd = in >> stage("odd", [](int) { return 'x'; });
    auto w = join(in, odd) >> stage("make", [](int i, char) { return wide{std::to_string(i)}; });
    return w >> stage("look", [&](const wide& v) {
             aligned = aligned && reinterpret_cast<std::uintptr_t>(&v) % alignof(wide) == 0;
             return v.text;
           });
  });
  CHECK(here.answer(c, 42) == "42");
  CHECK(aligned);
}

TEST_CASE("a result that nobody needs is destroyed at once when its type says it is nothing") {
  values_world here;
  int called = 0;
  const auto c = make_chain<int>(here.rt, "side", [&](auto in) {
    in >> stage("note", [&](int) { ++called; });
    return in >> stage("answer", [](int i) { return i; });
  });
  CHECK(here.answer(c, 1) == 1);
  CHECK(called == 1);
}

TEST_CASE("a join may be what a chain answers, as a tuple") {
  values_world here;
  const auto c = make_chain<int>(here.rt, "tuple", [&](auto in) {
    auto a = in >> stage("a", [&](int i) { return tracked(i, here.book); });
    auto b = in >> stage("b", [](int i) { return std::to_string(i); });
    return join(a, b);
  });
  auto [t, s] = here.answer(c, 7);
  CHECK(t.value == 7);
  CHECK(s == "7");
}

TEST_CASE("a vector of nodes becomes a vector of values, moved in order") {
  values_world here;
  const auto c = make_chain<int>(here.rt, "many", [&](auto in) {
    std::vector<node<tracked>> nodes;
    for (int i = 0; i < 20; ++i)
      nodes.push_back(in >> stage("make " + std::to_string(i), [&, i](int n) { return tracked(n + i, here.book); }));
    return join(nodes);
  });
  const auto all = here.answer(c, 100);
  REQUIRE(all.size() == 20);
  for (int i = 0; i < 20; ++i) CHECK(all[static_cast<std::size_t>(i)].value == 100 + i);
}

TEST_CASE("frames are recycled without keeping anything of the run before") {
  values_world here;
  const auto c = make_chain<tracked>(here.rt, "line", [&](auto in) {
    return in >> stage("later", later(here.rt, 1)) >> stage("maybe", [](tracked t) -> result<tracked> {
             if (t.value % 2 == 0) return failure(errc::invalid_input);
             return t;
           });
  });
  for (int i = 0; i < 10; ++i) {
    test::outcome<tracked> end;
    c.async_run(tracked(i, here.book), end.take());
    here.world.run();
    CHECK(end.answered() == (i % 2 == 0));
    end.forget();
    CHECK(here.book.alive == 0);
  }
}

TEST_CASE("a lent value that is smaller than a pointer dies once") {
  static int alive;
  struct handle {
    explicit handle(short n) : number(n) { ++alive; }
    handle(const handle& other) : number(other.number) { ++alive; }
    ~handle() { --alive; }
    short number;
  };
  alive = 0;
  values_world here;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto h = in >> stage("open", [](int i) { return handle(static_cast<short>(i)); });
    auto number = [](const handle& x) { return static_cast<int>(x.number); };
    return h >> cascade("read", stage("near", number), stage("far", number), [](const int&) { return false; });
  });
  CHECK(here.answer(c, 7) == 7);
  CHECK(alive == 0);
}
