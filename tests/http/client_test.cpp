// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <string>

#include "http/support/http_world.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using test::http_world;

TEST_CASE("a stage asks a server, and reads the answer piece by piece") {
  http_world w;
  w.server->next({test::await_request{}, test::send{test::answer("200 OK", "forty-two", "Content-Type: text/plain\r\n")}, test::await_request{},
                 test::send{test::in_chunks("six by nine", 4)}, test::stall{}});
  const http::client& client = *w.client;
  // [http_stage]
  auto ask = [&client](call c, std::string question) -> asio::awaitable<std::string> {
    http::request what("POST", http::url::parse("http://localhost/ask").value());
    what.headers.set("Authorization", "Bearer 0123456789");
    what.accept = "text/plain";
    what.body = std::move(question);
    http::response answered = co_await client.send(c, std::move(what));
    co_return answered.body;
  };
  auto read_on = [&client](call c, std::string so_far) -> asio::awaitable<std::string> {
    http::response_stream answer = co_await client.open(c, http::request("GET", http::url::parse("http://localhost/more").value()));
    while (auto piece = co_await answer.next()) so_far += " " + std::string(*piece);
    co_return so_far;
  };
  auto chain = make_chain<std::string>(*w.rt, "ask", [&](auto in) { return in >> stage("ask", ask) >> stage("read on", read_on); });
  // [/http_stage]
  test::outcome<std::string> end;
  chain.async_run("what is it?", end.take());
  w.world.run_until_idle();
  CHECK(end.value() == "forty-two six by nine");
  CHECK(w.server->connection_count() == 1);
  REQUIRE(w.server->requests().size() == 2);
  CHECK(w.server->requests()[0] ==
        "POST /ask HTTP/1.1\r\nHost: localhost\r\nUser-Agent: catena\r\nAccept: text/plain\r\nAuthorization: Bearer 0123456789\r\nContent-Length: 11\r\n\r\nwhat is it?");
  CHECK(w.client->stats().idle == 1);
}

TEST_CASE("a stage that is out of time closes its connection, and one that is tried again asks again") {
  http_world w;
  w.server->next({test::await_request{}, test::stall{}});
  w.server->next({test::await_request{}, test::send{test::answer("503 Service Unavailable", "", "Retry-After: 3\r\n")}, test::hang_up{}});
  w.server->next({test::await_request{}, test::send{test::answer("200 OK", "here")}, test::stall{}});
  auto ask = [&w](call c, int) -> asio::awaitable<std::string> {
    http::response answered = co_await w.client->send(c, http::request("GET", http::url::parse("http://localhost/").value()));
    co_return answered.body;
  };
  auto chain = make_chain<int>(*w.rt, "ask", [&](auto in) { return in >> stage("ask", ask).attempt_timeout(1s).retry({.retries = 2, .first_wait = 1ms}); });
  const time_point start = w.world.now();
  test::outcome<std::string> end;
  chain.async_run(1, end.take());
  w.world.run_until([&] { return end.count() != 0; });
  CHECK(end.value() == "here");
  CHECK(w.world.now() >= start + 4s);
  CHECK(w.client->stats().connections == 1);
}
