// SPDX-License-Identifier: BSL-1.0
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "http/support/http_world.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using test::answer;
using test::http_world;
using test::in_chunks;
using test::wire;

namespace {

constexpr errc well{};

enum class how_long : bool { at_once, takes_time };

/// What a server does, and what whoever asked it for JSON is told.
struct misbehaviour {
  std::string name;
  test::script does;
  errc code = well;
  std::string text = {};  ///< of the failure, or the body
  duration retry_after{};
  how_long lasts = how_long::at_once;
};

const std::string json = "Content-Type: application/json; charset=utf-8\r\n";
const std::string date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

test::script answering(std::string text) { return {test::await_request{}, test::send{std::move(text)}, test::stall{}}; }
test::script answering_and(std::string text, auto then) { return {test::await_request{}, test::send{std::move(text)}, then}; }

const std::vector<misbehaviour>& all_misbehaviours() {
  static const std::vector<misbehaviour> all{
      {"none", answering(answer("200 OK", "{}", json)), well, "{}"},
      {"chunks", answering(in_chunks("{\"a\": 1}", 3, json)), well, "{\"a\": 1}"},
      {"a body until the end of the stream", answering_and("HTTP/1.1 200 OK\r\n" + json + "\r\n{}", test::hang_up{}), well, "{}"},
      {"preliminary answers", answering("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer("200 OK", "{}", json)), well, "{}"},
      {"an answer before the question is whole", {test::send{answer("200 OK", "{}", json)}, test::stall{}}, well, "{}"},
      {"slow bytes", {test::await_request{}, test::send_slowly{answer("200 OK", "{}", json), 30s}, test::stall{}}, well, "{}", {}, how_long::takes_time},
      {"LF instead of CRLF", answering("HTTP/1.1 200 OK\n" + json + "\n{}"), errc::bad_response,
       "the answer of localhost is not to be understood: a line of its head ends without CR; it begins with 'HTTP/1.1 200 OK?"},
      {"no HTTP", answering("SSH-2.0-OpenSSH_9.2\r\n"), errc::bad_response, "is not to be understood: it is no HTTP; it begins with 'S"},
      {"two lengths", answering("HTTP/1.1 200 OK\r\n" + json + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), errc::bad_response, "is not to be understood"},
      {"a length and chunks", answering("HTTP/1.1 200 OK\r\n" + json + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"), errc::bad_response, "is not to be understood"},
      {"a wrong chunk", answering("HTTP/1.1 200 OK\r\n" + json + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}"), errc::bad_response, "is not to be understood: it is no HTTP (bad chunk)"},
      {"a head that never ends", answering("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x')), errc::bad_response, "its head is too long"},
      {"a body that is too large", answering(answer("200 OK", std::string(5000, ' '), json)), errc::bad_response, "longer than client_options::max_body_bytes, 4096"},
      {"too large in chunks", answering(in_chunks(std::string(5000, ' '), 700, json)), errc::bad_response, "longer than client_options::max_body_bytes, 4096"},
      {"a page instead of JSON", answering(answer("200 OK", "<html>Log in</html>", "Content-Type: text/html\r\n")), errc::bad_response,
       "localhost answers with text/html instead of application/json, with a page of HTML: <html>Log in</html>"},
      {"no type of content", answering(answer("200 OK", "{}")), errc::bad_response, "localhost answers with content of no type instead of application/json: {}"},
      {"400", answering(answer("400 Bad Request", "{\"error\": \"no such model\"}", json)), errc::invalid_input, "localhost answers 400 Bad Request: {\"error\": \"no such model\"}"},
      {"401 that repeats the key", answering(answer("401 Unauthorized", "wrong key sk-0123456789!", json)), errc::refused, "localhost answers 401 Unauthorized: wrong key ***!"},
      {"402", answering(answer("402 Payment Required", "", json)), errc::refused, "localhost answers 402 Payment Required, and says nothing more"},
      {"403", answering(answer("403 Forbidden", "no", json)), errc::refused, "answers 403 Forbidden: no"},
      {"404", answering(answer("404 Not Found", "no", json)), errc::refused, "answers 404 Not Found: no"},
      {"408", answering(answer("408 Request Timeout", "", json)), errc::busy, "answers 408"},
      {"409", answering(answer("409 Conflict", "", json)), errc::busy, "answers 409"},
      {"422", answering(answer("422 Unprocessable Entity", "", json)), errc::invalid_input, "answers 422"},
      {"429 with seconds", answering(answer("429 Too Many Requests", "slower", json + "Retry-After: 7\r\n")), errc::busy, "answers 429 Too Many Requests: slower", 7s},
      {"429 with a date", answering(answer("429 Too Many Requests", "", json + date + "Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n")), errc::busy, "answers 429", 60s},
      {"429 with nonsense", answering(answer("429 Too Many Requests", "", json + "Retry-After: soon\r\n")), errc::busy, "answers 429"},
      {"500", answering(answer("500 Internal Server Error", "oops", json)), errc::busy, "answers 500 Internal Server Error: oops"},
      {"502 from a proxy", answering(answer("502 Bad Gateway", "<html>" + std::string(5000, 'x'), "Content-Type: text/html\r\n")), errc::busy,
       "answers 502 Bad Gateway, with a page of HTML: <html>xxx"},
      {"503 cut off", answering_and("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\nmainten", test::hang_up{}), errc::busy, "answers 503 Service Unavailable: mainten"},
      {"a redirect", answering(answer("307 Temporary Redirect", "", "Location: https://other.example/secret?key=1\r\n")), errc::refused,
       "localhost answers 307 Temporary Redirect, a redirect to https://other.example:443, which is not followed"},
      {"a redirect on the server", answering(answer("302 Found", "", "Location: /login\r\n")), errc::refused, "a redirect to another path of the same server, which is not followed"},
      {"silence", {test::await_request{}, test::stall{}}, errc::timed_out, "nothing of the answer of localhost came for 60000 ms", {}, how_long::takes_time},
      {"a question that is not read", {test::stall{}}, errc::timed_out, "nothing of the answer of localhost came for 60000 ms", {}, how_long::takes_time},
      {"a stall in the head", answering("HTTP/1.1 200 OK\r\nContent-"), errc::timed_out, "nothing more of the answer of localhost came for 40000 ms", {}, how_long::takes_time},
      {"a stall in the body", answering("HTTP/1.1 200 OK\r\n" + json + "Content-Length: 10\r\n\r\n{"), errc::timed_out, "nothing more of the answer", {}, how_long::takes_time},
      {"an early close", {test::await_request{}, test::hang_up{}}, errc::unavailable, "localhost closed the connection before it answered"},
      {"a close at once", {test::hang_up{}}, errc::unavailable, ""},
      {"a close in the head", answering_and("HTTP/1.1 200 OK\r\nContent-", test::hang_up{}), errc::bad_response, "the answer of localhost came in part: it was cut off"},
      {"a close in the body", answering_and("HTTP/1.1 200 OK\r\n" + json + "Content-Length: 10\r\n\r\n{", test::hang_up{}), errc::bad_response, "came in part"},
      {"a close between chunks", answering_and("HTTP/1.1 200 OK\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", test::hang_up{}), errc::bad_response, "came in part"},
      {"a reset", {test::await_request{}, test::reset{}}, errc::unavailable, "the connection to localhost was lost: "},
      {"a reset in the body", {test::await_request{}, test::send{"HTTP/1.1 200 OK\r\n" + json + "Content-Length: 10\r\n\r\n{"}, test::pause{10ms}, test::reset{}}, errc::unavailable,
       "the connection to localhost was lost: "},
  };
  return all;
}

http::client_options options_for_misbehaviours() {
  http::client_options o;
  o.max_body_bytes = 4096;
  o.timeouts.between_bytes = 40s;
  return o;
}

void prepare(http::request& what) {
  what.accept = "application/json";
  what.headers.set("Authorization", "Bearer sk-0123456789");
}

void check_outcome(const misbehaviour& m, const result<http::response>& r) {
  if (m.code == well) {
    REQUIRE(r.has_value());
    CHECK(r->body == m.text);
    return;
  }
  REQUIRE(r.has_error());
  CHECK(r.error().code() == make_error_code(m.code));
  CHECK_THAT(r.error().message(), Catch::Matchers::ContainsSubstring(m.text));
  CHECK(r.error().retry_after() == m.retry_after);
  CHECK(r.error().message().size() < 500);
}

}  // namespace

TEST_CASE("each misbehaviour of a server has its failure, plain and by TLS, however its bytes are split") {
  for (const wire how : {wire::plain, wire::tls})
    for (const std::size_t at_once : {std::size_t{65536}, std::size_t{1}})
      for (const misbehaviour& m : all_misbehaviours()) {
        if (at_once == 1 && m.text == "its head is too long") continue;  // seventy thousand reads
        INFO(m.name << (how == wire::tls ? " by TLS" : "") << ", bytes at once: " << at_once);
        http_world w(options_for_misbehaviours(), {.most_at_once = at_once}, how, at_once + 1);
        w.server->next(m.does);
        http::request what = w.get();
        prepare(what);
        check_outcome(m, w.ask(std::move(what)));
        w.world.run_until_idle();
        CHECK(w.client->stats().connections == w.client->stats().idle);
      }
}

TEST_CASE("the same over TCP, where it takes no time") {
  for (const wire how : {wire::plain, wire::tls}) {
    boost::asio::io_context context(1);
    const runtime rt(context.get_executor());
    http::client_options options = options_for_misbehaviours();
    options.ca_file = test::the_authority().ca_file();
    const http::client client(rt, options);
    const auto tls = how == wire::tls ? test::localhost() : nullptr;
    for (const misbehaviour& m : all_misbehaviours()) {
      if (m.lasts == how_long::takes_time) continue;
      INFO(m.name << (how == wire::tls ? " by TLS" : ""));
      test::scripted_server server(rt, tls);
      server.next(m.does);
      http::request what("GET", http::url::parse((how == wire::tls ? "https" : "http") + std::string("://localhost:") + std::to_string(server.listen())).value());
      prepare(what);
      test::outcome<http::response> end;
      client.async_send(std::move(what), {}, end.take());
      context.restart();
      while (end.count() == 0) REQUIRE(context.run_one() == 1);
      check_outcome(m, end.answered() ? result<http::response>(end.value()) : result<http::response>(end.why()));
    }
  }
}

TEST_CASE("a server whose certificate is wrong is not asked, and the failure says what is wrong with it") {
  struct wrong_certificate {
    std::shared_ptr<http::tls_context> server;
    std::string text;
  };
  const test::authority another;
  for (const auto& [server, text] : {wrong_certificate{test::the_authority().server("example.com"), "the certificate of localhost is not to be trusted: hostname mismatch"},
                                     {test::the_authority().server("localhost", -1h), "not to be trusted: certificate has expired"},
                                     {another.server("localhost"), "not to be trusted: "}}) {
    http_world w({}, {}, wire::tls, 1, server);
    w.server->next({test::await_request{}, test::stall{}});
    const auto r = w.ask(w.get());
    REQUIRE(r.has_error());
    CHECK(r.error().is(errc::unavailable));
    CHECK_THAT(r.error().message(), Catch::Matchers::ContainsSubstring(text));
    CHECK(w.server->requests().empty());
    CHECK(w.client->stats().connections == 0);
  }
}

TEST_CASE("an address is a host whose certificate names it, and plain HTTP is no TLS") {
  http::client_options options;
  options.ca_file = test::the_authority().ca_file();
  boost::asio::io_context context(1);
  const runtime rt(context.get_executor());
  const http::client client(rt, options);
  const auto ask = [&](const std::shared_ptr<http::tls_context>& tls) {
    test::scripted_server server(rt, tls);
    if (tls) server.next(answering(answer("200 OK", "hello")));
    else server.next({test::send{answer("200 OK", "hello")}, test::stall{}});
    test::outcome<http::response> end;
    client.async_send({"GET", http::url::parse("https://127.0.0.1:" + std::to_string(server.listen())).value()}, {}, end.take());
    context.restart();
    while (end.count() == 0) REQUIRE(context.run_one() == 1);
    return end.answered() ? end.value().body : end.why().message();
  };
  CHECK(ask(test::the_authority().server("127.0.0.1")) == "hello");
  CHECK_THAT(ask(test::the_authority().server("127.0.0.2")), Catch::Matchers::ContainsSubstring("IP address mismatch"));
  CHECK_THAT(ask(nullptr), Catch::Matchers::ContainsSubstring("no TLS connection: "));
}
