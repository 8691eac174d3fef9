// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <string>
#include <vector>

#include "http/support/http_world.hpp"
#include "http/support/misbehaviour.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using test::answer;
using test::answering;
using test::answering_and;
using test::answering_and_reset;
using test::how_long;
using test::http_world;
using test::in_chunks;
using test::misbehaviour;
using test::well;
using test::wire;

namespace {

const std::string json = "Content-Type: application/json; charset=utf-8\r\n";
const std::string html = "Content-Type: text/html\r\n";
const std::string date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
const std::string in_a_minute = "Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n";
const std::string ok_head = "HTTP/1.1 200 OK\r\n" + json;
const std::string chunked_head = ok_head + "Transfer-Encoding: chunked\r\n\r\n";
const std::string of_ten_bytes = ok_head + "Content-Length: 10\r\n\r\n";

const std::string no_sense = "the answer of localhost is not to be understood: ";
const std::string lost = "the connection to localhost was lost: ";
const std::string in_part = "the answer of localhost came in part: it was cut off";
const std::string too_long = "the body of the answer of localhost is longer than client_options::max_body_bytes, 4096";

/// Right, or nearly so.
const std::vector<misbehaviour> tolerable{
    {"none", answering(answer("200 OK", "{}", json)), well, "{}"},
    {"chunks", answering(in_chunks("{\"a\": 1}", 3, json)), well, "{\"a\": 1}"},
    {"no body in chunks", answering(chunked_head + "0\r\n\r\n"), well, ""},
    {"a body until the end of the stream", answering_and(ok_head + "\r\n{}", test::hang_up{}), well, "{}"},
    {"preliminary answers",
     answering("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer("200 OK", "{}", json)), well, "{}"},
    {"an answer before the question is whole", {test::send{answer("200 OK", "{}", json)}, test::stall{}}, well, "{}"},
    {"slow bytes", {test::await_request{}, test::send_slowly{answer("200 OK", "{}", json), 30s}, test::stall{}}, well, "{}", {},
     how_long::takes_time},
};

const std::vector<misbehaviour> not_to_be_understood{
    {"LF instead of CRLF", answering("HTTP/1.1 200 OK\n" + json + "\n{}"), errc::bad_response,
     no_sense + "a line of its head ends without CR; it begins with 'HTTP/1.1 200 OK?"},
    {"no HTTP", answering("SSH-2.0-OpenSSH_9.2\r\n"), errc::bad_response, no_sense + "it is no HTTP; it begins with 'S"},
    {"two lengths", answering(ok_head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), errc::bad_response, no_sense},
    {"a length and chunks", answering(ok_head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"), errc::bad_response, no_sense},
    {"a wrong chunk", answering(chunked_head + "zz\r\n{}"), errc::bad_response, no_sense + "it is no HTTP (bad chunk)"},
    {"a head that never ends", answering("HTTP/1.1 200 OK\r\nX: " + std::string(5000, 'x')), errc::bad_response, "its head is too long"},
    {"a chunk's line that never ends", answering(chunked_head + "1;x=" + std::string(5000, 'x')), errc::bad_response,
     no_sense + "what is between its chunks is too long"},
    {"a trailer that never ends", answering(chunked_head + "1\r\n{\r\n0\r\nX: " + std::string(5000, 'x')), errc::bad_response,
     no_sense + "what is between its chunks is too long"},
};

const std::vector<misbehaviour> too_large{
    {"a body that is too large", answering(answer("200 OK", std::string(5000, ' '), json)), errc::bad_response, too_long},
    {"100 MB that never come", answering(ok_head + "Content-Length: 104857600\r\n\r\n"), errc::bad_response, too_long},
    {"more than there can be", answering(ok_head + "Content-Length: 18446744073709551615\r\n\r\n"), errc::bad_response, too_long},
    {"too large in chunks", answering(in_chunks(std::string(5000, ' '), 700, json)), errc::bad_response, too_long},
    {"too large until the end of the stream", answering(ok_head + "\r\n" + std::string(5000, ' ')), errc::bad_response, too_long},
};

const std::vector<misbehaviour> of_another_type{
    {"a page instead of JSON", answering(answer("200 OK", "<html>Log in</html>", html)), errc::bad_response,
     "localhost answers with text/html instead of application/json, with a page of HTML: <html>Log in</html>"},
    {"a proxy's page that is too large", answering(answer("200 OK", "<html>" + std::string(9000, 'x'), html)), errc::bad_response,
     "localhost answers with text/html instead of application/json, with a page of HTML: <html>xxx"},
    {"text instead of JSON", answering(answer("200 OK", "{}", "Content-Type: text/plain\r\n")), errc::bad_response,
     "localhost answers with text/plain instead of application/json: {}"},
    {"no type of content", answering(answer("200 OK", "{}")), errc::bad_response,
     "localhost answers with content of no type instead of application/json: {}"},
};

const std::vector<misbehaviour> refusals{
    {"400", answering(answer("400 Bad Request", "{\"error\": \"no such model\"}", json)), errc::invalid_input,
     "localhost answers 400 Bad Request: {\"error\": \"no such model\"}"},
    {"401 that repeats the key", answering(answer("401 Unauthorized", "wrong key sk-0123456789!", json)), errc::refused,
     "localhost answers 401 Unauthorized: wrong key ***!"},
    {"402", answering(answer("402 Payment Required", "", json)), errc::refused,
     "answers 402 Payment Required (nothing is left on the account), and says nothing more"},
    {"403", answering(answer("403 Forbidden", "no", json)), errc::refused, "answers 403 Forbidden: no"},
    {"404", answering(answer("404 Not Found", "no", json)), errc::refused, "answers 404 Not Found: no"},
    {"422", answering(answer("422 Unprocessable Entity", "", json)), errc::invalid_input, "answers 422"},
    {"a redirect", answering(answer("307 Temporary Redirect", "", "Location: https://other.example/secret?key=1\r\n")), errc::refused,
     "localhost answers 307 Temporary Redirect, a redirect to https://other.example:443, which is not followed"},
    {"a redirect on the server", answering(answer("302 Found", "", "Location: /login\r\n")), errc::refused,
     "a redirect to another path of the same server, which is not followed"},
    {"a redirect to nowhere", answering(answer("301 Moved Permanently", "")), errc::refused, "a redirect to nowhere, which is not followed"},
};

const std::vector<misbehaviour> busy{
    {"408", answering(answer("408 Request Timeout", "", json)), errc::busy, "answers 408"},
    {"409", answering(answer("409 Conflict", "", json)), errc::busy, "answers 409"},
    {"429 with seconds", answering(answer("429 Too Many Requests", "slower", json + "Retry-After: 7\r\n")), errc::busy,
     "localhost answers 429 Too Many Requests: slower", 7s},
    {"429 with a date", answering(answer("429 Too Many Requests", "", json + date + in_a_minute)), errc::busy, "answers 429", 60s},
    {"429 with nonsense", answering(answer("429 Too Many Requests", "", json + "Retry-After: soon\r\n")), errc::busy, "answers 429"},
    {"429 with less than nothing", answering(answer("429 Too Many Requests", "", json + "Retry-After: -1\r\n")), errc::busy, "answers 429"},
    {"500", answering(answer("500 Internal Server Error", "oops", json)), errc::busy, "answers 500 Internal Server Error: oops"},
    {"502 from a proxy", answering(answer("502 Bad Gateway", "<html>" + std::string(5000, 'x'), html)), errc::busy,
     "answers 502 Bad Gateway, with a page of HTML: <html>xxx"},
    {"503 with seconds", answering(answer("503 Service Unavailable", "", json + "Retry-After: 120\r\n")), errc::busy,
     "localhost answers 503 Service Unavailable, and says nothing more", 120s},
    {"503 with a date", answering(answer("503 Service Unavailable", "", json + date + in_a_minute)), errc::busy, "answers 503", 60s},
    {"503 with a date that has passed", answering(answer("503 Service Unavailable", "", json + "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n")),
     errc::busy, "answers 503"},
    {"503 cut off", answering_and("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\nmainten", test::hang_up{}), errc::busy,
     "answers 503 Service Unavailable: mainten"},
    {"503 without an end", answering("HTTP/1.1 503 Service Unavailable\r\n\r\n" + std::string(5000, 'x')), errc::busy, "Unavailable: xxx"},
};

const std::vector<misbehaviour> stalls{
    {"silence", {test::await_request{}, test::stall{}}, errc::timed_out, "nothing of the answer of localhost came for 60000 ms", {},
     how_long::takes_time},
    {"a question that is not read", {test::stall{}}, errc::timed_out, "nothing of the answer of localhost came for 60000 ms", {},
     how_long::takes_time},
    {"a stall in the head", answering("HTTP/1.1 200 OK\r\nContent-"), errc::timed_out,
     "nothing more of the answer of localhost came for 40000 ms", {}, how_long::takes_time},
    {"a stall behind the head", answering(of_ten_bytes), errc::timed_out, "nothing more of the answer", {}, how_long::takes_time},
    {"a stall in the body", answering(of_ten_bytes + "{"), errc::timed_out, "nothing more of the answer", {}, how_long::takes_time},
    {"a stall in a refusal", answering("HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\n{"), errc::timed_out, "nothing more of the answer", {},
     how_long::takes_time},
};

const std::vector<misbehaviour> early_ends{
    {"a close at once", {test::hang_up{}}, errc::unavailable, ""},
    {"an early close", {test::await_request{}, test::hang_up{}}, errc::unavailable, "localhost closed the connection before it answered"},
    {"a close in the head", answering_and("HTTP/1.1 200 OK\r\nContent-", test::hang_up{}), errc::bad_response, in_part},
    {"a close behind the head", answering_and(of_ten_bytes, test::hang_up{}), errc::bad_response, in_part},
    {"a close in the body", answering_and(of_ten_bytes + "{", test::hang_up{}), errc::bad_response, in_part},
    {"a close in a chunk", answering_and(chunked_head + "2\r\n{", test::hang_up{}), errc::bad_response, in_part},
    {"a close between chunks", answering_and(chunked_head + "1\r\n{\r\n", test::hang_up{}), errc::bad_response, in_part},
    {"a close in the last chunk", answering_and(chunked_head + "1\r\n{\r\n0\r\n", test::hang_up{}), errc::bad_response, in_part},
    {"a reset at once", {test::reset{}}, errc::unavailable, ""},
    {"a reset", {test::await_request{}, test::reset{}}, errc::unavailable, lost},
    {"a reset in the head", answering_and_reset("HTTP/1.1 200 OK\r\nContent-"), errc::unavailable, lost},
    {"a reset behind the head", answering_and_reset(of_ten_bytes), errc::unavailable, lost},
    {"a reset in the body", answering_and_reset(of_ten_bytes + "{"), errc::unavailable, lost},
    {"a reset between chunks", answering_and_reset(chunked_head + "1\r\n{\r\n"), errc::unavailable, lost},
    {"a reset behind the answer", answering_and_reset(answer("200 OK", "{}", json)), well, "{}"},
};

const std::vector<const std::vector<misbehaviour>*> all_misbehaviours{&tolerable, &not_to_be_understood, &too_large, &of_another_type,
                                                                      &refusals,  &busy,                 &stalls,    &early_ends};

http::client_options options_for_misbehaviours() {
  http::client_options o;
  o.max_body_bytes = 4096;
  o.max_head_bytes = 4096;
  o.timeouts.between_bytes = 40s;
  return o;
}

http::request asking_for_json(http::request what) {
  what.accept = "application/json";
  what.headers.set("Authorization", "Bearer sk-0123456789");
  return what;
}

}  // namespace

TEST_CASE("each misbehaviour of a server has its failure, plain and by TLS, however its bytes are split") {
  for (const wire how : {wire::plain, wire::tls})
    for (const std::size_t at_once : {std::size_t{65536}, std::size_t{1}})
      for (const auto* table : all_misbehaviours)
        for (const misbehaviour& m : *table) {
          INFO(m.name << (how == wire::tls ? " by TLS" : "") << ", bytes at once: " << at_once);
          http_world w(options_for_misbehaviours(), {.most_at_once = at_once}, how, at_once + 1);
          w.server->next(m.does);
          test::check_outcome(m, w.ask(asking_for_json(w.get())));
          w.world.run_until_idle();
          CHECK(w.client->stats().connections == w.client->stats().idle);
        }
}

TEST_CASE("the same over TCP, where it takes no time") {
  for (const wire how : {wire::plain, wire::tls}) {
    test::tcp_place place(how, options_for_misbehaviours());
    for (const auto* table : all_misbehaviours)
      for (const misbehaviour& m : *table) {
        if (m.lasts == how_long::takes_time) continue;
        INFO(m.name << (how == wire::tls ? " by TLS" : ""));
        test::scripted_server server(place.rt, how == wire::tls ? test::localhost() : nullptr);
        server.next(m.does);
        test::check_outcome(m, place.ask(asking_for_json(place.get(server.listen()))));
      }
  }
}

TEST_CASE("an answer that is closed, reset or stalled behind any of its bytes has the failure of that") {
  const std::string text = in_chunks("{\"a\": 1}", 5, "Content-Type: application/json\r\n");
  for (const wire how : {wire::plain, wire::tls})
    for (std::size_t size = 0; size < text.size(); size += how == wire::plain ? 1 : 9) {
      const std::string part = text.substr(0, size);
      const std::vector<misbehaviour> all{
          {"closed", answering_and(part, test::hang_up{}), size == 0 ? errc::unavailable : errc::bad_response,
           size == 0 ? "localhost closed the connection before it answered" : in_part},
          {"reset", answering_and_reset(part), errc::unavailable, lost},
          {"stalled", answering(part), errc::timed_out, size == 0 ? "nothing of the answer" : "nothing more of the answer"},
      };
      for (const misbehaviour& m : all) {
        INFO(m.name << (how == wire::tls ? " by TLS" : "") << " behind '" << part << "'");
        http_world w(options_for_misbehaviours(), {}, how, size + 1);
        w.server->next(m.does);
        test::check_outcome(m, w.ask(asking_for_json(w.get())));
        CHECK(w.client->stats().connections == 0);
      }
    }
}
