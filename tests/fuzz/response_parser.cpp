// SPDX-License-Identifier: BSL-1.0
/// \file
/// What the bytes of a response mean does not depend on how they are split, and nothing in them is taken for what it is not.
#include "src/http/answer_reader.hpp"

#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace catena::fuzz::response_parser_target {

/// The fuzzer's bytes, and instead of some what responses are made of.
std::string text_of(input& in) {
  static constexpr std::string_view words[] = {
      "HTTP/1.1 200 OK\r\n", "HTTP/1.0 ", "HTTP/1.1 ", "100 Continue\r\n\r\n", "304 x\r\n", "Content-Length: ", "Transfer-Encoding: chunked\r\n",
      "Connection: close\r\n", "Connection: keep-alive\r\n", "Content-Type: ", "\r\n", "\r\n\r\n", "\r", "\n", "0\r\n\r\n", "5\r\n", "hello", ";a=b"};
  const std::string begun = in.below(4) == 0 ? "" : "HTTP/1.1 200 OK\r\n";
  return begun + in.rest(words);
}

/// All that a response came to.
struct outcome {
  bool has_head = false, is_done = false, failed = false, keeps_alive = false;
  int status = 0;
  std::string fields, body;
  std::size_t left = 0;  ///< behind it
  bool operator==(const outcome&) const = default;
};

std::string one_text(const http::response_head& head) {
  std::string all = head.reason;
  for (const http::fields::field& f : head.headers.all()) {
    all += "|" + f.name + "|" + f.value;
    // What could end a field and begin another one is in none.
    require(!f.name.empty() && (f.name + f.value).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
  return all;
}

struct body_text final : http::body_sink {
  std::string all;
  void body_came(std::string_view bytes) override { all += bytes; }
};

/// By the parser alone. `cut` says how long the next piece is, of so many bytes that are left.
template <class Cut>
outcome parsed(std::string_view text, http::body_follows follows, Cut cut) {
  body_text body;
  http::response_parser parser(body, 300, follows);
  std::string given;  // of its own, so that the sanitizer sees who looks beyond it
  outcome all;
  while (!text.empty() && !all.failed && !parser.is_done()) {
    const std::size_t size = cut(text.size());
    given = std::string(given + std::string(text.substr(0, size)));
    text.remove_prefix(size);
    const auto taken = parser.feed(given);
    require(taken.bytes <= given.size());
    given.erase(0, taken.bytes);
    all.failed = !taken.why.empty();
  }
  // What is wrong with a head that is cut off is told by Beast at once or when it has ended.
  if (!all.failed && !parser.is_done()) all.failed = !parser.end().empty();
  all.has_head = parser.has_head();
  all.is_done = !all.failed && parser.is_done();
  all.left = all.is_done ? given.size() + text.size() : 0;
  all.body = std::move(body.all);
  if (!all.has_head) return all;
  const std::uint64_t announced = parser.announced_bytes();
  require(announced == 0 || all.body.size() <= announced);
  if (all.is_done && announced != 0) require(all.body.size() == announced);
  all.keeps_alive = all.is_done && parser.keeps_alive();
  all.status = parser.head().status;
  all.fields = one_text(parser.head());
  require(all.status >= 100 && all.status <= 999);
  return all;
}

/// By whoever reads an answer, whole or in pieces.
template <class Cut>
outcome read(std::string_view text, http::body_taken taken, Cut cut) {
  static const http::url target = http::url::parse("https://a.b").value();
  http::request asked("GET", target);
  asked.success = http::success::any_status;
  const http::client_options options;  // whose bounds are not reached: where a trailer is too long depends on the reads
  http::answer_reader reader(asked, options, taken);
  outcome all;
  http::answer_step step = http::answer_step::more;
  const auto take_piece = [&] {
    all.body += reader.piece();
    reader.drop_piece();
  };
  while (!text.empty() && (step == http::answer_step::more || step == http::answer_step::enough)) {
    const auto room = reader.room();
    require(!room.empty() && room.size() <= 65536);
    const std::size_t size = std::min(cut(text.size()), room.size());
    std::memcpy(room.data(), text.data(), size);
    text.remove_prefix(size);
    step = reader.came(size);
    take_piece();
  }
  if (step == http::answer_step::more || step == http::answer_step::enough) {
    (void)reader.room();
    step = reader.ended(failure(errc::unavailable));
  }
  all.failed = step == http::answer_step::failed;
  require(reader.why().is_set() == all.failed);
  all.is_done = step == http::answer_step::done;
  if (!all.is_done) return all;
  all.keeps_alive = reader.leaves_connection_usable();
  const http::response whole = reader.take();
  all.status = whole.status;
  all.fields = one_text(whole);
  all.body += whole.body;
  return all;
}

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  const std::size_t longest = 1 + in.byte() % 16;
  std::uint32_t state = static_cast<std::uint32_t>(in.number(4));
  const auto cut = [&](std::size_t left) { return std::min<std::size_t>(left, 1 + ((state = state * 1664525 + 1013904223) >> 16) % longest); };
  const auto all = [](std::size_t left) { return left; };
  const auto follows = in.below(4) == 0 ? http::body_follows::never : http::body_follows::as_its_head_says;
  const std::string text = text_of(in);

  require(parsed(text, follows, cut) == parsed(text, follows, all));
  outcome whole = read(text, http::body_taken::whole, all), in_pieces = read(text, http::body_taken::in_pieces, cut);
  // Whoever takes all at once is told nothing of a body that fails.
  if (whole.failed) whole.body = in_pieces.body = "";
  require(whole.failed == in_pieces.failed && whole.is_done == in_pieces.is_done && whole.status == in_pieces.status);
  require(whole.fields == in_pieces.fields && whole.body == in_pieces.body);
}

const target registered("response_parser", on_input);

}  // namespace catena::fuzz::response_parser_target
