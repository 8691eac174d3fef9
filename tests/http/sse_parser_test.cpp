// SPDX-License-Identifier: BSL-1.0
#include <catena/http/sse_parser.hpp>

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "http/plain_sse.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using http::sse_parser;
using http::sse_token;

namespace {

using found_events = std::vector<std::string>;

found_events whole(const std::string& text) {
  sse_parser parser;
  return test::parsed_sse(parser, text, [](std::size_t left) { return left; });
}

}  // namespace

TEST_CASE("an event's data lines are joined by a newline, and its type and its id are told") {
  CHECK(whole("event: token\nid: 7\ndata: one\ndata:  two\ndata\n\n") == found_events{"token|7|one\n two\n"});
  CHECK(whole("data:{\"a\":1}\n\n") == found_events{"message||{\"a\":1}"});
  CHECK(whole("event: a\n\nid: 1\ndata: x\n\ndata: y\n\n") == found_events{"alive", "message|1|x", "message|1|y"});
}

TEST_CASE("lines end with LF, CRLF or CR, and a byte order mark is no part of the first") {
  const found_events expected{"message||a", "message||b"};
  for (const std::string end : {"\n", "\r\n", "\r"})
    CHECK(whole("\xEF\xBB\xBF""data: a" + end + end + "data: b" + end + end) == expected);
}

TEST_CASE("comments and empty lines say that the server lives, and end nothing") {
  CHECK(whole(": keep-alive\n\n\n\ndata: a\n: keep-alive\ndata: b\n\n") == found_events{"alive", "alive", "alive", "alive", "alive", "message||a\nb"});
}

TEST_CASE("an event ends with its empty line, before what comes after a CR is known") {
  sse_parser parser;
  std::string_view piece = "data: a\r\r";
  CHECK(parser.parse(piece) == sse_token::event);
  piece = "\n";
  CHECK(parser.parse(piece) == sse_token::more);
  CHECK_FALSE(parser.inside_event());
}

TEST_CASE("what is not complete when the stream ends is told from what is") {
  sse_parser parser;
  std::string_view piece = "data: a\n";
  CHECK_FALSE(parser.inside_event());
  CHECK(parser.parse(piece) == sse_token::more);
  CHECK(parser.inside_event());
  piece = "\n";
  CHECK(parser.parse(piece) == sse_token::event);
  CHECK_FALSE(parser.inside_event());
  piece = "da";
  CHECK(parser.parse(piece) == sse_token::more);
  CHECK(parser.inside_event());
}

TEST_CASE("a time to connect again is taken from digits only, and an id with a NUL is none") {
  sse_parser parser;
  (void)test::parsed_sse(parser, "retry: 1500\nretry: 2s\nretry: 99999999999\nretry:\n", [](std::size_t n) { return n; });
  CHECK(parser.retry() == 1500ms);
  CHECK(whole(std::string("id: 1\nid: 2\0\ndata: x\n\n", 22)) == found_events{"message|1|x"});
}

TEST_CASE("an event, a line or a comment longer than the bound ends the parsing, with a text that names the bound") {
  for (const std::string text : {"data: 123456789\n\n", "data: 1234\ndata: 5\ndata: 6\n\n", ": a comment that never ends", "event: 0123456789"}) {
    for (const std::size_t size : {std::size_t{1}, text.size()}) {
      sse_parser parser({.max_event_bytes = 12});
      CHECK(test::parsed_sse(parser, text, [&](std::size_t) { return size; }) == found_events{"too large"});
      std::string_view more = "\n\ndata: x\n\n";
      CHECK(parser.parse(more) == sse_token::too_large);
      CHECK(parser.why().is(errc::bad_response));
      CHECK(parser.why().message() == "an event of the stream is longer than sse_options::max_event_bytes, 12");
    }
  }
  CHECK_THROWS_WITH(sse_parser({.max_event_bytes = 0}), Catch::Matchers::ContainsSubstring("sse_options::max_event_bytes must be"));
}

TEST_CASE("the parser finds what ten lines find that see all at once, however the bytes are split") {
  static constexpr std::string_view words[] = {"data", "data:", "data: ", "event: e", "id: ", "retry: 1", ":", "\r", "\n", "\r\n", "\n\n", "x", " ", "\xE4\xBD\xA0", "\xEF\xBB\xBF"};
  for (std::uint32_t seed = 1; seed <= 2000; ++seed) {
    std::mt19937 random(seed);
    std::string text;
    for (auto n = random() % 40; n > 0; --n) text += words[random() % std::size(words)];
    sse_parser parser;
    INFO("seed " << seed);
    REQUIRE(test::parsed_sse(parser, text, [&](std::size_t left) { return 1 + random() % std::min<std::size_t>(left, seed % 9 + 1); }) == test::plain_sse(text));
  }
}
