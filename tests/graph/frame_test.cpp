// SPDX-License-Identifier: BSL-1.0
/// \file
/// Places in the frame: nobody gets one that another still needs, and none is left full when a run ends early.
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/held_model.hpp"
#include "support/outcome.hpp"
#include "support/tracked.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

struct frame_world {
  testing::manual_world world;
  runtime rt = world.runtime();
  test::outcome<int> end;

  void run(const chain<int, int>& c) {
    c.async_run(1, end.take());
    world.run();
    REQUIRE(end.count() == 1);
  }
};

/// Smaller than the pointer that stands in its place where it is lent.
class small {
 public:
  explicit small(int v) noexcept : value(v) { ++alive; }
  small(const small& other) noexcept : value(other.value) { ++alive; }
  small& operator=(const small&) = default;
  ~small() { --alive; }
  int value;
  static inline int alive = 0;
};

struct four_words {
  std::uint64_t all[4] = {};
};

}  // namespace

TEST_CASE("a value that one of its consumers is done with keeps its place until the other has read it") {
  frame_world here;
  const auto c = make_chain<int>(here.rt, "c", [](auto in) {
    auto shared = in >> stage("make", [](int) { return 7; });
    auto early = shared >> stage("early", [](const int&) { return 1; }) >> stage("write", [](int) { return 2; });
    auto late = shared >> stage("late", [](const int& i) { return i; });
    return join(early, late) >> stage("digits", [](int x, int y) { return 10 * x + y; });
  });
  here.run(c);
  CHECK(here.end.value() == 27);
}

TEST_CASE("the input of a request that nobody waits for keeps its place while it is computed") {
  frame_world here;
  test::held_batches<int, int> held;
  const auto m = make_model<int, int>(here.rt, {.name = "m"}, held.instance());
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("make", [](int) { return 7; }) >> stage("score", m).timeout(5ms).fallback([](int) { return 0; })
              >> stage("write", [](int) { return 99; }) >> stage("again", [](int i) { return i; });
  });
  here.run(c);
  CHECK(here.end.value() == 99);
  REQUIRE(held.all.size() == 1);
  CHECK(!held.all.front().is_wanted(0));
  CHECK(held.all.front().input(0) == 7);
}

TEST_CASE("a place that is given again is aligned for its next value as well") {
  struct narrow {
    std::uint64_t words[4];
  };
  struct alignas(16) wide {
    std::uint64_t words[2];
  };
  frame_world here;
  std::uintptr_t address = 1;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("narrow", [](int) { return narrow{}; }) >> stage("none", [](const narrow&) { return 1; })
              >> stage("wide", [](int) { return wide{}; }) >> stage("look", [&](const wide& w) {
                   address = reinterpret_cast<std::uintptr_t>(&w);
                   return 0;
                 });
  });
  here.run(c);
  CHECK(address % alignof(wide) == 0);
}

TEST_CASE("a lent value of one byte does not share the place of its pointer") {
  frame_world here;
  const auto twice = make_chain<char>(here.rt, "twice", [](auto in) {
    auto next = in >> stage("next", [](const char& c) { return static_cast<char>(c + 1); });
    return join(in, next) >> stage("both", [](const char& c, char n) { return std::string{c, n}; });
  });
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto letters = in >> stage("letters", [](int) { return std::vector<char>{'a', 'c'}; });
    auto with = in >> stage("with", [](int) { return 'x'; });
    auto pairs = letters >> each("pairs", stage("twice", twice));
    auto marked = letters >> each("marked", stage("mark", [](const char& i, const char& x) { return std::string{i, x}; })).with(with);
    return join(pairs, marked) >> stage("end", [](const std::vector<std::string>& p, const std::vector<std::string>& m) {
             return p == std::vector<std::string>{"ab", "cd"} && m == std::vector<std::string>{"ax", "cx"} ? 1 : 0;
           });
  });
  here.run(c);
  CHECK(here.end.value() == 1);
}

TEST_CASE("a small value that is lent to another run dies once") {
  {
    frame_world here;
    const auto c = make_chain<int>(here.rt, "c", [](auto in) {
      return in >> stage("make", [](int i) { return small(i); })
                >> stage("read", [](const small& s) { return s.value; }).fallback([](const small&) { return 0; });
    });
    here.run(c);
    CHECK(here.end.value() == 1);
  }
  CHECK(small::alive == 0);
}

TEST_CASE("the input of a run that fails before it is read dies with it") {
  frame_world here;
  test::ledger book;
  const auto c = make_chain<test::tracked>(here.rt, "c", [](auto in) {
    return in >> stage("read", [](const test::tracked& t) { return t.value; });
  });
  c.async_run(test::tracked(1, book), {.deadline = here.world.now()}, here.end.take());
  here.world.run();
  CHECK(here.end.why().is(errc::deadline_exceeded));
  CHECK(book.alive == 0);
}

TEST_CASE("a value in a place that held one without a destructor dies with a run that fails") {
  frame_world here;
  test::ledger book;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto made = in >> stage("words", [](int) { return four_words(); }) >> stage("none", [](const four_words&) { return 1; })
                   >> stage("make", [&](int i) { return test::tracked(i, book); });
    auto bad = made >> stage("bad", [](const test::tracked&) -> result<int> { return failure(errc::invalid_input); });
    return join(made, bad) >> stage("use", [](const test::tracked& t, int) { return t.value; });
  });
  here.run(c);
  CHECK(here.end.path() == "c/bad");
  CHECK(book.made == 1);
  CHECK(book.alive == 0);
}

TEST_CASE("a long line needs no larger frame than a short one, whether its types alternate or its stages suspend") {
  frame_world here;
  const auto rounds = [&](int count) {
    return make_chain<int>(here.rt, "rounds", [&](auto in) {
      node<std::string> n = in >> stage("first", [](int) { return std::string(); });
      for (int i = 0; i < count; ++i) {
        const std::string name = std::to_string(i);
        n = n >> stage("list " + name, [](const std::string&) { return std::vector<int>(); })
              >> stage("pointer " + name, [](const std::vector<int>&) { return std::make_shared<int>(); })
              >> stage("text " + name, [](const std::shared_ptr<int>&) { return std::string(); });
      }
      return n;
    });
  };
  const auto waits = [&](int count) {
    return make_chain<int>(here.rt, "waits", [&](auto in) {
      node<int> n = in >> stage("first", [](int i) { return i; });
      for (int i = 0; i < count; ++i)
        n = n >> stage("wait " + std::to_string(i), [](int k) -> boost::asio::awaitable<int> { co_return k; });
      return n;
    });
  };
  CHECK(rounds(30).plan()->frame_size == rounds(3).plan()->frame_size);
  CHECK(waits(30).plan()->frame_size == waits(3).plan()->frame_size);
}

TEST_CASE("values that wait in the frame when a run fails die with it") {
  frame_world here;
  test::ledger book;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto made = in >> stage("make", [&](int i) { return test::tracked(i, book); });
    auto bad = in >> stage("bad", [](int) -> result<int> { return failure(errc::invalid_input); });
    return join(made, bad) >> stage("use", [](const test::tracked& t, int) { return t.value; });
  });
  here.run(c);
  CHECK(here.end.path() == "c/bad");
  CHECK(book.made == 1);
  CHECK(book.alive == 0);
}
