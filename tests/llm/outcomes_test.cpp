// SPDX-License-Identifier: BSL-1.0
// What a server can do, and what becomes of it: whole answers, streamed ones, and time.
#include <catena/llm/chat_model.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <ranges>
#include <string>
#include <vector>

#include "llm/support/chat_world.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using test::chat_world;
using test::event;
using test::token;

namespace {

const llm::messages question{llm::message::user("a private question")};
const std::string stream_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n";

struct bad_end {
  const char* what;
  test::script server;
  errc code;
  const char* text;
  duration retry_after{};
};

std::string status(const std::string& line, const std::string& fields = "", const std::string& body = R"({"error":{"message":"so it is"}})") {
  return test::answer(line, body, fields + "Content-Type: application/json\r\n");
}
test::script says(const std::string& text) { return {test::await_request{}, test::send{text}, test::hang_up{}}; }
test::script says_json(const std::string& body) { return says(chat_world::ok(body)); }
test::script streams(const std::string& events) { return says(stream_head + events); }

void check(const bad_end& row, const failure& why) {
  CAPTURE(row.what, why.to_string());
  CHECK(why.is(row.code));
  CHECK_THAT(why.message(), ContainsSubstring(row.text) && !ContainsSubstring("sk-secret") && !ContainsSubstring("private"));
  CHECK(why.retry_after() == row.retry_after);
}

}  // namespace

TEST_CASE("whatever a server says instead of an answer is a failure that tells what to do") {
  const std::vector<bad_end> rows{
      {"400", says(status("400 Bad Request")), errc::invalid_input, "so it is"},
      {"401", says(status("401 Unauthorized")), errc::refused, "401"},
      {"401 with the key", says(status("401 Unauthorized", "", "your key sk-secret is wrong")), errc::refused, "your key"},
      {"402", says(status("402 Payment Required")), errc::refused, "nothing is left on the account"},
      {"403", says(status("403 Forbidden")), errc::refused, "403"},
      {"404", says(status("404 Not Found")), errc::refused, "404"},
      {"408", says(status("408 Request Timeout")), errc::busy, "408"},
      {"409", says(status("409 Conflict")), errc::busy, "409"},
      {"422", says(status("422 Unprocessable Entity")), errc::invalid_input, "422"},
      {"429 for seconds", says(status("429 Too Many Requests", "Retry-After: 7\r\n")), errc::busy, "429", 7s},
      {"429 until a date", says(status("429 Too Many Requests", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n")), errc::busy, "429", 60s},
      {"500", says(status("500 Internal Server Error")), errc::busy, "500"},
      {"503", says(status("503 Service Unavailable", "Retry-After: 2\r\n")), errc::busy, "503", 2s},
      {"a redirect", says("HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/\r\nContent-Length: 0\r\n\r\n"), errc::refused, "not followed"},
      {"HTML of a proxy", says(test::answer("200 OK", "<html>Sign in</html>", "Content-Type: text/html\r\n")), errc::bad_response, "<html>Sign in"},
      {"HTML that says it is JSON", says_json("<html>Sign in</html>"), errc::bad_response, "a page that begins with: <html>Sign in"},
      {"nothing", says_json(""), errc::bad_response, "nothing at all"},
      {"JSON that is broken off", says_json(R"({"choices":[{"message":{"content":"a private ans)"), errc::bad_response, "broken off or malformed"},
      {"JSON that is something else", says_json("[1,2]"), errc::bad_response, "broken off or malformed"},
      {"no choice", says_json(R"({"choices":[]})"), errc::bad_response, "no choice"},
      {"a choice of nothing", says_json(R"({"choices":[7]})"), errc::bad_response, "no choice"},
      {"an error in a success, by its name", says_json(R"({"error":{"message":"slow down","type":"rate_limit_error"}})"), errc::busy, "slow down"},
      {"an error in a success, by its number", says_json(R"({"error":{"message":"no","code":403}})"), errc::refused, "no"},
      {"an error in a success, that is the caller's", says_json(R"({"error":{"message":"too long","type":"invalid_request_error"}})"), errc::invalid_input, "too long"},
      {"an error in a success, as a text", says_json(R"({"error":"out of memory"})"), errc::busy, "out of memory"},
      {"no room to go on", says_json(chat_world::completion(R"({"content":"a"})", "", "insufficient_system_resource")), errc::busy, "no resources"},
      {"it hangs up", {test::await_request{}, test::hang_up{}}, errc::unavailable, "localhost"},
      {"it is lost within the answer", {test::await_request{}, test::send{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"}, test::reset{}}, errc::unavailable, ""},
      {"it is silent", {test::await_request{}, test::stall{}}, errc::timed_out, "600000 ms"},
      {"it only sends empty lines", {test::await_request{}, test::send{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"}, test::send_slowly{std::string(100, '\n'), 10s}, test::stall{}},
       errc::timed_out, "600000 ms"},
      {"an error in a success that tells the key", says_json(R"({"error":{"message":"sk-secret is no key","code":401}})"), errc::refused, "is no key"},
      {"more calls than anybody wants", says_json(chat_world::completion(R"({"tool_calls":[{})" + [] {
         std::string more;
         for (int i = 0; i < 200; ++i) more += ",{}";
         return more;
       }() + "]}")), errc::bad_response, "it calls 201 tools at once"},
  };
  for (const bad_end& row : rows) {
    chat_world w;
    w.server->next(row.server);
    check(row, w.await(w.model().ask({}, question)).error());
  }
}

TEST_CASE("a stream that does not end as an answer fails, and says how far it came") {
  const std::string stop = event(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
  const std::vector<bad_end> rows{
      {"429", says(status("429 Too Many Requests", "Retry-After: 7\r\n")), errc::busy, "429", 7s},
      {"no stream", says_json(chat_world::completion(R"({"content":"a"})")), errc::bad_response, "application/json instead of text/event-stream"},
      {"it ends in the middle", streams(token("abc")), errc::bad_response, "cut off after 3 bytes"},
      {"it ends at once", streams(""), errc::bad_response, "cut off after 0 bytes"},
      {"it says that it is done, and not why", streams(token("abc") + "data: [DONE]\n\n"), errc::bad_response, "cut off after 3 bytes"},
      {"it is lost", {test::await_request{}, test::send{stream_head + token("abc")}, test::reset{}}, errc::unavailable, "localhost"},
      {"an error in it", streams(token("abc") + event(R"({"error":{"message":"overheated","type":"server_error"}})")), errc::busy, "overheated"},
      {"no JSON in it", streams(token("abc") + event("a private word")), errc::bad_response, "text that is no JSON, 14 bytes"},
      {"HTML in it", streams(event("<p>sorry</p>")), errc::bad_response, "<p>sorry"},
      {"no room to go on", streams(token("abc") + event(R"({"choices":[{"delta":{},"finish_reason":"insufficient_system_resource"}]})") + "data: [DONE]\n\n"), errc::busy, "no resources"},
      {"it is silent after its head", {test::await_request{}, test::send{stream_head}, test::stall{}}, errc::timed_out, "came for 30000 ms"},
      {"it is silent after a token", {test::await_request{}, test::send{stream_head + token("abc")}, test::stall{}}, errc::timed_out, "came for 40000 ms"},
      {"it only says that it lives", {test::await_request{}, test::send{stream_head}, test::pause{20s}, test::send{": keep-alive\n\n"}, test::pause{9s}, test::send{"\n"}, test::stall{}}, errc::timed_out, "came for 30000 ms"},
  };
  for (const bad_end& row : rows) {
    chat_world w;
    w.server->next(row.server);
    auto o = w.options();
    o.timeouts = {.first_token = 30s, .between_tokens = 40s};
    const time_point start = w.world.now();
    auto opened = w.await(llm::chat_model(*w.rt, o).open({}, question));
    if (!opened) {
      check(row, opened.error());
      continue;
    }
    check(row, w.await(opened->rest()).error());
    CHECK(w.world.now() - start <= 41s);
  }
}

TEST_CASE("a stream is read the same however its bytes come, with any line ends, comments, and what is no UTF-8") {
  const std::string heart = "\xE2\x9D\xA4\xEF\xB8\x8F";
  for (const std::string line_end : {"\n", "\r\n", "\r"}) {
    std::string events = ": keep-alive\n\n" + token("I ") + "\n" + token(heart) + ": keep-alive\n\n" + token(" it \xFF!") + test::last_events("stop", 4);
    std::string text;
    for (const char c : events) text += c == '\n' ? line_end : std::string(1, c);
    for (const duration between : {duration(0), duration(20s)}) {
      CAPTURE(line_end.size(), between.count());
      chat_world w;
      auto o = w.options();
      o.timeouts.between_tokens = o.timeouts.first_token = 3h;
      w.server->next({test::await_request{}, test::send{stream_head}, test::send_slowly{text, between}, test::hang_up{}});
      auto opened = w.await(llm::chat_model(*w.rt, o).open({}, question));
      REQUIRE(opened.has_value());
      const auto read = w.await(opened->rest());
      REQUIRE(read.has_value());
      CHECK(read->text() == "I " + heart + " it \xEF\xBF\xBD!");
      CHECK(read->usage == llm::token_usage{.input = 5, .output = 4});
    }
  }
}

TEST_CASE("an answer may take as long as its tokens keep coming") {
  chat_world w;
  w.streams(std::vector<std::string>(100, "x"), 50s);
  auto opened = w.await(w.model().open({}, question));
  REQUIRE(opened.has_value());
  const auto read = w.await(opened->rest());
  REQUIRE(read.has_value());
  CHECK(read->first_token == 50s);
  CHECK(read->took == 5000s);
}

TEST_CASE("an answer that is longer than it may be is given up") {
  chat_world w;
  auto o = w.options();
  o.max_answer_bytes = 1000;
  const llm::chat_model chat(*w.rt, o);
  SECTION("whole") {
    w.answers(std::string(2000, 'x'));
    const failure why = w.await(chat.ask({}, question)).error();
    CHECK(why.is(errc::bad_response));
  }
  SECTION("streamed") {
    w.streams(std::vector<std::string>(50, "x"), 1ms);
    auto opened = w.await(chat.open({}, question));
    const failure why = w.await(opened->rest()).error();
    CHECK(why.is(errc::bad_response));
    CHECK_THAT(why.message(), ContainsSubstring("max_answer_bytes"));
  }
}

TEST_CASE("tool calls come in pieces, several at once, and with what was thought before, also through TLS") {
  chat_world w(test::wire::tls);
  w.server->next(streams(event(R"({"choices":[{"index":0,"delta":{"reasoning_content":"I should "}}]})") + event(R"({"choices":[{"index":0,"delta":{"reasoning_content":"look"}}]})") +
                         event(R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"find","arguments":""}}]}}]})") +
                         event(R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}},{"index":1,"id":"b","function":{"name":"add","arguments":"{}"}}]}}]})") +
                         event(R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]},"finish_reason":"tool_calls"}]})") + "data: [DONE]\n\n"));
  auto opened = w.await(w.model().open({}, question));
  const auto read = w.await(opened->rest());
  REQUIRE(read.has_value());
  CHECK(read->finish == llm::finish::tool_calls);
  CHECK(read->message.reasoning == "I should look");
  CHECK(read->message.tool_calls == std::vector<llm::tool_call>{{"a", "find", R"({"x":1})"}, {"b", "add", "{}"}});
}

TEST_CASE("an answer in parts is joined, and a refusal is told as what it is") {
  const std::vector<std::pair<std::string, std::string>> rows{{R"({"content":[{"type":"text","text":"one "},{"type":"text","text":"two"}]})", "one two"},
                                                               {R"({"content":null,"refusal":"I will not"})", "I will not"}};
  for (const auto& [message, text] : rows) {
    CAPTURE(message);
    const llm::finish how = text == "I will not" ? llm::finish::content_filter : llm::finish::stop;
    chat_world w;
    w.server->next(says_json(chat_world::completion(message)));
    w.server->next(streams(event(R"({"choices":[{"index":0,"delta":)" + message + R"(},{"index":0,"delta":{"content":"again"}}]})") +
                           event(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})") + "data: [DONE]\n\n"));
    const auto whole = w.await(w.model().ask({}, question));
    REQUIRE(whole.has_value());
    CHECK(whole->text() == text);
    CHECK(whole->finish == how);
    auto opened = w.await(w.model().open({}, question));
    const auto streamed = w.await(opened->rest());
    REQUIRE(streamed.has_value());
    CHECK(streamed->text() == text);
    CHECK(streamed->finish == how);
  }
}

TEST_CASE("a server that keeps a stream open behind its end delays nobody for long") {
  chat_world w;
  w.server->next({test::await_request{}, test::send{stream_head + token("a") + test::last_events("stop", 1)}, test::stall{}});
  auto opened = w.await(w.model().open({}, question));
  const time_point start = w.world.now();
  CHECK(w.await(opened->rest()).has_value());
  CHECK(w.world.now() - start <= 1s);
}

TEST_CASE("what its callers have no time for does not lower how much a server is given") {
  chat_world w;
  w.server->next({test::await_request{}, test::stall{}});
  const llm::chat_model chat(*w.rt, w.options());
  CHECK(w.await(chat.ask({.deadline = w.world.now() + 1s}, question)).error().is(errc::deadline_exceeded));
  CHECK(chat.stats().limit == 2500);
}

TEST_CASE("a server that refuses what is too much is given less, and more again") {
  chat_world w;
  auto o = w.options();
  const llm::chat_model chat(*w.rt, o);
  std::size_t in_flight = 0;
  std::size_t most = 0;
  w.server->next({test::answer_each{[&](const std::string&) -> test::answer_each::reply {
    most = std::max(most, ++in_flight);
    w.rt->async_wait_until(w.world.now() + 1s, [&](boost::system::error_code) { --in_flight; });
    if (in_flight > 50) return {1s, status("429 Too Many Requests")};
    return {1s, chat_world::ok(chat_world::completion(R"({"content":"a"})"))};
  }}});
  std::size_t refused = 0;
  for (int round = 0; round < 60; ++round) {
    std::deque<test::outcome<llm::answer>> ends(100);
    for (auto& end : ends) w.start(chat.ask({}, question), end);
    w.world.run_until([&] { return std::ranges::all_of(ends, [](auto& end) { return end.count() != 0; }); });
    if (round < 30) continue;
    for (auto& end : ends) refused += end.why().is(errc::busy);
  }
  CHECK(most == 100);
  CHECK(chat.stats().in_flight == 0);
  CHECK(chat.stats().limit < 60);
  CHECK(refused < 3000 / 20);
}

TEST_CASE("the key is read from the environment, and nobody who lacks it gets far") {
  chat_world w;
  auto o = w.options();
  o.key_variable = "CATENA_TEST_NO_KEY";
  CHECK_THROWS_WITH(llm::chat_model(*w.rt, o), ContainsSubstring("the environment variable CATENA_TEST_NO_KEY, which is to hold the key, is not set"));
  ::setenv("CATENA_TEST_BAD_KEY", "two\r\nlines", 1);
  o.key_variable = "CATENA_TEST_BAD_KEY";
  CHECK_THROWS_WITH(llm::chat_model(*w.rt, o), ContainsSubstring("is no key") && !ContainsSubstring("two"));
  o.key_variable.clear();
  o.base_url = "https://elsewhere.test";
  CHECK_THROWS_WITH(llm::chat_model(*w.rt, o), ContainsSubstring("key_variable is missing") && ContainsSubstring("would be told it"));
  o.base_url = "http://api.deepseek.com";
  o.key_variable = "CATENA_TEST_KEY";
  CHECK_THROWS_WITH(llm::chat_model(*w.rt, o), ContainsSubstring("base_url"));
  o.base_url.clear();
  o.key_variable.clear();
  o.provider = llm::generic();
  CHECK_THROWS_WITH(llm::chat_model(*w.rt, o), ContainsSubstring("model is missing"));
  o.model = "m";
  CHECK_THROWS_WITH(llm::chat_model(*w.rt, o), ContainsSubstring("base_url is missing"));
}
