// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/held_model.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using catena::batch;
using catena::errc;
using catena::make_model;
using catena::stage;
using catena::test::answering;
using catena::test::held_batches;
using catena::test::outcome;
using catena::testing::manual_world;
using Catch::Matchers::ContainsSubstring;

/// A runtime that writes down what it logs.
struct logged_world {
  manual_world world;
  std::vector<std::string> lines;
  catena::runtime rt = world.runtime({.log = [this](catena::log_level, std::string_view component, std::string_view text) {
    lines.push_back(std::string(component) + ": " + std::string(text));
  }});
};

/// Options with which a batch is formed when so many wait, or after a while.
catena::batch_options batch_of(std::size_t size) { return {.max_size = size, .max_delay = 1s}; }

const auto batch_doubled = answering<int, int>([](int x) { return 2 * x; });

}  // namespace

TEST_CASE("a model called directly answers through any completion token") {
  manual_world world;
  const auto rt = world.runtime();
  const auto m = make_model<int, int>(rt, {.name = "double"}, batch_doubled);
  outcome<int> o;
  m.async_run(21, o.take());
  CHECK(o.count() == 0);
  world.run_until_idle();
  CHECK(o.count() == 1);
  CHECK(o.value() == 42);
}

TEST_CASE("a model called in a coroutine answers, and fails by throwing") {
  manual_world world;
  const auto rt = world.runtime();
  const auto m = make_model<int, int>(rt, {.name = "root"}, [](batch<int, int>& b) {
    for (std::size_t i = 0; i < b.size(); ++i) {
      if (b.input(i) < 0) b.fail(i, catena::failure(errc::invalid_input, "negative"));
      else b.answer(i, b.input(i) + 1);
    }
  });
  const auto chain = catena::make_chain<int>(rt, "outer", [&](auto in) {
    return in >> stage("ask", [m](catena::call c, int x) -> asio::awaitable<int> {
             const int once = co_await m(c, x);
             const int twice = co_await m(c, once);
             co_return twice;
           });
  });
  outcome<int> good;
  outcome<int> bad;
  chain.async_run(1, good.take());
  chain.async_run(-5, bad.take());
  world.run_until_idle();
  CHECK(good.value() == 3);
  CHECK(bad.why().is(errc::invalid_input));
  CHECK(bad.path() == "outer/ask/root");
}

TEST_CASE("a model is a stage, and its description says so") {
  manual_world world;
  const auto rt = world.runtime();
  const auto m = make_model<int, int>(rt, {.name = "double"}, batch_doubled);
  const auto chain = catena::make_chain<int>(rt, "two", [&](auto in) {
    return in >> stage("first", m) >> stage("more", [](int x) { return x + 1; }) >> stage("second", m);
  });
  outcome<int> o;
  chain.async_run(5, o.take());
  world.run_until_idle();
  CHECK(o.value() == 22);
  CHECK(chain.describe().stages[0].kind == "model");
  CHECK(m.describe().stages[0].kind == "model");
  CHECK(m.describe().stages[0].name == "double");
  CHECK_THAT(chain.describe().mermaid(), ContainsSubstring("first<br/><i>model</i>"));
}

TEST_CASE("rows of one batch are answered or failed one by one") {
  manual_world world;
  const auto rt = world.runtime();
  held_batches<int, int> held;
  const auto m = make_model<int, int>(rt, {.name = "risk", .batch = batch_of(3)}, held.instance());
  outcome<int> o[3];
  for (int i = 0; i < 3; ++i) m.async_run(i, o[i].take());
  world.run_until_idle();
  REQUIRE(held.all.size() == 1);
  auto b = held.take();
  REQUIRE(b.size() == 3);
  const auto row_of = [&, inputs = std::array{b.input(0), b.input(1), b.input(2)}](int input) {
    return static_cast<std::size_t>(std::find(inputs.begin(), inputs.end(), input) - inputs.begin());
  };
  b.answer(row_of(1), 11);
  world.run_until_idle();
  CHECK(o[0].count() == 0);
  CHECK(o[1].value() == 11);
  b.fail(row_of(2), catena::failure(errc::invalid_input, "not this one"));
  b.answer(row_of(0), 10);
  world.run_until_idle();
  CHECK(o[0].value() == 10);
  CHECK(o[2].why().is(errc::invalid_input));
  CHECK(o[2].why().message() == "not this one");
  CHECK(o[2].path() == "risk");
  b.done();
}

TEST_CASE("a batch that is moved away is done later, and only then the instance takes the next one") {
  manual_world world;
  const auto rt = world.runtime();
  held_batches<int, int> held;
  const auto m = make_model<int, int>(rt, {.name = "risk"}, held.instance());
  outcome<int> first;
  outcome<int> second;
  m.async_run(1, first.take());
  world.run_until_idle();
  m.async_run(2, second.take());
  world.run_until_idle();
  REQUIRE(held.all.size() == 1);
  CHECK(m.stats().queue_depth == 1);
  auto b = held.take();
  b.answer(0, 1);
  world.run_until_idle();
  CHECK(first.value() == 1);
  CHECK(held.all.empty());
  b.done();
  world.run_until_idle();
  REQUIRE(held.all.size() == 1);
  held.take().answer(0, 2);
  world.run_until_idle();
  CHECK(second.value() == 2);
}

TEST_CASE("a row that is not answered when the batch is done fails with row_unanswered") {
  manual_world world;
  const auto rt = world.runtime();
  const auto m = make_model<int, int>(rt, {.name = "risk", .batch = batch_of(2)}, [](batch<int, int>& b) {
    b.answer(0, 1);
    b.done();
  });
  outcome<int> o[2];
  for (auto& one : o) m.async_run(1, one.take());
  world.run_until_idle();
  const int answered = o[0].answered() ? 0 : 1;
  CHECK(o[answered].value() == 1);
  CHECK(o[1 - answered].why().is(errc::row_unanswered));
  CHECK(o[1 - answered].why().message() == "model 'risk': the batch ended without an answer for row 1 of 2");
}

TEST_CASE("a batch that is destroyed without being done fails what is unanswered and frees the instance") {
  manual_world world;
  const auto rt = world.runtime();
  held_batches<int, int> held;
  const auto m = make_model<int, int>(rt, {.name = "risk"}, held.instance());
  outcome<int> lost;
  outcome<int> next;
  m.async_run(1, lost.take());
  world.run_until_idle();
  held.all.clear();
  world.run_until_idle();
  CHECK(lost.why().is(errc::row_unanswered));
  m.async_run(2, next.take());
  world.run_until_idle();
  held.take().answer(0, 7);
  world.run_until_idle();
  CHECK(next.value() == 7);
}

TEST_CASE("a function that returns without doing anything leaves its rows unanswered") {
  manual_world world;
  const auto rt = world.runtime();
  const auto m = make_model<int, int>(rt, {.name = "idle"}, [](batch<int, int>&) {});
  outcome<int> o;
  m.async_run(1, o.take());
  world.run_until_idle();
  CHECK(o.why().is(errc::row_unanswered));
}

TEST_CASE("answering a row twice is refused with a line in the log") {
  logged_world w;
  const auto m = make_model<int, int>(w.rt, {.name = "risk"}, [](batch<int, int>& b) {
    b.answer(0, 1);
    b.answer(0, 2);
    b.fail(0, errc::invalid_input);
    b.answer(9, 3);
  });
  outcome<int> o;
  m.async_run(1, o.take());
  w.world.run_until_idle();
  CHECK(o.count() == 1);
  CHECK(o.value() == 1);
  REQUIRE(w.lines.size() == 3);
  CHECK(w.lines[0] == "model/risk: row 0 was answered twice; the second answer is dropped");
  CHECK(w.lines[2] == "model/risk: row 9 was answered in a batch of 1");
}

TEST_CASE("a batch says what is wrong with a row that does not exist, is answered, or with itself once done") {
  manual_world world;
  const auto rt = world.runtime();
  held_batches<int, int> held;
  const auto m = make_model<int, int>(rt, {.name = "risk"}, held.instance());
  outcome<int> o;
  m.async_run(1, o.take());
  world.run_until_idle();
  auto b = held.take();
  CHECK_THROWS_AS(b.input(1), std::out_of_range);
  b.answer(0, 1);
  CHECK_THROWS_AS(b.input(0), std::logic_error);
  b.done();
  CHECK(b.size() == 0);
  CHECK_THROWS_AS(b.answer(0, 1), std::logic_error);
  CHECK_THROWS_AS(b.done(), std::logic_error);
}

TEST_CASE("an exception inside the model fails all unanswered rows with its text, and the process lives on") {
  logged_world w;
  const auto m = make_model<int, int>(w.rt, {.name = "risk", .batch = batch_of(2)}, [calls = 0](batch<int, int>& b) mutable {
    b.answer(0, 1);
    if (calls++ == 0) throw std::runtime_error("out of luck");
  });
  outcome<int> o[3];
  m.async_run(1, o[0].take());
  m.async_run(2, o[1].take());
  w.world.run_until_idle();
  const int answered = o[0].answered() ? 0 : 1;
  CHECK(o[answered].value() == 1);
  CHECK(o[1 - answered].why().is(errc::model_failed));
  CHECK(o[1 - answered].why().message() == "model 'risk': out of luck");
  CHECK(o[1 - answered].why().cause());
  CHECK(w.lines == std::vector<std::string>{"model/risk: model 'risk': out of luck"});
  m.async_run(3, o[2].take());
  w.world.run();
  CHECK(o[2].value() == 1);
}

TEST_CASE("a catena::error thrown by the model keeps its code") {
  manual_world world;
  const auto rt = world.runtime();
  const auto m = make_model<int, int>(rt, {.name = "risk"}, [](batch<int, int>&) {
    throw catena::error(catena::failure(errc::shape_mismatch, "expected [3], given [4]"));
  });
  outcome<int> o;
  m.async_run(1, o.take());
  world.run_until_idle();
  CHECK(o.why().is(errc::shape_mismatch));
  CHECK(o.why().message() == "expected [3], given [4]");
}

TEST_CASE("a model reads its input where the run keeps it, without a copy") {
  manual_world world;
  const auto rt = world.runtime();
  using owned = std::unique_ptr<int>;
  std::vector<const owned*> seen;
  const auto m = make_model<owned, int>(rt, {.name = "peek"}, [&](batch<owned, int>& b) {
    seen.push_back(&b.input(0));
    b.answer(0, *b.input(0));
  });
  const auto chain = catena::make_chain<int>(rt, "both", [&](auto in) {
    auto value = in >> stage("make", [](int x) { return std::make_unique<int>(x); });
    auto a = value >> stage("model", m);
    auto b = value >> stage("look", [&](const owned& x) {
                      seen.push_back(&x);
                      return *x;
                    });
    return join(a, b) >> stage("sum", [](int x, int y) { return x + y; });
  });
  outcome<int> o;
  chain.async_run(4, o.take());
  world.run_until_idle();
  CHECK(o.value() == 8);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0] == seen[1]);
}

TEST_CASE("a model answers values that cannot be copied and have no default constructor") {
  struct answer {
    explicit answer(int v) : value(std::make_unique<int>(v)) {}
    std::unique_ptr<int> value;
  };
  manual_world world;
  const auto rt = world.runtime();
  const auto m = make_model<int, answer>(rt, {.name = "wrap"}, answering<int, answer>([](int x) { return answer(x); }));
  outcome<answer> o;
  m.async_run(3, o.take());
  world.run_until_idle();
  CHECK(*o.value().value == 3);
}

TEST_CASE("a row knows the call it belongs to") {
  manual_world world;
  const auto rt = world.runtime();
  held_batches<int, int> held;
  const auto m = make_model<int, int>(rt, {.name = "risk"}, held.instance());
  outcome<int> o;
  const catena::run_options options{.deadline = rt.now() + 1h, .priority = catena::priority::high, .id = 77};
  m.async_run(1, options, o.take());
  world.run_until_idle();
  auto b = held.take();
  CHECK(b.call(0).id() == 77);
  CHECK(b.call(0).priority() == catena::priority::high);
  CHECK(b.call(0).deadline() == options.deadline);
  CHECK(b.is_wanted(0));
  b.answer(0, 1);
  b.done();
  world.run_until_idle();
  CHECK(o.count() == 1);
}

TEST_CASE("model_options that are out of range are refused with the member's name") {
  manual_world world;
  const auto rt = world.runtime();
  const auto fault = [&](const catena::model_options& options) -> std::string {
    try {
      (void)make_model<int, int>(rt, options, batch_doubled);
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "none";
  };
  CHECK(fault({.name = ""}) == "model_options::name must not be empty");
  CHECK_THAT(fault({.name = "a/b"}), ContainsSubstring("model_options::name must have no '/'"));
  CHECK(fault({.name = "a", .version = ""}) == "model_options::version must not be empty");
  CHECK(fault({.name = "a", .instances = 0}) == "model_options::instances must be 1 to 1024, is 0");
  CHECK(fault({.name = "a", .batch = {.max_size = 0}}) == "batch_options::max_size must be 1 to 65536, is 0");
}

TEST_CASE("a chain cannot use a model of another runtime") {
  manual_world world;
  const auto rt = world.runtime();
  const auto other = world.runtime();
  const auto m = make_model<int, int>(other, {.name = "double"}, batch_doubled);
  CHECK_THROWS_WITH(catena::make_chain<int>(rt, "c", [&](auto in) { return in >> stage("s", m); }),
                    ContainsSubstring("stage 's': model 'double' belongs to another runtime"));
}
