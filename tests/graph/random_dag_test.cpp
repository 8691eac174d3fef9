// SPDX-License-Identifier: BSL-1.0
/// \file
/// Random DAGs against a ten-line reference: every answer right, every edge respected, every failure told once.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;

/// What one stage is: whom it takes, and how it answers.
struct dag_stage {
  enum class how : int { function, result, coroutine, sleeper, operation, away, chain, guarded, count };
  std::vector<std::size_t> inputs;  ///< stages before it; empty: the chain's input
  how kind = how::function;
  bool fails = false;
};

struct random_dag {
  std::vector<dag_stage> stages;

  random_dag(std::mt19937_64& random, std::size_t size, bool with_failure) {
    for (std::size_t i = 0; i < size; ++i) {
      dag_stage s;
      s.kind = static_cast<dag_stage::how>(random() % static_cast<int>(dag_stage::how::count));
      if (random() % 2 == 0) s.kind = dag_stage::how::function;
      for (std::size_t k = random() % 3; i > 0 && k-- > 0;) s.inputs.push_back(i - 1 - random() % std::min<std::size_t>(i, 6));
      stages.push_back(std::move(s));
    }
    if (with_failure) stages[random() % size].fails = true;
  }

  [[nodiscard]] static long mix(std::size_t i, long a, long b) { return (a * 31 + b * 17 + static_cast<long>(i)) % 1'000'003; }

  /// The reference: what the sum of all values is, failures aside.
  [[nodiscard]] long evaluate(long in) const {
    std::vector<long> values;
    long sum = 0;
    for (std::size_t i = 0; i < stages.size(); ++i) {
      const auto& from = stages[i].inputs;
      values.push_back(mix(i, from.empty() ? in : values[from[0]], from.size() < 2 ? 0 : values[from[1]]));
      sum += values.back();
    }
    return sum;
  }
};

/// What a run carries along an edge: on the heap, so that a stale or doubled one is seen.
using boxed = std::shared_ptr<const long>;

/// Counts how often each stage has run and whether its inputs were there.
struct witness {
  explicit witness(std::size_t size) : ran(size) {}
  std::vector<std::atomic<int>> ran;
  std::atomic<bool> broken{false};
};

class dag_builder {
 public:
  dag_builder(runtime rt, asio::any_io_executor other, const random_dag& dag, std::shared_ptr<witness> seen)
      : rt_(std::move(rt)), other_(std::move(other)), dag_(dag), seen_(std::move(seen)) {}

  [[nodiscard]] chain<long, long> build() const {
    return make_chain<long>(rt_, "dag", [this](auto in) {
      auto start = in >> stage("in", [](long v) { return std::make_shared<const long>(v); });
      std::vector<node<boxed>> nodes;
      for (std::size_t i = 0; i < dag_.stages.size(); ++i) {
        const auto& from = dag_.stages[i].inputs;
        nodes.push_back(add(i, from.empty() ? start : nodes[from[0]], from.size() < 2 ? start : nodes[from[1]]));
      }
      auto sum = start >> stage("zero", [](const boxed&) { return 0L; });
      for (std::size_t i = 0; i < nodes.size(); ++i)
        sum = join(sum, nodes[i]) >> stage("sum " + std::to_string(i), [](long s, const boxed& v) { return s + *v; });
      return sum;
    });
  }

 private:
  /// The work of stage i: notes that it ran, checks that its producers did.
  [[nodiscard]] auto work(std::size_t i) const {
    return [seen = seen_, from = dag_.stages[i].inputs, fails = dag_.stages[i].fails, i](const boxed& a, const boxed& b) -> result<boxed> {
      for (const std::size_t f : from)
        if (seen->ran[f].load(std::memory_order_acquire) == 0) seen->broken = true;
      seen->ran[i].fetch_add(1, std::memory_order_release);
      if (fails) return failure(errc::invalid_input, "as told");
      return std::make_shared<const long>(random_dag::mix(i, *a, from.size() < 2 ? 0 : *b));
    };
  }

  [[nodiscard]] node<boxed> add(std::size_t i, const node<boxed>& a, const node<boxed>& b) const {
    const std::string name = "stage " + std::to_string(i);
    auto f = work(i);
    auto yielding = [rt = rt_, f](const boxed& x, const boxed& y) -> asio::awaitable<result<boxed>> {
      co_await rt.async_yield(asio::use_awaitable);
      co_return f(x, y);
    };
    switch (dag_.stages[i].kind) {
      case dag_stage::how::function: return join(a, b) >> stage(name, [f](const boxed& x, const boxed& y) { return f(x, y).value(); });
      case dag_stage::how::coroutine: return join(a, b) >> stage(name, yielding);
      case dag_stage::how::sleeper:
        return join(a, b) >> stage(name, [rt = rt_, f, i](call, const boxed& x, const boxed& y) -> asio::awaitable<result<boxed>> {
                 co_await rt.async_wait_until(rt.now() + std::chrono::microseconds(i % 7 * 10), asio::use_awaitable);
                 co_return f(x, y);
               });
      case dag_stage::how::operation: {
        auto hop = join(a, b) >> stage(name + " hop", [rt = rt_](const boxed&, const boxed&, auto token) { return rt.async_yield(std::move(token)); });
        return join(a, b, hop) >> stage(name, [f](const boxed& x, const boxed& y, unit) { return f(x, y); });
      }
      case dag_stage::how::away: return join(a, b) >> stage(name, f).on(other_);
      case dag_stage::how::chain: {
        using pair = std::pair<boxed, boxed>;
        const auto inner = make_chain<pair>(rt_, "inner", [&](auto in) {
          return in >> stage("work", [yielding](const pair& p) -> asio::awaitable<result<boxed>> {
                   result<boxed> r = co_await yielding(p.first, p.second);
                   co_return r;
                 });
        });
        return join(a, b) >> stage(name + " pair", [](const boxed& x, const boxed& y) { return pair(x, y); }) >> stage(name, inner);
      }
      case dag_stage::how::guarded: return join(a, b) >> stage(name, yielding).timeout(1h).queue({.capacity = 1000, .consumers = 2});
      default: return join(a, b) >> stage(name, f);
    }
  }

  runtime rt_;
  asio::any_io_executor other_;
  const random_dag& dag_;
  std::shared_ptr<witness> seen_;
};

void check_outcome(const random_dag& dag, const witness& seen, const result<long>& answered, long in, int runs) {
  CHECK(!seen.broken);
  std::size_t failing = dag.stages.size();
  for (std::size_t i = 0; i < dag.stages.size(); ++i) {
    if (dag.stages[i].fails) failing = i;
    CHECK(seen.ran[i] <= runs);
  }
  if (failing == dag.stages.size()) {
    REQUIRE(answered);
    CHECK(*answered == dag.evaluate(in));
    return;
  }
  REQUIRE(!answered);
  CHECK(answered.error().is(errc::invalid_input));
  CHECK(answered.error().path().find("dag/stage " + std::to_string(failing)) == 0);
}

}  // namespace

TEST_CASE("a random DAG answers what its reference answers, under every order of ready work") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const random_dag dag(random, 5 + random() % 60, seed % 3 == 0);
    testing::manual_world world(seed);
    const auto seen = std::make_shared<witness>(dag.stages.size());
    const auto c = dag_builder(world.runtime(), world.get_executor(), dag, seen).build();
    test::outcome<long> first;
    test::outcome<long> second;
    c.async_run(static_cast<long>(seed), first.take());
    c.async_run(static_cast<long>(seed), second.take());
    world.run();
    REQUIRE(first.count() == 1);
    REQUIRE(second.count() == 1);
    for (auto* end : {&first, &second})
      check_outcome(dag, *seen, end->answered() ? result<long>(end->value()) : result<long>(end->why()), static_cast<long>(seed), 2);
  }
}

TEST_CASE("a random DAG answers what its reference answers on two threads", "[concurrency]") {
  asio::thread_pool pool(2);
  asio::thread_pool other(1);
  const runtime rt(pool.get_executor());
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const random_dag dag(random, 5 + random() % 60, seed % 3 == 0);
    const auto seen = std::make_shared<witness>(dag.stages.size());
    const auto c = dag_builder(rt, other.get_executor(), dag, seen).build();
    std::vector<std::future<result<long>>> answers;
    for (int i = 0; i < 4; ++i) {
      const run_options options{.deadline = i % 2 == 0 ? no_deadline : rt.now() + 1h};
      answers.push_back(c.async_run(static_cast<long>(seed), options, asio::use_future));
    }
    for (auto& answer : answers) check_outcome(dag, *seen, answer.get(), static_cast<long>(seed), 4);
  }
  pool.join();
  other.join();
}
