// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
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
using catena::test::held_batches;
using catena::test::outcome;
using catena::testing::manual_world;

/// On the heap, where ASan sees it leak or die twice.
std::string model_text(int i) { return "a text that is longer than what fits into a string: " + std::to_string(i); }

using text_model = catena::model<std::string, std::string>;

/// Everything that a service owns, each part of which may go first.
struct service {
  explicit service(std::uint64_t seed) : world(seed) {
    rt.emplace(world.runtime());
    quick.emplace(make_model<std::string, std::string>(
        *rt, {.name = "quick", .batch = {.max_size = 2, .max_delay = 1ms}, .instances = 2}, [](batch<std::string, std::string>& b) {
          for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i) + "!");
        }));
    slow.emplace(make_model<std::string, std::string>(*rt, {.name = "slow", .batch = {.max_size = 2}}, held.instance()));
    chain.emplace(catena::make_chain<std::string>(*rt, "c", [&](auto in) {
      auto a = in >> stage("a", *quick);
      auto b = in >> stage("first", *quick) >> stage("b", *slow) >> stage("more", [](const std::string& s) { return s + "?"; });
      return join(a, b) >> stage("both", [](const std::string& x, const std::string& y) { return x + y; });
    }));
  }
  void ask() {
    for (int i = 0; i < 3; ++i) chain->async_run(model_text(i), o[static_cast<std::size_t>(i)].take());
    slow->async_run(model_text(3), catena::run_options{.deadline = world.now() + 2ms}, o[3].take());
  }
  /// The next thing that happens; false if nothing does.
  bool step() {
    if (world.step_in_time()) return true;
    if (held.all.empty()) return false;
    auto b = held.take();
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i));
    return true;
  }
  void destroy(int part) {
    switch (part) {
      case 0: world.destroy_executor(); break;
      case 1: chain.reset(); break;
      case 2: quick.reset(), slow.reset(); break;
      case 3: rt.reset(); break;
      default: held.all.clear(); break;
    }
  }
  [[nodiscard]] int completions() const {
    int count = 0;
    for (const auto& one : o) count += one.count();
    return count;
  }

  std::array<outcome<std::string>, 4> o;
  held_batches<std::string, std::string> held;
  manual_world world;
  std::optional<catena::runtime> rt;
  std::optional<text_model> quick;
  std::optional<text_model> slow;
  std::optional<catena::chain<std::string, std::string>> chain;
};

int count_service_steps(std::uint64_t seed) {
  service s(seed);
  s.ask();
  int steps = 0;
  while (s.step()) ++steps;
  for (const auto& one : s.o) CHECK(one.count() == 1);
  return steps;
}

}  // namespace

TEST_CASE("models, chains, runtime, executor and batches may be destroyed in any order at any step") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const int steps = count_service_steps(seed);
    REQUIRE(steps > 10);
    for (int k = 0; k <= steps; ++k) {
      std::array<int, 5> order{0, 1, 2, 3, 4};
      do {
        service s(seed);
        s.ask();
        for (int i = 0; i < k; ++i) (void)s.step();
        const int before = s.completions();
        for (const int part : order) s.destroy(part);
        REQUIRE(s.completions() == before);
      } while (std::next_permutation(order.begin(), order.end()));
    }
  }
}

TEST_CASE("a run of models that is cancelled at any step ends exactly once") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const int steps = count_service_steps(seed);
    for (int k = 0; k <= steps; ++k) {
      service s(seed);
      outcome<std::string> o;
      asio::cancellation_signal signal;
      s.chain->async_run(model_text(9), asio::bind_cancellation_slot(signal.slot(), o.take()));
      s.ask();
      for (int i = 0; i < k; ++i) (void)s.step();
      asio::post(s.world.get_executor(), [&] { signal.emit(asio::cancellation_type::terminal); });
      while (s.step()) {
      }
      REQUIRE(o.count() == 1);
      REQUIRE((o.answered() || o.why().is(errc::cancelled)));
      REQUIRE(s.completions() == 4);
    }
  }
}

TEST_CASE("a run of models whose deadline passes at any moment ends exactly once") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (int us = 0; us < 3000; us += 250) {
      service s(seed);
      outcome<std::string> o;
      s.chain->async_run(model_text(9), catena::run_options{.deadline = s.world.now() + us * 1us}, o.take());
      s.ask();
      while (s.step()) {
      }
      REQUIRE(o.count() == 1);
      REQUIRE((o.answered() || o.why().is(errc::deadline_exceeded)));
    }
  }
}

TEST_CASE("the input of a cancelled request stays until its row has been answered") {
  service s(1);
  asio::cancellation_signal signal;
  outcome<std::string> o;
  s.slow->async_run(model_text(1), asio::bind_cancellation_slot(signal.slot(), o.take()));
  s.world.run_until_idle();
  auto b = s.held.take();
  signal.emit(asio::cancellation_type::terminal);
  s.world.run();
  CHECK(o.why().is(errc::cancelled));
  s.slow.reset();
  s.world.destroy_executor();
  CHECK(b.input(0) == model_text(1));
  b.answer(0, "late");
}

TEST_CASE("a model computes on compute threads and answers on the caller's executor", "[concurrency]") {
  asio::thread_pool caller{1};
  const catena::runtime rt{caller.get_executor()};
  std::atomic<bool> computed_on_caller{false};
  const auto m = make_model<int, int>(rt, {.name = "where"}, [&](batch<int, int>& b) {
    if (caller.get_executor().running_in_this_thread()) computed_on_caller = true;
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i));
  });
  std::promise<bool> answered_on_caller;
  m.async_run(1, [&](catena::result<int>) { answered_on_caller.set_value(caller.get_executor().running_in_this_thread()); });
  CHECK(answered_on_caller.get_future().get());
  CHECK(!computed_on_caller);
  caller.join();
}

TEST_CASE("the caller's executor runs other work while a model computes", "[concurrency]") {
  asio::thread_pool caller{1};
  const catena::runtime rt{caller.get_executor()};
  std::latch other_work{1};
  const auto m = make_model<int, int>(rt, {.name = "long"}, [&](batch<int, int>& b) {
    other_work.wait();
    b.answer(0, 1);
  });
  auto answer = m.async_run(1, asio::use_future);
  asio::post(caller, [&] { other_work.count_down(); });
  CHECK(answer.get().value() == 1);
  caller.join();
}

TEST_CASE("a batch may be answered row by row by another thread", "[concurrency]") {
  asio::thread_pool caller{1};
  const catena::runtime rt{caller.get_executor()};
  std::mutex mutex;
  std::vector<std::thread> others;
  const auto m = make_model<int, int>(rt, {.name = "remote"}, [&](batch<int, int>& b) {
    std::lock_guard lock(mutex);
    others.emplace_back([later = std::move(b)]() mutable {
      for (std::size_t i = 0; i < later.size(); ++i) later.answer(i, -later.input(i));
      later.done();
    });
  });
  for (int i = 0; i < 50; ++i) CHECK(m.async_run(i, asio::use_future).get().value() == -i);
  std::lock_guard lock(mutex);
  for (auto& t : others) t.join();
  caller.join();
}

TEST_CASE("an executor may be destroyed while batches compute", "[concurrency]") {
  // A compute thread may outlive the round, and with it these two.
  struct gates {
    std::atomic<bool> computing{false};
    std::atomic<bool> destroyed{false};
    static void open(std::atomic<bool>& gate) {
      gate = true;
      gate.notify_all();
    }
  };
  for (int round = 0; round < 200; ++round) {
    const auto gate = std::make_shared<gates>();
    std::atomic<int> called{0};
    auto context = std::make_unique<asio::io_context>();
    std::optional<catena::runtime> rt(std::in_place, context->get_executor(), catena::runtime_options{.compute_thread_count = 2});
    auto m = std::make_optional(make_model<std::string, std::string>(*rt, {.name = "long"}, [gate, round](batch<std::string, std::string>& b) {
      gates::open(gate->computing);
      if (round % 2 == 0) gate->destroyed.wait(false);  // else the answers come while the executor is being destroyed
      for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i));
    }));
    for (int i = 0; i < 4; ++i) m->async_run(model_text(i), [&called](catena::result<std::string>) { ++called; });
    // An executor that the token brings is Asio's to protect: it must not be destroyed while others post to it.
    if (round % 2 == 0)
      m->async_run(model_text(4), asio::bind_executor(asio::make_strand(*context), [&called](catena::result<std::string>) { ++called; }));
    context->poll();
    gate->computing.wait(false);
    if (round % 3 == 0) m.reset();
    if (round % 5 == 0) rt.reset();
    const int before = called;
    context.reset();
    gates::open(gate->destroyed);
    CHECK(called == before);
  }
}

TEST_CASE("requests that are cancelled at random moments while threads compute end exactly once each", "[concurrency]") {
  // One thread, so that slots need no strand: TSan does not see the fence by which Asio shares a strand between threads.
  asio::thread_pool caller{1};
  constexpr int count = 3000;
  struct request {
    asio::cancellation_signal signal;
    int calls = 0;
  };
  std::vector<request> requests(count);
  std::optional<catena::runtime> rt(std::in_place, caller.get_executor(), catena::runtime_options{.compute_thread_count = 2});
  auto m = std::make_optional(make_model<std::string, std::string>(
      *rt, {.name = "busy", .batch = {.max_size = 8, .max_delay = 20us}, .queue = {.capacity = 256}, .instances = 2},
      catena::test::answering<std::string, std::string>([](const std::string& s) { return s + "!"; })));
  const auto chain = catena::make_chain<std::string>(*rt, "c", [&](auto in) { return in >> stage("a", *m) >> stage("b", *m); });
  for (int i = 0; i < count; ++i) {
    asio::post(caller, [&, i] {
      request& r = requests[static_cast<std::size_t>(i)];
      catena::run_options options;
      if (i % 3 == 0) options.deadline = chain.plan()->runtime->time->now() + std::chrono::microseconds(i % 500);
      chain.async_run(model_text(i), options,
                      asio::bind_cancellation_slot(r.signal.slot(), [&r](catena::result<std::string>) { ++r.calls; }));
      if (i % 2 == 0) requests[static_cast<std::size_t>(i / 2)].signal.emit(asio::cancellation_type::terminal);
    });
  }
  m.reset();
  rt.reset();
  caller.join();
  for (const request& r : requests) REQUIRE(r.calls == 1);
}

TEST_CASE("an executor that is destroyed may take the last handle on the batches that its models compute with it") {
  manual_world world;
  const auto rt = world.runtime();
  auto owner = std::make_shared<std::vector<batch<int, int>>>();
  const auto m = make_model<int, int>(rt, {.name = "m"}, [keep = std::weak_ptr(owner)](batch<int, int>& b) {
    keep.lock()->push_back(std::move(b));
  });
  m.async_run(1, [owner](catena::result<int>) { FAIL("called"); });
  world.run_until_idle();
  REQUIRE(owner->size() == 1);
  owner.reset();
  world.destroy_executor();
}

TEST_CASE("a model that is made when its executor is gone refuses what comes from another one") {
  std::optional<catena::runtime> rt;
  {
    asio::io_context gone;
    rt.emplace(gone.get_executor());
  }
  const auto late = make_model<int, int>(*rt, {.name = "late", .batch = {.max_size = 2, .max_delay = 1h}}, [](batch<int, int>& b) {
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i));
  });
  asio::io_context elsewhere;
  outcome<int> o;
  late.async_run(1, asio::bind_executor(elsewhere.get_executor(), o.take()));
  elsewhere.run();
  CHECK(o.why().is(errc::cancelled));
}
