// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "http/support/http_world.hpp"
#include "http/support/misbehaviour.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using test::answer;
using test::http_world;
using test::well;
using test::wire;

namespace {

/// What a server does to a connection that it has answered on, and what the second request on it is told.
struct kept_row {
  std::string name;
  test::script does;
  std::string method;
  errc code = well;
  std::string text = {};
  std::size_t connections = 2;
};

const std::string kept_answer = answer("200 OK", "ok");
const std::string closed_early = "localhost closed the connection before it answered";
const std::string was_lost = "the connection to localhost was lost: ";

/// \param then  what happens to the second request
test::script asked_again_and(auto... then) { return {test::await_request{}, test::send{kept_answer}, test::await_request{}, then...}; }
test::script idle_and(auto... then) { return {test::await_request{}, test::send{kept_answer}, then...}; }

const std::vector<kept_row> kept_rows{
    // While nobody uses it: that is seen before anything is sent.
    {"closed while idle", idle_and(test::hang_up{}), "GET"},
    {"closed while idle", idle_and(test::hang_up{}), "POST"},
    {"cut while idle", idle_and(test::cut_off{}), "POST"},
    {"reset while idle", idle_and(test::reset{}), "POST"},
    {"spoken on while idle", idle_and(test::pause{10ms}, test::send{answer("408 Request Timeout", "")}, test::stall{}), "POST"},
    // When it has been asked again: whether it has done something by then is not known.
    {"closed when asked", asked_again_and(test::hang_up{}), "GET"},
    {"reset when asked", asked_again_and(test::reset{}), "GET"},
    {"closed when asked", asked_again_and(test::hang_up{}), "HEAD"},
    {"closed when asked", asked_again_and(test::hang_up{}), "OPTIONS"},
    {"closed when asked", asked_again_and(test::hang_up{}), "TRACE"},
    {"closed when asked", asked_again_and(test::hang_up{}), "PUT"},
    {"closed when asked", asked_again_and(test::hang_up{}), "DELETE"},
    {"closed when asked", asked_again_and(test::hang_up{}), "POST", errc::unavailable, closed_early, 1},
    {"cut when asked", asked_again_and(test::cut_off{}), "POST", errc::unavailable, "", 1},
    {"reset when asked", asked_again_and(test::reset{}), "POST", errc::unavailable, was_lost, 1},
    {"closed when asked", asked_again_and(test::hang_up{}), "PATCH", errc::unavailable, closed_early, 1},
    {"closed when asked", asked_again_and(test::hang_up{}), "QUERY", errc::unavailable, closed_early, 1},
    // When it has begun to answer, or may still do so.
    {"closed in the answer", asked_again_and(test::send{"H"}, test::hang_up{}), "GET", errc::bad_response, "came in part", 1},
    {"reset in the answer", asked_again_and(test::send{"H"}, test::pause{10ms}, test::reset{}), "GET", errc::unavailable, was_lost, 1},
    {"stalled when asked", asked_again_and(test::stall{}), "GET", errc::timed_out, "nothing of the answer of localhost came for 60000 ms", 1},
};

}  // namespace

TEST_CASE("a kept connection that the server has given up is replaced where that can do no harm, and nowhere else") {
  for (const wire how : {wire::plain, wire::tls})
    for (const kept_row& row : kept_rows) {
      INFO(row.name << ", " << row.method << (how == wire::tls ? " by TLS" : ""));
      http_world w({}, {}, how);
      w.server->next(row.does);
      w.server->next(test::answering(row.method == "HEAD" ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" : answer("200 OK", "ok")));
      REQUIRE(w.ask(w.get()).has_value());
      w.world.advance(1s);
      http::request what = w.get();
      what.method = row.method;
      const auto r = w.ask(std::move(what));
      CHECK(w.server->connection_count() == row.connections);
      CHECK(w.client->stats().connections == (row.code == well));
      if (row.code == well) CHECK(r.has_value());
      else REQUIRE(r.has_error());
      if (r.has_error()) test::check_failure(r.error(), row.code, row.text);
    }
}

TEST_CASE("what was done to an idle connection over TCP is seen before a POST is written to it") {
  for (const wire how : {wire::plain, wire::tls})
    for (const test::script& does : {idle_and(test::hang_up{}), idle_and(test::cut_off{}), idle_and(test::reset{})}) {
      test::tcp_place place(how);
      test::scripted_server server(place.rt, how == wire::tls ? test::localhost() : nullptr);
      server.next(does);
      server.next(test::answering(kept_answer));
      const auto port = server.listen();
      REQUIRE(place.ask(place.get(port)).has_value());
      for (int i = 0; i < 10; ++i) {  // the server goes on with its script
        place.context.restart();
        place.context.poll();
      }
      http::request post = place.get(port);
      post.method = "POST";
      CHECK(place.ask(std::move(post)).has_value());
      CHECK(server.connection_count() == 2);
    }
}

TEST_CASE("a connection that breaks in the place of one that broke is not replaced again") {
  http_world w;
  w.server->next(asked_again_and(test::reset{}));
  w.server->next({test::await_request{}, test::cut_off{}});
  REQUIRE(w.ask(w.get()).has_value());
  const auto r = w.ask(w.get());
  CHECK(w.server->connection_count() == 2);
  REQUIRE(r.has_error());
  test::check_failure(r.error(), errc::unavailable, closed_early);
  CHECK(w.client->stats().connections == 0);
}

TEST_CASE("whoever waited for a connection is not given one that has been closed meanwhile") {
  // In some orders the end comes before the request that waited is sent, and in some behind it.
  std::size_t answered = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    http_world w({.most_connections = 1}, {}, wire::plain, seed);
    w.server->next(idle_and(test::hang_up{}));
    w.server->next(test::answering(kept_answer));
    http::request post = w.get();
    post.method = "POST";
    test::outcome<http::response> first, second;
    w.client->async_send(w.get(), {}, first.take());
    w.client->async_send(std::move(post), {}, second.take());
    w.world.run_until([&] { return first.count() + second.count() == 2; });
    CHECK(first.answered());
    if (!second.answered()) CHECK(second.why().is(errc::unavailable));
    answered += second.answered();
  }
  CHECK(answered > 0);
}

TEST_CASE("a POST that a kept connection lost is sent again by its stage's retry, and only by that") {
  for (const std::size_t retries : {0, 1}) {
    http_world w;
    w.server->next(asked_again_and(test::hang_up{}));
    w.server->next(test::answering(kept_answer));
    REQUIRE(w.ask(w.get()).has_value());
    auto ask = [&w](call c, int) -> boost::asio::awaitable<std::string> {
      http::response answered = co_await w.client->send(c, http::request("POST", w.get().target));
      co_return answered.body;
    };
    auto chain = make_chain<int>(*w.rt, "ask", [&](auto in) { return in >> stage("ask", ask).retry({.retries = retries, .first_wait = 1ms}); });
    test::outcome<std::string> end;
    chain.async_run(1, end.take());
    w.world.run_until([&] { return end.count() != 0; });
    CHECK(end.answered() == (retries == 1));
    if (retries == 0) CHECK(end.why().is(errc::unavailable));
    CHECK(w.server->requests().size() == 2 + retries);
  }
}
