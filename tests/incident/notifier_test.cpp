// SPDX-License-Identifier: BSL-1.0
/// \file
/// Sinks of incidents: functions, files, dead letters.
#include <catena/incident/notifier.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/io_context.hpp>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using Catch::Matchers::ContainsSubstring;

incident some_incident(std::string path = "c/s", std::string input = "the input") {
  incident what;
  what.run = 7;
  what.tenant = 3;
  what.path = std::move(path);
  what.attempts = 2;
  what.failures = {failure(errc::timed_out, "too slow").within("s"), failure(errc::queue_full, "no place").within("s").with_attempt(2)};
  what.inputs = {std::move(input), std::nullopt};
  what.when = std::chrono::system_clock::time_point(1234567ms);
  return what;
}

struct notifier_world {
  void log(log_level, std::string_view, std::string_view text) { logged.emplace_back(text); }
  [[nodiscard]] auto noting() {
    return [this](const incident& what) { told.push_back(what); };
  }
  testing::manual_world world;
  std::vector<std::string> logged;
  runtime rt = world.runtime({.log = [this](log_level level, std::string_view who, std::string_view text) { log(level, who, text); }});
  std::vector<incident> told;
};

/// A folder of its own that goes with the test.
struct incident_folder {
  incident_folder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  incident_folder(const incident_folder&) = delete;
  incident_folder& operator=(const incident_folder&) = delete;
  ~incident_folder() { std::filesystem::remove_all(path); }
  const std::filesystem::path path = std::filesystem::temp_directory_path() / ("catena_incidents_" + std::to_string(::getpid()));
};

void check_same_incident(const incident& a, const incident& b) {
  CHECK(a.run == b.run);
  CHECK(a.tenant == b.tenant);
  CHECK(a.path == b.path);
  CHECK(a.attempts == b.attempts);
  CHECK(a.inputs == b.inputs);
  CHECK(a.when == b.when);
  REQUIRE(a.failures.size() == b.failures.size());
  for (std::size_t i = 0; i < a.failures.size(); ++i) {
    CHECK(a.failures[i].to_string() == b.failures[i].to_string());
    CHECK(a.failures[i].code() == b.failures[i].code());
    CHECK(a.failures[i].attempt() == b.failures[i].attempt());
  }
}

}  // namespace

TEST_CASE("a sink is told later, and not by who has something to tell") {
  notifier_world here;
  const notifier to({.sinks = {here.noting()}});
  to.tell(here.rt.state(), some_incident());
  CHECK(here.told.empty());
  here.world.run_until_idle();
  REQUIRE(here.told.size() == 1);
  check_same_incident(here.told[0], some_incident());
  CHECK(to.stats().told == 1);
}

TEST_CASE("of incidents that are alike one is told, and the next one says how many were not") {
  notifier_world here;
  const notifier to({.sinks = {here.noting()}, .notices = {.window = 1min}});
  for (int i = 0; i < 5; ++i) to.tell(here.rt.state(), some_incident());
  here.world.advance(1min);
  to.tell(here.rt.state(), some_incident());
  here.world.run_until_idle();
  REQUIRE(here.told.size() == 2);
  CHECK(here.told[1].suppressed_alike == 4);
  CHECK(to.stats().suppressed == 4);
}

TEST_CASE("what is parked is always told") {
  notifier_world here;
  const notifier to({.sinks = {here.noting()}, .notices = {.limit = {.refill = {.tokens = 1, .per = 1h}, .capacity = 1}}});
  incident parked = some_incident();
  parked.parked = {"token", {}};
  for (int i = 0; i < 3; ++i) to.tell(here.rt.state(), parked);
  here.world.run_until_idle();
  CHECK(here.told.size() == 3);
}

TEST_CASE("inputs go through the redactor, and are left out where it throws; dead letters have them whole") {
  notifier_world here;
  const auto redactor = [](std::string_view text) -> std::string {
    if (text == "bad") throw std::runtime_error("no");
    return std::string(text.substr(0, 3)) + "***";
  };
  std::vector<incident> dead;
  const notifier to({.sinks = {here.noting()}, .redactor = redactor, .dead_letters = {[&](const incident& what) { dead.push_back(what); }}});
  to.tell(here.rt.state(), some_incident());
  to.tell(here.rt.state(), some_incident("c/t", "bad"));
  to.bury(here.rt.state(), some_incident());
  here.world.run_until_idle();
  REQUIRE(here.told.size() == 2);
  CHECK(here.told[0].inputs == std::vector<std::optional<std::string>>{"the***", std::nullopt});
  CHECK(here.told[1].inputs == std::vector<std::optional<std::string>>{std::nullopt, std::nullopt});
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].inputs[0] == "the input");
}

TEST_CASE("a sink that throws is logged, and the others are told all the same") {
  notifier_world here;
  const notifier to({.sinks = {[](const incident&) { throw std::runtime_error("the pager is broken"); }, here.noting()}});
  to.tell(here.rt.state(), some_incident());
  here.world.run_until_idle();
  CHECK(here.told.size() == 1);
  REQUIRE(here.logged.size() == 1);
  CHECK_THAT(here.logged[0], ContainsSubstring("the pager is broken"));
  CHECK(to.stats().lost == 1);
}

TEST_CASE("no more wait for a slow sink than the options say; the others are lost, and the log says so") {
  notifier_world here;
  const notifier to({.sinks = {here.noting()}, .dead_letters = {here.noting()}, .capacity = 3});
  for (int i = 0; i < 10; ++i) to.bury(here.rt.state(), some_incident());
  here.world.run_until_idle();
  CHECK(here.told.size() == 3);
  CHECK(to.stats().lost == 7);
  CHECK(here.logged.size() == 7);
}

TEST_CASE("a notifier outlives the executor of one runtime and serves another") {
  const auto told = std::make_shared<std::vector<incident>>();
  const notifier to({.sinks = {[told](const incident& what) { told->push_back(what); }}, .notices = {.window = 0s}});
  {
    testing::manual_world gone;
    auto rt = gone.runtime();
    to.tell(rt.state(), some_incident());
  }
  CHECK(told->empty());
  testing::manual_world world;
  auto rt = world.runtime();
  to.tell(rt.state(), some_incident());
  world.run_until_idle();
  CHECK(told->size() == 1);
}

TEST_CASE("what is told when the executor is gone is lost, and the notifier serves others") {
  int told = 0;
  const notifier to({.sinks = {[&](const incident&) { ++told; }}, .notices = {.window = 0s}});
  auto gone = std::make_unique<boost::asio::io_context>();
  const runtime late(gone->get_executor());
  gone.reset();
  to.tell(late.state(), some_incident());
  CHECK(to.stats().lost == 1);
  CHECK(to.stats().waiting == 0);
  boost::asio::io_context there;
  const runtime rt(there.get_executor());
  to.tell(rt.state(), some_incident());
  there.run();
  CHECK(told == 1);
}

TEST_CASE("options of a notifier that are out of range are named") {
  const auto nobody = [](const incident&) {};
  CHECK_THROWS_WITH(notifier({}), ContainsSubstring("notifier_options::sinks"));
  CHECK_THROWS_WITH(notifier({.sinks = {nobody}, .capacity = 0}), ContainsSubstring("notifier_options::capacity"));
  CHECK_THROWS_WITH(notifier({.sinks = {nobody}, .notices = {.window = -1s}}), ContainsSubstring("notice_options::window"));
  CHECK_THROWS_WITH(notifier({.sinks = {std::function<void(const incident&)>()}}), ContainsSubstring("empty"));
  CHECK_THROWS_WITH(json_lines_file("x", {.max_bytes = 0}), ContainsSubstring("json_lines_options::max_bytes"));
  CHECK_THROWS_WITH(json_lines_file(""), ContainsSubstring("path"));
}

TEST_CASE("dead letters are written to a file and read back to the byte, whatever bytes an input has") {
  notifier_world here;
  const incident_folder folder;
  const auto path = folder.path / "dead.jsonl";
  const notifier to({.dead_letters = {json_lines_file(path.string())}});
  const std::string bytes("\xff\x00 no UTF-8 \n\"", 14);
  incident odd = some_incident("c/caf\xc3\xa9", bytes);
  odd.failures.back() = failure(make_error_code(boost::system::errc::connection_refused), "broken \xff message");
  odd.suppressed = 5;
  to.bury(here.rt.state(), some_incident());
  to.bury(here.rt.state(), odd);
  here.world.run_until_idle();
  const auto read = read_dead_letters(path);
  CHECK(read.unreadable == 0);
  REQUIRE(read.letters.size() == 2);
  check_same_incident(read.letters[0], some_incident());
  CHECK(read.letters[1].inputs[0] == bytes);
  CHECK(read.letters[1].path == odd.path);
  CHECK(read.letters[1].suppressed == 5);
  CHECK(read.letters[1].failures.back().code() == odd.failures.back().code());
  CHECK_THAT(read.letters[1].failures.back().message(), ContainsSubstring(" message"));
}

TEST_CASE("a code of another library comes back as a failed stage whose message names it") {
  struct odd_category final : boost::system::error_category {
    const char* name() const noexcept override { return "odd"; }
    std::string message(int) const override { return "odd"; }
  };
  static const odd_category odd;
  const incident_folder folder;
  incident what = some_incident();
  what.failures = {failure(boost::system::error_code(17, odd), "text")};
  json_lines_file(folder.path / "f")(what);
  const auto read = read_dead_letters(folder.path / "f");
  REQUIRE(read.letters.size() == 1);
  CHECK(read.letters[0].failures[0].is(errc::stage_failed));
  CHECK(read.letters[0].failures[0].message() == "text (odd:17)");
}

TEST_CASE("a line that was cut off, or is none, is counted and disturbs no other") {
  const incident_folder folder;
  const auto path = folder.path / "f";
  json_lines_file first(path);
  first(some_incident());
  std::ofstream(path, std::ios::app) << "no json\n{\"run\": 1}\n" << to_json(some_incident()).substr(0, 30);
  json_lines_file second(path);
  second(some_incident());
  const auto read = read_dead_letters(path);
  CHECK(read.letters.size() == 2);
  CHECK(read.unreadable == 3);
}

TEST_CASE("a line whose time no clock can show is none") {
  const incident_folder folder;
  const auto path = folder.path / "f";
  for (const char* when : {"9223372036854775807", "-9223372036854775807", "9223372036855", "-9223372036855"}) {
    std::string line = to_json(some_incident());
    line.replace(line.find("1234567"), 7, when);
    std::ofstream(path, std::ios::app) << line << '\n';
  }
  const auto read = read_dead_letters(path);
  CHECK(read.letters.empty());
  CHECK(read.unreadable == 4);
}

TEST_CASE("a file that has grown to its length is kept beside, and a new one begun") {
  const incident_folder folder;
  const auto path = folder.path / "f";
  const auto line = to_json(some_incident()).size() + 1;
  const json_lines_file file(path, {.max_bytes = 3 * line});
  for (int i = 0; i < 8; ++i) file(some_incident());
  CHECK(std::filesystem::file_size(path) == 2 * line);
  CHECK(std::filesystem::file_size(path.string() + ".1") == 3 * line);
}

TEST_CASE("a disk that is full or a file that cannot be written loses incidents, and the log says so") {
  notifier_world here;
  const incident_folder folder;
  const notifier to({.sinks = {json_lines_file("/dev/full"), json_lines_file(folder.path / "none" / "f"), here.noting()}});
  to.tell(here.rt.state(), some_incident());
  here.world.run_until_idle();
  CHECK(here.told.size() == 1);
  CHECK(to.stats().lost == 2);
  REQUIRE(here.logged.size() == 2);
  CHECK_THAT(here.logged[0], ContainsSubstring("cannot write to /dev/full"));
  CHECK_THAT(here.logged[1], ContainsSubstring("cannot open"));
  CHECK_THROWS_AS(read_dead_letters(folder.path / "none"), std::system_error);
}
