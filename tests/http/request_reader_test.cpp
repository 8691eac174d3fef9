// SPDX-License-Identifier: BSL-1.0
#include "src/http/server/request_reader.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

using namespace catena;
namespace server = http::server;
using server::request_step;

namespace {

const server::service& everything() {
  static const server::service one({{"GET", "/", nullptr}, {"POST", "/in", nullptr}}, {.hosts = {"h"}, .token = "t"});
  return one;
}

/// What is made of a text that comes in pieces of so many bytes: "(METHOD TARGET body)" for each request, "(status)" for each that is refused,
/// "100" where the other end is told to go on, "..." where more must come, "|" where the connection ends.
std::string read(std::string_view text, std::size_t size, const server::request_bounds& bounds = {1000, 100}) {
  server::request_reader reader(everything(), bounds);
  std::string all;
  while (!text.empty()) {
    const auto room = reader.room();
    REQUIRE_FALSE(room.empty());
    const std::size_t bytes = std::min({size, text.size(), room.size()});
    std::memcpy(room.data(), text.data(), bytes);
    text.remove_prefix(bytes);
    for (request_step step = reader.came(bytes);; step = reader.next()) {
      if (step == request_step::go_ahead) all += "100";
      if (step == request_step::go_ahead || step == request_step::more) break;
      if (step == request_step::whole) all += "(" + reader.asked().method + " " + reader.asked().target + (reader.asked().body.empty() ? "" : " " + reader.asked().body) + ")";
      else all += "(" + std::to_string(reader.refusal().status) + ")";
      if (!reader.keeps_connection()) return all + "|";
    }
  }
  return all + (reader.is_idle() ? "" : "...");
}

/// The same however it is split.
std::string read_split(std::string_view text) {
  const std::string whole = read(text, text.size());
  for (std::size_t size = 1; size < std::min<std::size_t>(text.size(), 40); ++size) {
    INFO("in pieces of " << size << ": " << text);
    CHECK(read(text, size) == whole);
  }
  return whole;
}

const std::string a_get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string a_post = "POST /in HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\n";

}  // namespace

TEST_CASE("requests are read one after the other, with bodies of known length or in chunks, however they are split") {
  CHECK(read_split(a_get) == "(GET /)");
  CHECK(read_split(a_get + a_get + a_get) == "(GET /)(GET /)(GET /)");
  CHECK(read_split(a_get + "GET /") == "(GET /)...");
  CHECK(read_split(a_get + "GET / HTTP/1.1\r\n") == "(GET /)...");
  CHECK(read_split("HEAD /?a=b HTTP/1.1\r\nhost:h\r\n\r\n") == "(HEAD /?a=b)");
  CHECK(read_split(a_post + "Content-Length: 5\r\n\r\nhello" + a_get) == "(POST /in hello)(GET /)");
  CHECK(read_split(a_post + "Content-Length: 0\r\n\r\n" + a_get) == "(POST /in)(GET /)");
  CHECK(read_split(a_post + "\r\n" + a_get) == "(POST /in)(GET /)");
  CHECK(read_split(a_post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n" + a_get) == "(POST /in hello world)(GET /)");
  CHECK(read_split(a_post + "Transfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\nHost: evil\r\n\r\n" + a_get) == "(POST /in x)(GET /)");
  CHECK(read_split(a_post + "Content-Length: 5\r\n\r\nhell") == "...");
}

TEST_CASE("a connection ends behind a request that says so, and behind one of HTTP/1.0") {
  CHECK(read_split("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + a_get) == "(GET /)|");
  CHECK(read_split("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n" + a_get) == "(GET /)|");
}

TEST_CASE("what could be read in two ways is no request, and nothing behind it is read") {
  const std::string length = "Content-Length: 5\r\n", chunked = "Transfer-Encoding: chunked\r\n";
  for (const std::string& fields :
       {length + chunked, chunked + length, length + "Content-Length: 6\r\n", length + length, std::string("Content-Length: 5, 5\r\n"), std::string("Content-Length: +5\r\n"),
        std::string("Content-Length: 0x5\r\n"), std::string("Content-Length: \r\n"), std::string("Content-Length: 99999999999999999999\r\n"), chunked + chunked,
        std::string("Transfer-Encoding: gzip, chunked\r\n"), std::string("Transfer-Encoding: chunked, gzip\r\n"), std::string("Transfer-Encoding: gzip\r\n"),
        std::string("Transfer-Encoding: xchunked\r\n"), std::string("Transfer-Encoding:\r\n"), std::string("Transfer-Encoding : chunked\r\n"),
        std::string("Content-Length : 5\r\n"), std::string("Content-Length: 5\n"), std::string("X: a\r\n b\r\n"), std::string("X: a\r\n\tContent-Length: 5\r\n"),
        std::string(" X: a\r\n"), std::string("X\r\n"), std::string(": a\r\n"), std::string("X Y: a\r\n"), std::string("X: a\rb\r\n"), std::string("X: a\0b\r\n", 8),
        std::string("Host: h\r\n"), std::string("X: \x01\r\n")}) {
    INFO(fields);
    CHECK(read_split(a_post + fields + "\r\nhello" + a_get) == "(400)|");
  }
  CHECK(read_split("POST /in HTTP/1.0\r\nHost: h\r\nAuthorization: Bearer t\r\n" + chunked + "\r\n0\r\n\r\n") == "(400)|");
}

TEST_CASE("what is no HTTP is told so at once") {
  for (const std::string& text : {std::string("\x16\x03\x01\x02"), std::string("\r\n") + a_get, std::string("a_get / HTTP/1.1\r\n"), std::string("{"), std::string("\0", 1)})
    CHECK(read(text, 1) == "(400)|");
  for (const char* line : {"GET /", "GET / HTTP/2.0", "GET / HTTP/1.2", "GET / http/1.1", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET\t/ HTTP/1.1",
                           "GET http://h/ HTTP/1.1", "GET * HTTP/1.1",
                           "GET h HTTP/1.1", "GET /\x7f HTTP/1.1", "GET /\xc3\xa9 HTTP/1.1", "GET /#a HTTP/1.1", "G@T / HTTP/1.1", "GET", "GET ", "GET / ", "GET / HTTP"}) {
    INFO(line);
    CHECK(read_split(std::string(line) + "\r\nHost: h\r\n\r\n" + a_get) == "(400)|");
  }
  CHECK(read_split("GET / HTTP/1.1\r\n\r\n") == "(400)|");
  CHECK(read_split("GET / \r\n\r\n") == "(400)|");
}

TEST_CASE("heads and bodies have a bound, which is told at the first byte beyond it") {
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
  const std::string just_right = head + std::string(1000 - head.size() - 4, 'x') + "\r\n\r\n";
  CHECK(read_split(just_right + a_get) == "(GET /)(GET /)");
  CHECK(read_split(head + std::string(1000 - head.size() - 3, 'x') + "\r\n\r\n") == "(431)|");
  CHECK(read(head + std::string(1001 - head.size(), 'x'), 1) == "(431)|");
  CHECK(read_split(a_post + "Content-Length: 100\r\n\r\n" + std::string(100, 'x') + a_get) == "(POST /in " + std::string(100, 'x') + ")(GET /)");
  CHECK(read_split(a_post + "Content-Length: 101\r\n\r\n") == "(413)|");
  CHECK(read_split(a_post + "Content-Length: 18446744073709551615\r\n\r\n") == "(413)|");
  const std::string in_chunks = a_post + "Transfer-Encoding: chunked\r\n\r\n";
  CHECK(read_split(in_chunks + "64\r\n" + std::string(100, 'x') + "\r\n0\r\n\r\n") == "(POST /in " + std::string(100, 'x') + ")");
  CHECK(read_split(in_chunks + "65\r\n" + std::string(101, 'x') + "\r\nwhatever") == "(413)|");
  CHECK(read_split(in_chunks + "ffffffffffffffff\r\n" + std::string(101, 'x')) == "(413)|");
  CHECK(read_split(in_chunks + "fffffffffffffffff\r\n") == "(400)|");
  CHECK(read(in_chunks + "1;" + std::string(5000, 'x'), 1) == "(431)|");
  CHECK(read(in_chunks + "0\r\n" + std::string(5000, 'x'), 1) == "(431)|");
}

TEST_CASE("a request that is refused keeps its connection where it has no body, and is judged before that comes") {
  CHECK(read_split("GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n" + a_get) == "(404)(GET /)");
  CHECK(read_split("GET / HTTP/1.1\r\nHost: evil\r\n\r\n" + a_get) == "(421)(GET /)");
  CHECK(read_split("DELETE / HTTP/1.1\r\nHost: h\r\n\r\n" + a_get) == "(405)(GET /)");
  CHECK(read("POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", 1) == "(401)|");
  CHECK(read_split("POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + a_get) == "(401)|");
  CHECK(read_split("POST /nowhere HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nbad" + a_get) == "(404)|");
}

TEST_CASE("who waits to be told before it sends a body is told to go ahead, once, and not where it is refused") {
  const std::string expecting = a_post + "Expect: 100-continue\r\n";
  CHECK(read(expecting + "Content-Length: 2\r\n\r\n", 1) == "100...");
  CHECK(read(expecting + "Content-Length: 2\r\n\r\nhi" + a_get, 1) == "100(POST /in hi)(GET /)");
  CHECK(read(expecting + "Content-Length: 2\r\n\r\nhi" + a_get, 500) == "(POST /in hi)(GET /)");
  CHECK(read_split(expecting + "Content-Length: 0\r\n\r\n" + a_get) == "(POST /in)(GET /)");
  CHECK(read_split(expecting + "Content-Length: 101\r\n\r\n") == "(413)|");
  CHECK(read_split("POST /in HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n") == "(401)|");
  CHECK(read_split(a_post + "Expect: wonders\r\nContent-Length: 2\r\n\r\n") == "(417)|");
}
