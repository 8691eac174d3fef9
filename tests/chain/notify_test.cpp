// SPDX-License-Identifier: BSL-1.0
/// \file
/// .notify: who is told of a stage that failed, when, and of what.
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/faults.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace notify_testing {

/// An input that may be told.
struct amount {
  int cents = 0;
};
inline std::string incident_text(const amount& a) { return std::to_string(a.cents); }
/// One whose text throws.
struct shy {
  int value = 0;
};
inline std::string incident_text(const shy&) { throw std::runtime_error("no"); }

}  // namespace notify_testing

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace catena;
using notify_testing::amount;
using input_texts = std::vector<std::optional<std::string>>;

struct notify_world {
  /// A function of anything that fails with these, one after the other, and answers 1 when there are no more.
  [[nodiscard]] static auto failing(std::vector<failure> with) {
    return [left = std::make_shared<std::deque<failure>>(with.begin(), with.end())](const auto&...) -> result<int> {
      if (left->empty()) return 1;
      failure why = left->front();
      left->pop_front();
      return why;
    };
  }
  [[nodiscard]] auto sleeping(duration d) const {
    return [rt = rt, d](call, const amount&) -> asio::awaitable<int> {
      co_await rt.async_wait_until(rt.now() + d, asio::use_awaitable);
      throw std::runtime_error("late");
    };
  }
  template <class In, class Stage>
  [[nodiscard]] chain<In, int> one(Stage s) const {
    return make_chain<In>(rt, "c", [&](auto in) { return in >> std::move(s); });
  }
  template <class In>
  test::outcome<int>& begin(const chain<In, int>& c, In in, run_options options = {}) {
    auto& end = ends.emplace_back();
    c.async_run(in, options, end.take());
    return end;
  }
  template <class In, class Stage>
  test::outcome<int>& run(Stage s, In in = {}, run_options options = {}) {
    auto& end = begin(one<In>(std::move(s)), in, options);
    world.run();
    return end;
  }

  testing::manual_world world;
  runtime rt = world.runtime();
  std::deque<test::outcome<int>> ends;
  std::vector<incident> told;
  std::vector<incident> dead;
  notifier us{{.sinks = {[this](const incident& what) { told.push_back(what); }}, .notices = {.window = 0s}}};
  notifier undertaker{{.dead_letters = {[this](const incident& what) { dead.push_back(what); }}}};
};

}  // namespace

TEST_CASE("a person is told once when a stage has failed for good: run, path, attempts, errors, input") {
  notify_world here;
  const failure why(errc::expired, "no");
  auto& end = here.run<amount>(stage("s", here.failing({why, why, why, why})).retry({.retries = 2}).notify(here.us), amount{250}, {.tenant = 4, .id = 99});
  CHECK(end.why().is(errc::expired));
  CHECK(end.path() == "c/s");
  REQUIRE(here.told.size() == 1);
  const incident& what = here.told[0];
  CHECK(what.run == 99);
  CHECK(what.tenant == 4);
  CHECK(what.path == "c/s");
  CHECK(what.attempts == 3);
  REQUIRE(what.failures.size() == 1);
  CHECK(what.failures[0].to_string() == end.why().to_string());
  CHECK(what.inputs == input_texts{"250"});
  CHECK_FALSE(what.parked);
}

TEST_CASE("nobody is told of a stage that answers, at last or by a fallback") {
  notify_world here;
  CHECK(here.run<int>(stage("s", here.failing({})).notify(here.us)).value() == 1);
  CHECK(here.run<int>(stage("s", here.failing({errc::expired})).retry().notify(here.us)).value() == 1);
  CHECK(here.run<int>(stage("s", here.failing({errc::expired})).notify(here.us).fallback([](int) { return 2; })).value() == 2);
  CHECK(here.told.empty());
}

TEST_CASE("when all fallbacks have failed as well, the errors of all of them are told, whatever was said first") {
  notify_world here;
  auto& end = here.run<int>(stage("s", here.failing({failure(errc::expired, "a")}))
                                .notify(here.us)
                                .timeout(1s)
                                .fallback(here.failing({failure(errc::queue_full, "b")}))
                                .on(here.world.get_executor())
                                .fallback(here.failing({failure(errc::unavailable, "c")})));
  CHECK(end.why().is(errc::unavailable));
  REQUIRE(here.told.size() == 1);
  REQUIRE(here.told[0].failures.size() == 3);
  CHECK(here.told[0].failures[0].to_string() == failure(errc::expired, "a").within("c/s").to_string());
  CHECK(here.told[0].failures[1].is(errc::queue_full));
  CHECK(here.told[0].failures[2].is(errc::unavailable));
}

TEST_CASE("failures are told on a condition, and told if it throws") {
  notify_world here;
  const auto full_ones = [](const failure& why) {
    if (why.is(errc::stage_failed)) throw std::runtime_error("what?");
    return why.is(errc::queue_full);
  };
  for (const errc code : {errc::expired, errc::queue_full, errc::stage_failed})
    here.run<int>(stage("s", here.failing({code})).notify(here.us, {.when = full_ones}));
  REQUIRE(here.told.size() == 2);
  CHECK(here.told[0].failures[0].is(errc::queue_full));
  CHECK(here.told[1].failures[0].is(errc::stage_failed));
}

TEST_CASE("nobody is told of a run that is cancelled or has no time left") {
  notify_world here;
  asio::cancellation_signal signal;
  auto& end = here.ends.emplace_back();
  const auto c = here.one<amount>(stage("s", here.sleeping(10ms)).notify(here.us));
  c.async_run(amount{}, asio::bind_cancellation_slot(signal.slot(), end.take()));
  here.world.advance(1ms);
  signal.emit(asio::cancellation_type::terminal);
  here.world.run();
  CHECK(end.why().is(errc::cancelled));
  auto& late = here.begin(c, amount{}, {.deadline = here.world.now() + 2ms});
  here.world.run();
  CHECK(late.why().is(errc::deadline_exceeded));
  CHECK(here.told.empty());
  auto& timed_out = here.run<amount>(stage("s", here.sleeping(10ms)).timeout(2ms).notify(here.us));
  CHECK(timed_out.why().is(errc::timed_out));
  CHECK(here.told.size() == 1);
}

TEST_CASE("nobody is told of a stage whose sibling failed") {
  notify_world here;
  const auto c = make_chain<amount>(here.rt, "c", [&](auto in) {
    auto a = in >> stage("a", here.sleeping(10ms)).notify(here.us);
    auto b = in >> stage("b", here.failing({errc::expired})).notify(here.us);
    return join(a, b) >> stage("sum", [](int x, int y) { return x + y; });
  });
  here.begin(c, amount{});
  here.world.run();
  REQUIRE(here.told.size() == 1);
  CHECK(here.told[0].path == "c/b");
}

TEST_CASE("the path leads from the outermost chain to the stage, through items and branches") {
  notify_world here;
  const auto inner = make_chain<int>(here.rt, "inner", [&](auto in) {
    return in >> branch("way", [](const int&) { return true; }, stage("deep", here.failing({errc::expired, errc::expired})).notify(here.us),
                        stage("other", [](int i) { return i; }));
  });
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    return in >> stage("split", [](int) { return std::vector<int>(3); }) >> each("all", stage("nested", inner), 1)
              >> stage("sum", [](const std::vector<int>& all) { return static_cast<int>(all.size()); });
  });
  auto& end = here.begin(c, 0);
  here.world.run();
  REQUIRE(here.told.size() == 1);
  CHECK(here.told[0].path == "c/all[0]/nested/way/deep");
  CHECK(here.told[0].failures[0].path() == end.path());
}

TEST_CASE("an input is told only if its type has opted in, and its text does not throw") {
  notify_world here;
  const auto c = make_chain<int>(here.rt, "c", [&](auto in) {
    auto a = in >> stage("a", [](int i) { return amount{i}; });
    auto b = in >> stage("b", [](int i) { return notify_testing::shy{i}; });
    return join(in, a, b) >> stage("s", here.failing({errc::expired})).notify(here.us);
  });
  here.begin(c, 5);
  here.world.run();
  REQUIRE(here.told.size() == 1);
  CHECK(here.told[0].inputs == input_texts{std::nullopt, "5", std::nullopt});
}

TEST_CASE("a stage that wants to move its input cannot be told of") {
  notify_world here;
  const auto faults = test::faults_when(
      [&] { return here.one<std::string>(stage("s", [](std::string&&) { return 1; }).notify(here.us)); });
  REQUIRE(faults.size() == 1);
  CHECK(faults[0] == "stage 's' wants to move what its other part may still need: let both take a const reference");
}

TEST_CASE("a failed run is kept as a dead letter, with its input, and replayed from there") {
  notify_world here;
  const auto file = std::filesystem::temp_directory_path() / "catena_notify_test_dead.jsonl";
  std::filesystem::remove(file);
  const notifier to({.redactor = [](std::string_view) { return std::string("***"); }, .dead_letters = {json_lines_file(file.string())}});
  const auto c = here.one<amount>(stage("s", here.failing({errc::expired, errc::queue_full})).notify(to));
  for (const int cents : {17, 18}) CHECK_FALSE(here.begin(c, amount{cents}).answered());
  here.world.run();
  const auto read = read_dead_letters(file.string());
  std::filesystem::remove(file);
  REQUIRE(read.letters.size() == 2);
  CHECK(read.letters[1].failures[0].is(errc::queue_full));
  for (const incident& letter : read.letters) CHECK(here.begin(c, amount{std::atoi(letter.inputs.at(0)->c_str())}).count() == 0);
  here.world.run();
  CHECK(read.letters[0].inputs == input_texts{"17"});
  CHECK(here.ends[2].value() == 1);
  CHECK(here.ends[3].value() == 1);
}

TEST_CASE("every failed run is a dead letter, also those of which nobody is told because they are too many") {
  notify_world here;
  const notifier to({.sinks = {[&](const incident& what) { here.told.push_back(what); }},
                     .dead_letters = {[&](const incident& what) { here.dead.push_back(what); }}});
  const auto c = here.one<amount>(stage("s", [](const amount&) -> result<int> { return errc::expired; }).notify(to));
  for (int i = 0; i < 20; ++i) here.begin(c, amount{i});
  here.world.run();
  CHECK(here.told.size() == 1);
  CHECK(here.dead.size() == 20);
}
