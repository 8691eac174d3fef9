// SPDX-License-Identifier: BSL-1.0
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "http/support/http_world.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using test::http_world;
using test::in_chunks;
using test::wire;

namespace {

using optional_piece = std::optional<std::string_view>;

std::optional<http::response_stream> opened(http_world& w, http::request what, run_options how = {}) {
  test::outcome<http::response_stream> end;
  w.client->async_open(std::move(what), how, end.take());
  w.world.run_until([&] { return end.count() != 0; });
  if (!end.answered()) return std::nullopt;
  return std::move(end.value());
}

/// The next piece, "(end)" or why there is none.
std::string next_of(http_world& w, http::response_stream& from) {
  test::outcome<optional_piece> end;
  from.async_next(end.take());
  w.world.run_until([&] { return end.count() != 0; });
  if (!end.answered()) return end.why().message();
  return end.value() ? std::string(*end.value()) : "(end)";
}

std::string all_of(http_world& w, http::response_stream& from) {
  std::string all;
  for (std::string piece = next_of(w, from); piece != "(end)"; piece = next_of(w, from)) all += piece;
  return all;
}

}  // namespace

TEST_CASE("the pieces of a body are the body, whatever its chunks and the reads are, and the connection is kept") {
  std::string body;
  for (int i = 0; body.size() < 40'000; ++i) body += std::to_string(i) + ",";
  for (const wire how : {wire::plain, wire::tls})
    for (const std::size_t chunk : {std::size_t{7}, std::size_t{1000}, std::size_t{30'000}})
      for (const std::size_t at_once : {std::size_t{10}, std::size_t{1460}, std::size_t{65536}}) {
        INFO((how == wire::tls ? "TLS, " : "") << "chunk " << chunk << ", at once " << at_once);
        http_world w({}, {.most_at_once = at_once}, how);
        w.server->next({test::await_request{}, test::send{in_chunks(body, chunk)}, test::stall{}});
        auto stream = opened(w, w.get());
        REQUIRE(stream);
        CHECK(stream->head().status == 200);
        CHECK(stream->head().headers.find("trailer") == std::nullopt);
        CHECK(all_of(w, *stream) == body);
        CHECK(next_of(w, *stream) == "(end)");
        CHECK(w.client->stats().idle == 1);
      }
}

TEST_CASE("a body that nobody reads is not read from the server") {
  http_world w({}, {.capacity = 1000});
  w.server->next({test::await_request{}, test::send{in_chunks(std::string(1'000'000, 'x'), 500)}, test::stall{}});
  auto stream = opened(w, w.get());
  REQUIRE(stream);
  w.world.advance(1h);  // and that is no stall of the server's
  std::size_t size = next_of(w, *stream).size();
  CHECK(size <= 1000);
  size += all_of(w, *stream).size();
  CHECK(size == 1'000'000);
}

TEST_CASE("whoever lets go of a stream closes its connection") {
  http_world w;
  w.server->next({test::await_request{}, test::send{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin"}, test::stall{}});
  {
    auto stream = opened(w, w.get());
    REQUIRE(stream);
    CHECK(next_of(w, *stream) == "begin");
    CHECK(w.client->stats().connections == 1);
  }
  CHECK(w.client->stats().connections == 0);
}

TEST_CASE("what a reader calls progress is what a stream is given time for") {
  http_world w({.timeouts = {.first_byte = 60s, .between_bytes = 20s}});
  test::script does{test::await_request{}, test::send{"HTTP/1.1 200 OK\r\n\r\n"}};
  for (int i = 0; i < 20; ++i) {
    does.push_back(test::pause{10s});
    does.push_back(test::send{i == 4 || i == 5 ? "token" : ": keep-alive\n"});
  }
  does.push_back(test::stall{});
  w.server->next(does);
  http::request what = w.get();
  what.progress = http::progress::told;
  const time_point start = w.world.now();
  auto stream = opened(w, what);
  REQUIRE(stream);
  std::string said;
  while ((said = next_of(w, *stream)).size() < 20)
    if (said == "token") stream->progressed();
  // Two tokens, at 50 s and at 60 s, and then nothing for 20 s but comments.
  CHECK(said == "nothing more of the answer of localhost came for 20000 ms");
  CHECK(w.world.now() == start + 80s);

  what.progress = http::progress::bytes;
  w.server->next(does);
  auto all = opened(w, what);
  REQUIRE(all);
  std::size_t pieces = 0;
  while (next_of(w, *all).size() < 20) ++pieces;
  CHECK(pieces == 20);
}

TEST_CASE("a deadline ends a stream, also between two pieces") {
  http_world w;
  w.server->next({test::await_request{}, test::send{"HTTP/1.1 200 OK\r\n\r\nbegin"}, test::pause{10s}, test::send{"more"}, test::stall{}});
  auto stream = opened(w, w.get(), {.deadline = w.world.now() + 5s});
  REQUIRE(stream);
  CHECK(next_of(w, *stream) == "begin");
  w.world.advance(6s);
  CHECK(w.client->stats().connections == 0);
  CHECK(next_of(w, *stream) == "the deadline passed while the answer of localhost was waited for");
}

TEST_CASE("a cancelled request ends within a step, and its connection is closed at once") {
  for (const wire how : {wire::plain, wire::tls})
    for (std::size_t steps = 0; steps < 40; ++steps) {
      INFO("step " << steps << (how == wire::tls ? " by TLS" : ""));
      http_world w({}, {}, how, steps + 1);
      w.server->next({test::await_request{}, test::send{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123"}, test::pause{1s}, test::send{"456"}, test::stall{}});
      boost::asio::cancellation_signal signal;
      test::outcome<http::response> end;
      w.client->async_send(w.get(), {}, boost::asio::bind_cancellation_slot(signal.slot(), end.take()));
      for (std::size_t i = 0; i < steps && w.world.step(); ++i) {
      }
      REQUIRE(end.count() == 0);
      signal.emit(boost::asio::cancellation_type::terminal);
      CHECK(w.client->stats().connections == 0);
      w.world.run_until_idle();
      REQUIRE(end.count() == 1);
      CHECK(end.why().is(errc::cancelled));
    }
}

namespace {

/// Requests of each kind on two connections, one of which waits for the other to be free.
struct requests_of_each_kind {
  requests_of_each_kind(wire how, std::uint64_t seed) : w({.most_connections = 2}, {}, how, seed) {
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n", rest = "3\r\n456\r\n0\r\n\r\n";
    for (int connection = 0; connection < 2; ++connection)
      w.server->next({test::await_request{}, test::send{head}, test::pause{1s}, test::send{rest}, test::await_request{}, test::send{head},
                      test::send{rest}, test::stall{}});
    w.client->async_open(w.get(), {}, [this](result<http::response_stream> r) {
      ++opened;
      if (!r) return;
      stream = std::move(*r);
      read_on();
    });
    w.client->async_send(w.get(), {}, whole.take());
    w.client->async_send(w.get(), {}, in_line.take());
  }
  void read_on() {
    stream->async_next([this](result<optional_piece> r) {
      ++pieces;
      if (r && *r) read_on();
    });
  }
  /// How many steps it has made of so many.
  std::size_t go(std::size_t steps) {
    std::size_t made = 0;
    while (made < steps && w.world.step_in_time()) ++made;
    return made;
  }
  [[nodiscard]] int told() const { return opened + pieces + whole.count() + in_line.count(); }

  std::optional<http::response_stream> stream;
  int opened = 0, pieces = 0;
  test::outcome<http::response> whole, in_line;
  http_world w;  ///< destroyed first
};

}  // namespace

TEST_CASE("an executor may be destroyed at every step of whole requests and of streams, before or after its client and its stream") {
  for (const wire how : {wire::plain, wire::tls})
    for (const std::uint64_t seed : {1, 2}) {
      constexpr std::size_t all = 100'000;
      std::size_t count = 0;
      {
        requests_of_each_kind undisturbed(how, seed);
        count = undisturbed.go(all);
        CHECK(undisturbed.whole.value().body == "123456");
        CHECK(undisturbed.in_line.value().body == "123456");
        CHECK(undisturbed.pieces == 3);
        CHECK(undisturbed.w.client->stats().idle == 2);
      }
      REQUIRE(count < all);
      for (std::size_t steps = 0; steps <= count; ++steps) {
        INFO("step " << steps << " of " << count << (how == wire::tls ? " by TLS" : "") << ", seed " << seed);
        requests_of_each_kind scene(how, seed);
        REQUIRE(scene.go(steps) == steps);
        const int before = scene.told();
        if (steps % 2 == 0) scene.w.client.reset();
        if (steps % 3 == 0) scene.stream.reset();
        scene.w.world.destroy_executor();
        CHECK(scene.told() == before);
      }
    }
}
