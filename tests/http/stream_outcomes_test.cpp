// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <string>
#include <vector>

#include "http/support/event_reader.hpp"
#include "http/support/http_world.hpp"
#include "http/support/misbehaviour.hpp"
#include "support/resident.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using test::answer;
using test::answering_and_reset;
using test::http_world;
using test::how_long;
using test::well;
using test::wire;

namespace {

/// What a server does to somebody who reads a stream of events.
struct stream_misbehaviour {
  std::string name;
  test::script does;
  std::string events;  ///< what is read of it
  errc code = well;
  std::string text = {};
  how_long lasts = how_long::at_once;
};

const std::string events_type = "Content-Type: text/event-stream\r\n";
const std::string to_the_end = "HTTP/1.1 200 OK\r\n" + events_type + "\r\n";
const std::string events_in_chunks = "HTTP/1.1 200 OK\r\n" + events_type + "Transfer-Encoding: chunked\r\n\r\n";

/// One event in a chunk.
std::string event_chunk(const std::string& data) {
  const std::string event = "data: " + data + "\n\n";
  return std::string(1, "0123456789abcdef"[event.size()]) + "\r\n" + event + "\r\n";
}
const std::string two_events = events_in_chunks + event_chunk("one") + event_chunk("two");

test::script saying(std::string text, auto then) { return test::answering_and(std::move(text), then); }
/// So many comments, ten seconds between them.
test::script commenting(std::string head, int count, std::string last) {
  test::script does{test::await_request{}, test::send{std::move(head)}};
  for (int i = 0; i < count; ++i) {
    does.push_back(test::pause{10s});
    does.push_back(test::send{i % 2 ? ": keep-alive\n" : "\n"});
  }
  does.push_back(test::send{std::move(last)});
  does.push_back(test::hang_up{});
  return does;
}

const std::vector<stream_misbehaviour> bad_streams{
    {"none", saying(two_events + "0\r\n\r\n", test::stall{}), "(one)(two)"},
    {"no chunks", saying(to_the_end + "data: one\n\ndata: two\n\n", test::hang_up{}), "(one)(two)"},
    {"a close inside of an event", saying(to_the_end + "data: one\n\ndata: tw", test::hang_up{}), "(one)", errc::bad_response,
     "the stream ended inside of an event"},
    {"a close between events", saying(two_events, test::hang_up{}), "(one)(two)", errc::bad_response, "the answer of localhost came in part"},
    {"a close inside of a chunk", saying(two_events + "9\r\ndata", test::hang_up{}), "(one)(two)", errc::bad_response, "came in part"},
    {"a reset before the first event", answering_and_reset(events_in_chunks), "", errc::unavailable, "the connection to localhost was lost: "},
    {"a reset inside of an event", answering_and_reset(to_the_end + "data: one\n\ndata: tw"), "(one)", errc::unavailable,
     "the connection to localhost was lost: "},
    {"a reset between events", answering_and_reset(two_events), "(one)(two)", errc::unavailable, "the connection to localhost was lost: "},
    {"a wrong chunk between events", saying(two_events + "what?\r\n", test::stall{}), "(one)(two)", errc::bad_response,
     "the answer of localhost is not to be understood: it is no HTTP (bad chunk)"},
    {"a chunk's line that never ends", saying(two_events + "1;" + std::string(70'000, 'x'), test::stall{}), "(one)(two)", errc::bad_response,
     "is not to be understood: what is between its chunks is too long"},
    {"an event that never ends", saying(to_the_end + "data: one\n\ndata: " + std::string(5000, 'x'), test::stall{}), "(one)",
     errc::bad_response, "an event of the stream is longer than sse_options::max_event_bytes, 1000"},
    {"429", saying(answer("429 Too Many Requests", "slower", "Retry-After: 7\r\n"), test::stall{}), "", errc::busy, "answers 429"},
    {"502 from a proxy", saying(answer("502 Bad Gateway", "<html>", "Content-Type: text/html\r\n"), test::stall{}), "", errc::busy,
     "answers 502 Bad Gateway, with a page of HTML: <html>"},
    {"a page", saying(answer("200 OK", "<html>", "Content-Type: text/html\r\n"), test::stall{}), "", errc::bad_response,
     "localhost answers with text/html instead of text/event-stream, with a page of HTML: <html>"},
    {"JSON", saying(answer("200 OK", "{}", "Content-Type: application/json\r\n"), test::stall{}), "", errc::bad_response,
     "localhost answers with application/json instead of text/event-stream: {}"},
    {"a stall before the first event", saying(events_in_chunks, test::stall{}), "", errc::timed_out,
     "nothing more of the answer of localhost came for 60000 ms", how_long::takes_time},
    {"a stall inside of an event", saying(to_the_end + "data: one\n\ndata: tw", test::stall{}), "(one)", errc::timed_out,
     "nothing more of the answer of localhost came for 40000 ms", how_long::takes_time},
    {"a stall between events", saying(two_events, test::stall{}), "(one)(two)", errc::timed_out, "came for 40000 ms", how_long::takes_time},
    {"a stall at the end", saying(two_events + "0\r\n", test::stall{}), "(one)(two)", errc::timed_out, "came for 40000 ms", how_long::takes_time},
    {"comments for minutes, and no event", commenting(to_the_end, 100, ""), "", errc::timed_out, "came for 60000 ms", how_long::takes_time},
    {"comments for minutes behind an event", commenting(to_the_end + "data: one\n\n", 100, ""), "(one)", errc::timed_out,
     "came for 40000 ms", how_long::takes_time},
    {"comments for half a minute", commenting(to_the_end + "data: one\n\n", 3, "data: two\n\n"), "(one)(two)", well, "", how_long::takes_time},
};

http::client_options options_for_streams() {
  http::client_options o;
  o.timeouts.first_byte = 60s;
  o.timeouts.between_bytes = 40s;
  return o;
}

http::request asking_for_events(http::request what) {
  what.accept = "text/event-stream";
  what.progress = http::progress::told;
  return what;
}

test::events_read events_of(http_world& w, http::request what) {
  return test::read_events(*w.client, std::move(what), [&](auto done) { w.world.run_until(done); }, {.max_event_bytes = 1000});
}

void check_read(const stream_misbehaviour& m, const test::events_read& read) {
  CHECK(read.events == m.events);
  if (m.code == well) CHECK(read.why.message() == failure().message());
  else test::check_failure(read.why, m.code, m.text);
}

}  // namespace

TEST_CASE("each misbehaviour inside of a stream of events has its failure, and what came before is read") {
  for (const wire how : {wire::plain, wire::tls})
    for (const std::size_t at_once : {std::size_t{65536}, std::size_t{7}})
      for (const stream_misbehaviour& m : bad_streams) {
        INFO(m.name << (how == wire::tls ? " by TLS" : "") << ", bytes at once: " << at_once);
        http_world w(options_for_streams(), {.most_at_once = at_once}, how, at_once);
        w.server->next(m.does);
        check_read(m, events_of(w, asking_for_events(w.get())));
        w.world.run_until_idle();
        CHECK(w.client->stats().connections == w.client->stats().idle);
      }
}

TEST_CASE("the same streams over TCP, where they take no time") {
  for (const wire how : {wire::plain, wire::tls}) {
    test::tcp_place place(how, options_for_streams());
    for (const stream_misbehaviour& m : bad_streams) {
      if (m.lasts == how_long::takes_time) continue;
      INFO(m.name << (how == wire::tls ? " by TLS" : ""));
      test::scripted_server server(place.rt, how == wire::tls ? test::localhost() : nullptr);
      server.next(m.does);
      check_read(m, test::read_events(*place.client, asking_for_events(place.get(server.listen())),
                                      [&](auto done) { place.run_until(done); }, {.max_event_bytes = 1000}));
    }
  }
}

TEST_CASE("comments keep a stream alive for minutes where every byte is progress, and cost it nothing") {
  http_world w(options_for_streams());
  w.server->next(commenting(to_the_end, 100, "data: one\n\n"));
  http::request what = asking_for_events(w.get());
  what.progress = http::progress::bytes;
  const time_point start = w.world.now();
  const auto read = events_of(w, std::move(what));
  CHECK(read.events == "(one)");
  CHECK(read.alive_count == 100);
  CHECK_FALSE(read.why.is_set());
  CHECK(w.world.now() - start == 1000s);
}

TEST_CASE("events are the same wherever their bytes are split on the way, whatever ends their lines") {
  const std::string fire = "\xF0\x9F\x94\xA5", you = "\xE4\xBD\xA0";
  for (const wire how : {wire::plain, wire::tls})
    for (const std::string end : {"\r\n", "\n", "\r"}) {
      std::string text = "\xEF\xBB\xBF";
      for (const std::string& line : std::vector<std::string>{"data: " + you + fire, "", ": " + you, "data:" + fire, "data: b", ""})
        text += line + end;
      for (std::size_t at = 1; at < text.size(); ++at) {
        INFO("split at " << at << (how == wire::tls ? " by TLS" : ""));
        http_world w(options_for_streams(), {}, how, at);
        w.server->next({test::await_request{}, test::send{to_the_end}, test::send{text.substr(0, at)}, test::pause{1s}, test::send{text.substr(at)},
                        test::hang_up{}});
        const auto read = events_of(w, asking_for_events(w.get()));
        CHECK(read.events == "(" + you + fire + ")(" + fire + "\nb)");
        CHECK_FALSE(read.why.is_set());
      }
    }
}

TEST_CASE("an answer of 100 MB is read in pieces, and never held") {
  constexpr std::size_t chunk = 65536, count = 1600;
  const std::string head = "HTTP/1.1 200 OK\r\n";
  struct long_answer {
    std::string head, piece;
  };
  const std::string comment = ":" + std::string(chunk - 2, 'x') + "\n";
  for (const long_answer& a : {long_answer{head + "Content-Length: " + std::to_string(chunk * count) + "\r\n\r\n", comment},
                               {head + "Transfer-Encoding: chunked\r\n\r\n", "10000\r\n" + comment + "\r\n"}}) {
    http_world w;
    w.server->next({test::await_request{}, test::send{a.head}, test::send_often{a.piece, count}, test::send{"0\r\n\r\n"}, test::stall{}});
    const std::size_t before = test::resident_bytes();
    const auto read = test::read_events(*w.client, w.get(), [&](auto done) { w.world.run_until(done); });
    CHECK(read.alive_count == count);
    CHECK(read.longest_piece <= 65536);
    CHECK_FALSE(read.why.is_set());
    if (test::resident_bytes_tell) CHECK(test::resident_bytes() < before + (4 << 20));
    // Taken whole it is refused, however its end is told.
    w.client->close_idle();
    const auto whole = w.ask(w.get());
    REQUIRE(whole.has_error());
    test::check_failure(whole.error(), errc::bad_response, "is longer than client_options::max_body_bytes, 16777216");
  }
}
