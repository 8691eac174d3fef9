// SPDX-License-Identifier: BSL-1.0
/// \file
/// What the bytes of requests mean to a server does not depend on how they are split, and nothing is served that its rules forbid.
#include "src/http/server/request_reader.hpp"

#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace catena::fuzz::request_reading_target {

namespace server = http::server;
using server::request_step;

/// The fuzzer's bytes, and instead of some what requests are made of.
std::string text_of(input& in) {
  static constexpr std::string_view words[] = {
      "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "PUT /policy HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\n", "POST /runs/%41b HTTP/1.1\r\n", "GET ", "HEAD ", " HTTP/1.1\r\n",
      " HTTP/1.0\r\n", "Host: h\r\n", "Host: ", "Authorization: Bearer t\r\n", "Origin: http://h\r\n", "Content-Length: ", "Transfer-Encoding: chunked\r\n",
      "Connection: close\r\n", "Expect: 100-continue\r\n", "\r\n", "\r\n\r\n", "\r", "\n", "0\r\n\r\n", "5\r\n", "hello", ";a=b", ": ", "%2f"};
  return in.rest(words);
}

const server::service& offered() {
  static const server::service one({{"GET", "/", nullptr}, {"PUT", "/policy", nullptr}, {"POST", "/runs/{ticket}", nullptr}}, {.hosts = {"h"}, .token = "t"});
  return one;
}

void expect_allowed(const server::request& r) {
  require(r.to != nullptr && r.to->method == (r.is_head() ? "GET" : r.method));
  const auto host = r.headers.find("host");
  require(host && (host->starts_with('h') || host->starts_with('H')));
  if (r.to->changes()) require(r.headers.find("authorization").value_or("").ends_with(" t"));
  require(r.name.empty() == (r.to->pattern.find('{') == std::string::npos));
  require(r.name.size() <= server::router::longest_name);
  // Two servers that stand one behind the other read the same requests.
  require(!r.headers.find("transfer-encoding") || !r.headers.find("content-length"));
  if (const auto length = r.headers.find("content-length")) require(std::to_string(r.body.size()) == length->substr(std::min(length->find_first_not_of('0'), length->size() - 1)));
}

/// All that a text came to: what is served and refused, and whether the connection may go on. `cut` says how long the next piece is.
template <class Cut>
std::string read(std::string_view text, Cut cut) {
  server::request_reader reader(offered(), {.head_bytes = 4096, .body_bytes = 100});
  std::string all;
  while (!text.empty()) {
    const auto room = reader.room();
    require(!room.empty() && room.size() <= 4 * 4096);
    const std::size_t size = std::min(cut(text.size()), room.size());
    std::memcpy(room.data(), text.data(), size);
    text.remove_prefix(size);
    for (request_step step = reader.came(size); step != request_step::more && step != request_step::go_ahead; step = reader.next()) {
      const server::request& r = reader.asked();
      require(r.body.size() <= 100);
      if (step == request_step::whole) expect_allowed(r);
      all += step == request_step::whole ? "|served " + r.method + " " + r.target + " " + r.name + " " + r.body : "|refused " + std::to_string(reader.refusal().status);
      const std::string answer = text_of(step == request_step::whole ? server::answer{} : reader.refusal(), server::body_sent::no, server::after_answer::connection_stays);
      require(answer.find("\r\n\r\n") == answer.size() - 4);
      if (!reader.keeps_connection()) return all + "|ends";
    }
  }
  return all + (reader.is_idle() ? "" : "|more");
}

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  const std::size_t longest = 1 + in.byte() % 16;
  std::uint32_t state = static_cast<std::uint32_t>(in.number(4));
  const auto cut = [&](std::size_t left) { return std::min<std::size_t>(left, 1 + ((state = state * 1664525 + 1013904223) >> 16) % longest); };
  const std::string text = text_of(in);
  require(read(text, cut) == read(text, [](std::size_t left) { return left; }));
}

const target registered("request_reading", on_input);

}  // namespace catena::fuzz::request_reading_target
