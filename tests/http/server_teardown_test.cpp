// SPDX-License-Identifier: BSL-1.0
/// \file
/// Servers that are closed, whose executor is destroyed and whose clients hang up, at every step; and those that speak TLS.
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "http/support/http_world.hpp"
#include "http/support/served_world.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using test::asking;
using test::raw_client;
using test::served_world;
namespace server = http::server;

namespace {

const std::string asking_now = asking{}.text(), asking_last = asking{.fields = "Connection: close\r\n"}.text();

/// Some connections, each in another state.
std::unique_ptr<served_world> busy_world(test::late_answers& late, std::uint64_t seed) {
  const server::server_bounds bounds{.request_time = 3s, .idle_time = 5s, .closing_time = 1s};
  auto w = std::make_unique<served_world>(late.routes(), bounds, http::memory_network_options{.most_at_once = 60, .capacity = 300}, test::rules_of_tests(), seed);
  w->connect();
  w->connect().say(asking_now + asking_now + asking{.line = "GET /later"}.text() + asking_now);
  w->connect().say("GET / HT");
  w->connect().say(asking{.line = "POST /in", .body = "refused"}.text());
  w->connect().say(asking_last);
  w->connect().say("no HTTP");
  return w;
}

/// Calls `then` at every step of its course.
template <class Then>
void at_every_step_of_a_server(Then then) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    for (std::size_t k = 0;; ++k) {
      INFO("seed " << seed << ", step " << k);
      test::late_answers late;
      const auto w = busy_world(late, seed);
      std::size_t steps = 0;
      while (steps < k && w->world.step_in_time()) {
        ++steps;
        if (steps == 60 && !late.waiting.empty()) late.answer_next("<late>");
      }
      then(*w, late);
      if (steps < k) break;
    }
  }
}

}  // namespace

TEST_CASE("a server can be closed at every step, and nothing of it is left then") {
  at_every_step_of_a_server([](served_world& w, test::late_answers& late) {
    w.server->close();
    w.world.advance(2s);
    CHECK(w.server->connection_count() == 0);
    late.waiting.clear();
    w.world.run();
    for (const auto& c : w.clients) CHECK(c->ended());
    const std::weak_ptr<server::http_server> watched = w.server;
    w.net.reset();
    w.server.reset();
    CHECK(watched.expired());
  });
}

TEST_CASE("a server's executor can be destroyed at every step, before and after the server is closed") {
  for (const bool closes : {false, true}) {
    at_every_step_of_a_server([closes](served_world& w, test::late_answers& late) {
      if (closes) w.server->close();
      const std::weak_ptr<server::http_server> watched = w.server;
      w.world.destroy_executor();
      CHECK(w.server->connection_count() == 0);
      w.net.reset();
      w.server.reset();
      while (!late.waiting.empty()) late.answer_next("<to nobody>");
      CHECK(watched.expired());
    });
  }
}

TEST_CASE("clients can hang up at every step") {
  at_every_step_of_a_server([](served_world& w, test::late_answers& late) {
    for (const auto& c : w.clients) c->hang_up();
    w.world.run_until_idle();
    while (!late.waiting.empty()) late.answer_next("<to nobody>");
    w.world.run_until_idle();
    w.world.advance(10s);
    CHECK(w.server->connection_count() == 0);
  });
}

namespace {

/// A server that speaks TLS, whom our own client asks.
struct secure_world : served_world {
  explicit secure_world(test::late_answers& late, std::uint64_t seed = 1) : served_world(late.routes(), {}, {.most_at_once = 900}, test::rules_of_tests(), seed) {
    auto rules = test::rules_of_tests();
    rules.is_secure = true;
    serve(late.routes(), {.request_time = 3s, .closing_time = 1s}, rules, test::localhost());
    http::client_options options;
    options.network = net;
    options.ca_file = test::the_authority().ca_file();
    client.emplace(*rt, options);
  }
  test::outcome<http::response>& begin(const std::string& path) {
    auto& end = ends.emplace_back();
    client->async_send({"GET", http::url::parse("https://localhost:80" + path).value()}, {}, end.take());
    return end;
  }
  std::deque<test::outcome<http::response>> ends;
  std::optional<http::client> client;
};

}  // namespace

TEST_CASE("a server that speaks TLS answers over kept connections, and gives up who does not shake hands") {
  test::late_answers late;
  secure_world w(late);
  for (int i = 0; i < 3; ++i) {
    auto& end = w.begin("/");
    w.world.run_until_idle();
    REQUIRE(end.answered());
    CHECK(end.value().body == "<now>");
  }
  CHECK(w.server->connection_count() == 1);
  raw_client &silent = w.connect(), &plain = w.connect();
  plain.say(asking_now);
  w.world.run_until_idle();
  CHECK(plain.ended());
  CHECK(test::told(plain.take()).find("200") == std::string::npos);
  w.world.advance(2s);
  CHECK_FALSE(silent.ended());
  w.world.advance(1s);
  CHECK(silent.ended());
}

TEST_CASE("a server that speaks TLS can be closed, or its executor destroyed, at every step") {
  for (const bool closes : {true, false}) {
    for (std::size_t k = 0;; k += 1) {
      INFO((closes ? "closed" : "destroyed") << " at step " << k);
      test::late_answers late;
      secure_world w(late);
      w.begin("/");
      w.begin("/later");
      w.connect();
      std::size_t steps = 0;
      while (steps < k && w.world.step_in_time()) ++steps;
      const std::weak_ptr<server::http_server> watched = w.server;
      if (closes) {
        w.server->close();
        w.world.advance(2s);
      } else {
        w.world.destroy_executor();
      }
      CHECK(w.server->connection_count() == 0);
      late.waiting.clear();
      w.net.reset();
      w.server.reset();
      if (!closes) w.client.reset();
      CHECK((watched.expired() || closes));
      if (steps < k) break;
    }
  }
}
