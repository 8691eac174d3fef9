// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "http/support/served_world.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using test::asking;
using test::raw_client;
using test::served_world;
using test::status_of;
using test::told;
using test::with_token;
namespace server = http::server;

namespace {

/// Answers with what it was asked.
std::vector<server::route> echoing() {
  return {{"GET", "/", server::at_once([](const server::request& r) { return server::answer{.body = "<" + std::string(r.query()) + ">"}; })},
          {"POST", "/in", server::at_once([](const server::request& r) { return server::answer{.body = "<" + r.body + ">"}; })}};
}

std::string getting(const std::string& query = "", const std::string& fields = "") { return asking{.line = "GET /" + query, .fields = fields}.text(); }
std::string posting(const std::string& body, const std::string& fields = "") { return asking{.line = "POST /in", .fields = with_token + fields, .body = body}.text(); }

}  // namespace

TEST_CASE("a connection is asked again and again, and answers in order also what was asked before the last answer") {
  for (const std::size_t most_at_once : {1, 7, 65536}) {
    served_world w(echoing(), {}, {.most_at_once = most_at_once});
    raw_client& c = w.connect();
    c.say(getting("?a"));
    w.world.run_until_idle();
    CHECK(told(c.take()) == "200<a>");
    c.say(getting("?b") + posting("hello") + getting("nowhere") + getting("?c"));
    w.world.run_until_idle();
    CHECK(told(c.take()) == "200<b> 200<hello> 404 200<c>");
    c.say_byte_by_byte(posting("world") + getting("?d"));
    w.world.run_until_idle();
    CHECK(told(c.take()) == "200<world> 200<d>");
    CHECK_FALSE(c.ended());
    CHECK(w.server->connection_count() == 1);
    c.say(getting("?e", "Connection: close\r\n") + getting("?f"));
    w.world.run_until_idle();
    CHECK_THAT(c.received(), Catch::Matchers::ContainsSubstring("\r\nConnection: close\r\n"));
    CHECK(told(c.take()) == "200<e>");
    CHECK(c.ended());
    c.hang_up();
    w.world.run_until_idle();
    CHECK(w.server->connection_count() == 0);
  }
}

TEST_CASE("HEAD is answered like GET, but for the body") {
  served_world w(echoing());
  const std::string with = w.ask({.line = "GET /?a"}), without = w.ask({.line = "HEAD /?a"});
  CHECK(with == without + "<a>");
  CHECK_THAT(without, Catch::Matchers::ContainsSubstring("Content-Length: 3\r\n"));
  CHECK_THAT(w.ask({.line = "HEAD /nowhere"}), Catch::Matchers::EndsWith("\r\n\r\n"));
}

TEST_CASE("who waits to be told before it sends a body is told") {
  served_world w(echoing());
  raw_client& c = w.connect();
  c.say(posting("hello", "Expect: 100-continue\r\n").substr(0, posting("hello", "Expect: 100-continue\r\n").size() - 5));
  w.world.run_until_idle();
  CHECK(c.take() == "HTTP/1.1 100 Continue\r\n\r\n");
  c.say("hello");
  w.world.run_until_idle();
  CHECK(told(c.take()) == "200<hello>");
}

TEST_CASE("an answer that comes later keeps what is asked behind it waiting, and no other connection") {
  test::late_answers late;
  served_world w(late.routes());
  raw_client& c = w.connect();
  c.say(asking{.line = "GET /later"}.text() + getting());
  w.world.advance(1h);
  CHECK(c.received().empty());
  CHECK(told(w.ask({})) == "200<now>");
  REQUIRE(late.waiting.size() == 1);
  late.answer_next("<late>");
  w.world.run_until_idle();
  CHECK(told(c.take()) == "200<late> 200<now>");
}

TEST_CASE("a handler that throws or forgets to answer is answered for, and the connection stays") {
  std::string logged;
  served_world w(runtime_options{.log = [&](log_level, std::string_view who, std::string_view text) { logged += std::string(who) + ": " + std::string(text) + "\n"; }});
  w.serve({{"GET", "/throws", [](const server::request&, server::reply) { throw std::runtime_error("out of order"); }}, {"GET", "/forgets", [](const server::request&, server::reply) {}}},
          {}, test::rules_of_tests());
  raw_client& c = w.connect();
  c.say(asking{.line = "GET /throws"}.text() + asking{.line = "GET /forgets"}.text() + asking{.line = "GET /nowhere"}.text());
  w.world.run_until_idle();
  CHECK(told(c.received()) == "500 500 404");
  CHECK(c.received().find("out of order") == std::string::npos);
  CHECK(logged == "operator_endpoint: GET /throws: out of order\n");
}

TEST_CASE("a head, a body and an answer that is not taken have their time, and so has a connection that is not asked") {
  const server::server_bounds bounds{.request_time = 10s, .idle_time = 60s};
  const std::string slow = posting("hello");
  const std::string head = slow.substr(0, slow.size() - 5);
  struct row {
    const char* name;
    std::vector<std::pair<std::string, duration>> says;  ///< and how long it is silent then
    std::string told;
    duration ends;  ///< from the start
  };
  for (const row& r : {row{"says nothing", {}, "", 60s},
                       row{"begins, and stops", {{"GET", 1h}}, "408", 10s},
                       row{"begins late", {{"", 59s}, {"GET", 1h}}, "408", 69s},
                       row{"stops behind its first line", {{"GET / HTTP/1.1\r\n", 1h}}, "408", 10s},
                       row{"drips", {{"G", 4s}, {"E", 4s}, {"T", 4s}, {" ", 4s}}, "408", 10s},
                       row{"stops in its body", {{head.substr(0, 20), 9s}, {head.substr(20) + "he", 1h}}, "408", 19s},
                       row{"drips its body", {{head, 4s}, {"h", 4s}, {"e", 4s}, {"l", 4s}}, "408", 10s},
                       row{"is slow, but not too slow", {{head.substr(0, 20), 9s}, {head.substr(20), 9s}, {"hello", 1h}}, "200<hello>", 78s},
                       row{"stops between two", {{getting("?a"), 1h}}, "200<a>", 60s},
                       row{"stops in the second", {{getting("?a") + "GET", 1h}}, "200<a> 408", 10s}}) {
    INFO(r.name);
    served_world w(echoing(), bounds);
    raw_client& c = w.connect();
    const time_point start = w.world.now();
    for (const auto& [text, silence] : r.says) {
      if (c.ended()) break;
      c.say(text);
      const time_point until = w.world.now() + silence;
      while (w.world.now() < until && !c.ended()) w.world.advance(std::min<duration>(until - w.world.now(), 1s));
    }
    while (!c.ended()) w.world.advance(1s);
    CHECK(told(c.received()) == r.told);
    CHECK(w.world.now() - start == r.ends);
    w.world.advance(2s);  // it waits a little for the other end to close, too
    CHECK(w.server->connection_count() == 0);
  }
}

TEST_CASE("an answer that nobody takes is given up") {
  served_world w({{"GET", "/", server::at_once([](const server::request&) { return server::answer{.body = std::string(1 << 20, 'x')}; })}}, {.request_time = 10s});
  raw_client& c = w.connect();
  c.stop_reading();
  c.say(getting());
  w.world.advance(9s);
  CHECK(w.server->connection_count() == 1);
  w.world.advance(1s);
  CHECK(w.server->connection_count() == 0);
  CHECK(c.received().size() < 70000);
}

TEST_CASE("one connection more than there may be takes the place of the one that was idle for longest, or is told that there is none") {
  test::late_answers late;
  served_world w(late.routes(), {.most_connections = 3});
  std::vector<raw_client*> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(&w.connect());
    w.world.advance(1s);
  }
  all[0]->say(getting());
  w.world.advance(1s);
  CHECK(told(w.ask({})) == "200<now>");
  CHECK_FALSE(all[0]->ended());
  CHECK(all[1]->ended());
  CHECK_FALSE(all[2]->ended());
  CHECK(w.server->connection_count() == 3);

  for (int i = 0; i < 3; ++i) w.connect().say(asking{.line = "GET /later"}.text());
  w.world.run_until_idle();
  CHECK(w.server->connection_count() == 3);
  CHECK(late.waiting.size() == 3);
  std::vector<raw_client*> refused;
  for (int i = 0; i < 40; ++i) refused.push_back(&w.connect());
  w.world.run_until_idle();
  CHECK(w.server->connection_count() == 3 + 16);
  CHECK(std::ranges::count_if(refused, [](raw_client* c) { return status_of(c->received()) == 503 && c->ended(); }) == 16);
  CHECK(std::ranges::count_if(refused, [](raw_client* c) { return c->received().empty() && c->ended(); }) == 24);
  w.world.advance(2s);
  CHECK(w.server->connection_count() == 3);
  late.waiting.clear();
  CHECK(told(w.ask({})) == "200<now>");
}

TEST_CASE("a thousand idle connections are as many as may be, and one that asks is answered all the same") {
  served_world w(echoing(), {.most_connections = 1000});
  for (int i = 0; i < 1200; ++i) w.connect();
  w.world.run_until_idle();
  CHECK(w.server->connection_count() == 1000);
  CHECK(told(w.ask({.line = "GET /?x"})) == "200<x>");
  CHECK(w.server->connection_count() == 1000);
  w.world.advance(61s);
  CHECK(w.server->connection_count() == 0);
}

TEST_CASE("a server that is closed ends what is idle, answers what was asked, and waits no longer than it may") {
  test::late_answers late;
  served_world w(late.routes(), {.closing_time = 2s});
  raw_client &idle = w.connect(), &slow = w.connect(), &slower = w.connect(), &begun = w.connect();
  slow.say(asking{.line = "GET /later"}.text() + getting());
  slower.say(asking{.line = "GET /later"}.text());
  begun.say("GET / HTTP/1.1\r\n");
  w.world.run_until_idle();
  w.server->close();
  w.world.run_until_idle();
  CHECK(idle.ended());
  w.world.advance(1s);
  begun.say("Host: localhost\r\n\r\n");
  late.answer_next("<late>");
  w.world.run_until_idle();
  CHECK(told(slow.received()) == "200<late>");
  CHECK(told(begun.received()) == "200<now>");
  CHECK_THAT(slow.received(), Catch::Matchers::ContainsSubstring("Connection: close\r\n"));
  CHECK(slow.ended());
  raw_client& late_comer = w.connect();
  w.world.run_until_idle();
  CHECK(late_comer.ended());
  CHECK_FALSE(slower.ended());
  w.world.advance(1s);
  CHECK(slower.ended());
  CHECK(w.server->connection_count() == 0);
  late.answer_next("<too late>");
  w.world.run_until_idle();
  CHECK(slower.received().empty());
}

TEST_CASE("a server that is closed keeps its executor no longer than its connections last") {
  served_world w(echoing(), {.closing_time = 1h});
  raw_client& c = w.connect();
  c.say(getting("", "Connection: close\r\n"));
  w.world.run_until_idle();
  c.hang_up();
  w.server->close();
  w.world.run_until_idle();
  CHECK(w.world.context().outstanding_work_count() == 0);
}
