// SPDX-License-Identifier: BSL-1.0
/// \file
/// What building a chain refuses, all of it at once.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/faults.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

int faults_twice(int i) { return 2 * i; }

/// The faults of a chain that is written down by `write`.
template <class In = int, class Write>
std::vector<std::string> faults_of(Write write) {
  testing::manual_world world;
  const auto rt = world.runtime();
  return test::faults_when([&] { return make_chain<In>(rt, "wrong", write); });
}

bool names(const std::vector<std::string>& faults, const std::string& text) {
  return std::any_of(faults.begin(), faults.end(), [&](const auto& f) { return f.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("a sound chain has no faults") {
  CHECK(faults_of([](auto in) { return in >> stage("a", faults_twice); }).empty());
}

TEST_CASE("a chain of another runtime is no stage of this one, whatever is said of it") {
  testing::manual_world world;
  const auto far = make_chain<int>(world.runtime(), "far", [](auto in) { return in >> stage("a", faults_twice); });
  const std::string fault = "stage 's': chain 'far' belongs to another runtime";
  const auto faults = faults_of([&](auto in) {
    return in >> stage("s", far) >> stage("t", far);
  });
  CHECK(faults.size() == 2);
  CHECK(names(faults, fault));
  CHECK(faults_of([&](auto in) { return in >> stage("s", far).timeout(1s).fallback(faults_twice); }) == std::vector{fault});
  CHECK(faults_of([&](auto in) { return in >> branch("b", [](int) { return true; }, stage("s", far), stage("t", faults_twice)); }) ==
        std::vector{fault});
  CHECK(faults_of<std::vector<int>>([&](auto in) { return in >> each("e", stage("s", far)); }) == std::vector{fault});
}

TEST_CASE("all faults are listed at once, in one exception that names the chain") {
  testing::manual_world world;
  try {
    (void)make_chain<int>(world.runtime(), "wrong", [](auto in) {
      (void)(in >> stage("unused", faults_twice));
      auto a = in >> stage("twin", faults_twice);
      auto b = a >> stage("twin", faults_twice);
      return b >> stage("a/b", faults_twice).timeout(0s);
    });
    FAIL("built");
  } catch (const graph_error& e) {
    const std::string what = e.what();
    CHECK(what.find("chain 'wrong' cannot be built:") == 0);
    CHECK(e.faults().size() == 5);
    CHECK(names(e.faults(), "two stages are named 'twin'"));
    CHECK(names(e.faults(), "the result of stage 'unused' (int) is not used"));
    CHECK(names(e.faults(), "stage 'a/b' has a '/' in its name"));
    CHECK(names(e.faults(), "stage 'a/b': timeout must be greater than zero"));
    for (const auto& fault : e.faults()) CHECK(what.find(fault) != std::string::npos);
  }
}

TEST_CASE("a name that three stages share is one fault") {
  const auto faults = faults_of([](auto in) {
    return in >> stage("same", faults_twice) >> stage("same", faults_twice) >> stage("same", faults_twice);
  });
  CHECK(faults == std::vector<std::string>{"two stages are named 'same'"});
}

TEST_CASE("an empty name is a fault") {
  CHECK(names(faults_of([](auto in) { return in >> stage("", faults_twice) >> stage("b", faults_twice); }), "empty name"));
  CHECK(names(faults_of([](auto in) { return in >> stage("", faults_twice); }), "empty name"));
}

TEST_CASE("moving a value that others use is a fault that names both") {
  const auto faults = faults_of([](auto in) {
    auto made = in >> stage("make", [](int i) { return std::make_unique<int>(i); });
    auto a = made >> stage("greedy", [](std::unique_ptr<int> p) { return *p; });
    auto b = made >> stage("modest", [](const std::unique_ptr<int>& p) { return *p; });
    return join(a, b) >> stage("sum", [](int x, int y) { return x + y; });
  });
  REQUIRE(faults.size() == 1);
  CHECK(names(faults, "stage 'greedy' wants to move the result of 'make'"));
}

TEST_CASE("moving the chain's input or its answer while others use it is a fault") {
  const auto input = faults_of<std::unique_ptr<int>>([](auto in) {
    auto a = in >> stage("greedy", [](std::unique_ptr<int> p) { return *p; });
    auto b = in >> stage("modest", [](const std::unique_ptr<int>& p) { return *p; });
    return join(a, b) >> stage("sum", [](int x, int y) { return x + y; });
  });
  CHECK(names(input, "stage 'greedy' wants to move the chain's input"));
  const auto answer = faults_of([](auto in) {
    auto made = in >> stage("make", [](int i) { return std::make_unique<int>(i); });
    made >> stage("greedy", [](std::unique_ptr<int>) {});
    return made;
  });
  CHECK(names(answer, "stage 'greedy' wants to move the result of 'make'"));
}

TEST_CASE("a chain that moves its input is refused where that is shared") {
  const auto faults = faults_of<std::unique_ptr<int>>([](auto in) {
    testing::manual_world world;
    const auto inner = make_chain<std::unique_ptr<int>>(world.runtime(), "inner", [](auto p) {
      return p >> stage("take", [](std::unique_ptr<int> q) { return *q; });
    });
    auto a = in >> stage("nested", inner);
    auto b = in >> stage("look", [](const std::unique_ptr<int>& p) { return *p; });
    return join(a, b) >> stage("sum", [](int x, int y) { return x + y; });
  });
  CHECK(names(faults, "stage 'nested' wants to move the chain's input"));
}

TEST_CASE("a stage with a fallback, a cascade and a race may not move what both may need") {
  using value = std::unique_ptr<int>;
  auto take = [](value p) { return *p; };
  CHECK(names(faults_of<value>([&](auto in) { return in >> stage("a", take).fallback(take); }), "'a'"));
  CHECK(names(faults_of<value>([&](auto in) { return in >> cascade("c", stage("n", take), stage("f", take), [](int) { return true; }); }), "'c'"));
  CHECK(names(faults_of<value>([&](auto in) { return in >> first_of("r", stage("x", take), stage("y", take)); }), "'r'"));
}

TEST_CASE("a node of another chain is a fault") {
  testing::manual_world world;
  const auto rt = world.runtime();
  std::optional<node<int>> stolen;
  (void)make_chain<int>(rt, "first", [&](auto in) {
    auto n = in >> stage("a", faults_twice);
    stolen = n;
    return n;
  });
  CHECK_THROWS_AS(make_chain<int>(rt, "second", [&](auto) { return *stolen; }), graph_error);
  CHECK_THROWS_AS(make_chain<int>(rt, "third", [&](auto in) {
                    return join(in, *stolen) >> stage("sum", [](int a, int b) { return a + b; });
                  }),
                  graph_error);
  CHECK_THROWS_AS(make_chain<int>(rt, "fourth", [&](auto in) {
                    return in >> stage("v", [](int i) { return std::vector<int>{i}; }) >>
                           each(stage("add", [](int a, int b) { return a + b; })).with(*stolen);
                  }),
                  graph_error);
  CHECK_THROWS_AS(*stolen >> stage("late", faults_twice), graph_error);
}

TEST_CASE("a chain without a stage is a fault") {
  CHECK(names(faults_of([](auto in) { return in; }), "the chain returns its own input: it has no stage"));
}

TEST_CASE("an early exit of another type than the chain's answer is a fault that names both") {
  const auto faults = faults_of([](auto in) {
    return in >> stage("leave", [](int) -> or_exit<int, std::string> { return exit_with("x"); }) >> stage("end", faults_twice);
  });
  REQUIRE(faults.size() == 1);
  CHECK(names(faults, "stage 'leave' may exit with"));
  CHECK(names(faults, "but the chain answers int"));
}

TEST_CASE("options out of range are faults that name the member") {
  CHECK(names(faults_of([](auto in) { return in >> stage("a", faults_twice).timeout(-1ms); }), "stage 'a': timeout must be greater than zero"));
  CHECK(names(faults_of([](auto in) { return in >> stage("a", faults_twice).queue({.consumers = 0}); }), "queue_options::consumers must be at least 1"));
  CHECK(names(faults_of([](auto in) { return in >> stage("a", faults_twice).queue({.ttl = -1ms}); }), "queue_options::ttl"));
  CHECK(names(faults_of([](auto in) { return in >> stage("a", faults_twice).fallback(faults_twice, -1ms); }), "reserve"));
  CHECK(names(faults_of([](auto in) { return in >> stage("a", faults_twice).on(boost::asio::any_io_executor()); }),
              "stage 'a': .on() is given an empty executor"));
  CHECK(names(faults_of([](auto in) {
    return in >> stage("v", [](int i) { return std::vector<int>{i}; }) >> each(stage("a", faults_twice), 0);
  }), "width must be at least 1"));
}

TEST_CASE("faults inside a guarded stage or an item's stage are told with the chain's") {
  const auto faults = faults_of<std::vector<std::unique_ptr<int>>>([](auto in) {
    auto number = in >> stage("count", [](const auto& v) { return v.size(); });
    return in >> each("items", stage("take", [](std::unique_ptr<int> p, std::size_t n) { return *p + static_cast<int>(n); })).with(number);
  });
  CHECK(names(faults, "stage 'items' wants to move the chain's input"));
}

TEST_CASE("early exits of different types in the parts of one stage are a fault") {
  auto to_text = [](int) -> or_exit<int, std::string> { return exit_with("x"); };
  auto to_real = [](int) -> or_exit<int, double> { return exit_with(1.0); };
  auto as_text = [](int i) { return std::to_string(i); };
  CHECK(names(faults_of([&](auto in) { return in >> stage("a", to_text).fallback(to_real) >> stage("end", as_text); }), "may exit with double"));
  CHECK(names(faults_of([&](auto in) {
    return in >> branch("b", [](int) { return true; }, stage("x", to_text), stage("y", to_real)) >> stage("end", as_text);
  }), "may exit with double"));
  CHECK(names(faults_of([&](auto in) {
    auto inner = branch("b", [](int) { return true; }, stage("x", to_text), stage("y", to_real));
    return in >> stage("make", [](int i) { return std::vector<int>{i}; }) >> each("items", std::move(inner)) >>
           stage("end", [](const std::vector<int>&) { return std::string(); });
  }), "may exit with double"));
}
