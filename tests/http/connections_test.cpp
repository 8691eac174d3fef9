// SPDX-License-Identifier: BSL-1.0
#include "src/http/client_core.hpp"
#include "src/http/http_exchange.hpp"

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/support/http_world.hpp"

#include "support/catch.hpp"
#include "support/noticing_time.hpp"
#include "support/sanitized.hpp"

using namespace catena;
using namespace std::chrono_literals;
using test::answer;
using test::http_world;
using test::wire;

namespace {

const std::string ok = answer("200 OK", "ok");
const test::script answers_twice{test::await_request{}, test::send{ok}, test::await_request{}, test::send{ok}, test::stall{}};

/// Requests that are under way at once.
template <std::size_t Count>
struct several_requests {
  explicit several_requests(http_world& w) {
    for (auto& end : ends) w.client->async_send(w.get(), {}, end.take());
  }
  [[nodiscard]] std::size_t answered() const {
    std::size_t n = 0;
    for (const auto& end : ends) n += end.answered();
    return n;
  }
  std::array<test::outcome<http::response>, Count> ends;
};

}  // namespace

TEST_CASE("a connection is kept for the next request, and closed when it has been idle for too long") {
  for (const wire how : {wire::plain, wire::tls}) {
    http_world w({.idle_timeout = 10s}, {}, how);
    w.server->next(answers_twice);
    CHECK(w.ask(w.get()).has_value());
    w.world.advance(9s);
    CHECK(w.ask(w.get()).has_value());
    CHECK(w.server->connection_count() == 1);
    w.world.advance(11s);
    CHECK(w.ask(w.get()).has_value());
    CHECK(w.server->connection_count() == 2);
    CHECK(w.client->stats().connections == 1);
    w.client->close_idle();
    CHECK(w.client->stats().connections == 0);
  }
}

TEST_CASE("a connection that expires just while it is asked for is closed, and nobody waits for it") {
  for (int reading = 1; reading <= 8; ++reading) {
    INFO("reading " << reading);
    testing::manual_world world;
    const auto time = std::make_shared<test::noticing_time>(world.time());
    const runtime rt(world.get_executor(), {.time = time});
    const auto net = std::make_shared<http::memory_network>(rt);
    test::scripted_server server(rt);
    server.next(answers_twice);
    net->listen("localhost", 80, server.acceptor());
    const http::client client(rt, {.most_connections = 1, .idle_timeout = 10s, .network = net});
    const auto ask = [&](test::outcome<http::response>& end) {
      client.async_send({"GET", http::url::parse("http://localhost/").value()}, {}, end.take());
    };
    test::outcome<http::response> first, second;
    ask(first);
    world.run_until([&] { return first.count() != 0; });
    world.elapse(10s - 1ns);
    std::function<void(int)> at_reading = [&](int left) {
      time->at_next_reading([&, left] { left == 1 ? world.elapse(2ns) : at_reading(left - 1); });
    };
    at_reading(reading);
    ask(second);
    world.run_until_idle();
    CHECK(second.answered());
    CHECK(client.stats().waiting == 0);
  }
}

TEST_CASE("who asks for a connection just when one comes back does not stand in line beside it", "[concurrency]") {
  boost::asio::io_context context;
  const runtime rt(context.get_executor());
  const auto net = std::make_shared<http::memory_network>(rt);
  std::shared_ptr<http::transport> far;
  net->listen("localhost", 80, [&](http::memory_arrival a) { far = std::move(a.stream); });
  struct ignoring : http::io_node {
    ignoring() {
      ended = [](http::io_node&, wake, failure, std::size_t) {};
    }
  } opened;
  const auto stream = net->open("localhost", 80, opened);
  context.poll();
  const auto core = std::make_shared<http::client_core>(rt.state(), http::client_options{.most_connections = 1, .network = net});
  const http::request what("GET", http::url::parse("http://localhost/").value());
  const std::string origin = what.target.origin();
  std::atomic<int> stood_beside{0};
  const auto asks_and_gives_back = [&] {
    const auto asking = std::make_shared<http::http_exchange>(core, what, run_options{}, http::body_taken::whole);
    core->add(asking);
    for (int i = 0; i < test::times(100'000, 10'000); ++i) {
      std::shared_ptr<http::transport> found;
      switch (core->ask(asking, origin, found)) {
        case http::place_kind::empty: core->give_back(origin, stream); break;
        case http::place_kind::kept: core->give_back(origin, std::move(found)); break;
        default:
          if (const auto now = core->stats(); now.waiting != 0 && now.idle != 0) ++stood_beside;
          (void)core->leave_line(*asking, origin);
      }
    }
  };
  std::thread other(asks_and_gives_back);
  asks_and_gives_back();
  other.join();
  CHECK(core->stats().idle == 1);
  CHECK(stood_beside == 0);
}

TEST_CASE("a connection is not kept where the server or the answer speaks against it") {
  for (const std::string& text : {answer("200 OK", "ok", "Connection: close\r\n"), std::string("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), ok + "more"}) {
    http_world w;
    w.server->next({test::await_request{}, test::send{text}, test::stall{}});
    CHECK(w.ask(w.get())->body == "ok");
    CHECK(w.client->stats().connections == 0);
  }
}

TEST_CASE("a connection is not kept where the request speaks against it, and the server is told so") {
  http_world w;
  w.server->next(answers_twice);
  http::request what = w.get();
  what.connection = http::afterwards::closed;
  CHECK(w.ask(std::move(what))->body == "ok");
  CHECK(w.client->stats().connections == 0);
  CHECK(w.server->requests().at(0).find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(w.ask(w.get()).has_value());
  CHECK(w.server->requests().at(1).find("Connection") == std::string::npos);
}

TEST_CASE("requests beyond the limit of connections wait for one, first come first served, and beyond that they are refused") {
  http_world w({.most_connections = 2, .most_waiting = 3});
  w.server->next({test::await_request{}, test::pause{1s}, test::send{ok}, test::await_request{}, test::pause{1s}, test::send{ok}, test::await_request{}, test::pause{1s},
                  test::send{ok}, test::stall{}});
  several_requests<6> all(w);
  w.world.advance(500ms);
  CHECK(w.client->stats().waiting == 3);
  CHECK(all.ends[5].why().is(errc::queue_full));
  w.world.advance(1s);
  CHECK(all.answered() == 2);
  CHECK(all.ends[0].answered());
  CHECK(all.ends[1].answered());
  w.world.advance(1s);
  CHECK(all.answered() == 4);
  w.world.run_until([&] { return all.answered() == 5; });
  CHECK(w.server->connection_count() == 2);
}

TEST_CASE("a request that waits for a connection ends at its deadline, and another one takes its turn") {
  http_world w({.most_connections = 1});
  w.server->next({test::await_request{}, test::pause{5s}, test::send{ok}, test::await_request{}, test::send{ok}, test::stall{}});
  test::outcome<http::response> first, late, patient;
  w.client->async_send(w.get(), {}, first.take());
  w.client->async_send(w.get(), {.deadline = w.world.now() + 1s}, late.take());
  w.client->async_send(w.get(), {}, patient.take());
  w.world.advance(2s);
  CHECK(late.why().is(errc::deadline_exceeded));
  CHECK(late.why().message() == "the deadline passed while a connection to localhost was waited for");
  w.world.advance(4s);
  CHECK(first.answered());
  CHECK(patient.answered());
}

TEST_CASE("connecting, the first byte and the whole of a request each have their time") {
  http_world w({.timeouts = {.connect = 3s, .first_byte = 5s, .between_bytes = 7s}});
  w.net->listen("localhost", 81, nullptr);
  const time_point start = w.world.now();
  auto r = w.ask({"GET", http::url::parse("http://localhost:81").value()});
  CHECK(r.error().is(errc::timed_out));
  CHECK(r.error().message() == "no connection to localhost within 3000 ms");
  CHECK(w.world.now() == start + 3s);
  w.server->next({test::await_request{}, test::stall{}});
  r = w.ask(w.get(), {.deadline = w.world.now() + 4s});
  CHECK(r.error().is(errc::deadline_exceeded));
  r = w.ask(w.get(), {.deadline = w.world.now()});
  CHECK(r.error().message() == "the deadline had passed before localhost was asked");
  r = w.ask({"GET", http::url::parse("http://localhost:82").value()});
  CHECK(r.error().message() == "cannot connect to localhost, port 82: nobody listens there");
}

TEST_CASE("a TLS session is taken up again") {
  http_world w({}, {}, wire::tls);
  w.server->next({test::await_request{}, test::send{answer("200 OK", "ok", "Connection: close\r\n")}, test::hang_up{}});
  for (int i = 0; i < 3; ++i) REQUIRE(w.ask(w.get()).has_value());
  CHECK(w.server->connection_count() == 3);
  CHECK(w.server->resumed_count() == 2);
}

TEST_CASE("a request that cannot be sent is refused before anything is") {
  http_world w;
  w.server->next({test::await_request{}, test::stall{}});
  const auto refused = [&](auto change) {
    http::request what = w.get();
    change(what);
    const auto r = w.ask(std::move(what));
    CHECK(r.error().is(errc::invalid_input));
    return r.error().message();
  };
  CHECK(refused([](auto& r) { r.headers.set("X-Key", "secret\r\nX: y"); }).find("secret") == std::string::npos);
  CHECK(refused([](auto& r) { r.headers.set("content-length", "3"); }) == "the header field 'content-length' is written by the client");
  CHECK(refused([](auto& r) { r.headers.set("Transfer-Encoding", "chunked"); }) == "the header field 'Transfer-Encoding' is written by the client");
  CHECK(refused([](auto& r) { r.headers.set("Proxy-Authorization", "Basic x"); }) == "the header field 'Proxy-Authorization' is written by the client");
  CHECK(refused([](auto& r) { r.method = "GET /x HTTP/1.1\r\n"; }) == "a request's method is a word in capital letters");
  CHECK(refused([](auto& r) { r.accept = "a\r\nb: c"; }).find("Accept") != std::string::npos);
  CHECK(w.server->connection_count() == 0);
  CHECK_THROWS_WITH(http::client(*w.rt, {.most_connections = 0}), "client_options::most_connections must be 1 to 65536");
}

TEST_CASE("a runtime that drains waits for requests, and begins none") {
  http_world w;
  w.server->next({test::await_request{}, test::pause{1s}, test::send{ok}, test::stall{}});
  test::outcome<http::response> under_way, later;
  w.client->async_send(w.get(), {}, under_way.take());
  w.world.run_until_idle();
  bool done = false;
  w.rt->async_drain(no_deadline, [&](result<void>) { done = true; });
  w.client->async_send(w.get(), {}, later.take());
  w.world.run_until_idle();
  CHECK(later.why().is(errc::shutting_down));
  CHECK_FALSE(done);
  w.world.advance(2s);
  CHECK(under_way.answered());
  CHECK(done);
}
