// SPDX-License-Identifier: BSL-1.0
/// \file
/// Server-sent events in pieces of any length are those that are found in all of the text at once.
#include <catena/http/sse_parser.hpp>

#include "fuzz/fuzz.hpp"
#include "http/plain_sse.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace catena::fuzz::sse_parser_target {

/// The fuzzer's bytes, and instead of some what streams are made of.
std::string text_of(input& in) {
  static constexpr std::string_view words[] = {"data:", "data: ", "event:", "id:", "retry:", ":", "\r\n", "\n", "\r", "\xEF\xBB\xBF"};
  return in.rest(words);
}

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  const std::size_t longest = 1 + in.byte() % 16;
  std::uint32_t state = static_cast<std::uint32_t>(in.number(4));
  const auto cut = [&](std::size_t left) { return std::min<std::size_t>(left, 1 + ((state = state * 1664525 + 1013904223) >> 16) % longest); };
  const std::string text = text_of(in);

  http::sse_parser parser;
  const auto found = test::parsed_sse(parser, text, cut);
  require(found == test::plain_sse(text));

  // With a bound, what is found is the beginning of that, and the same whatever the pieces are.
  const http::sse_options bound{.max_event_bytes = 1 + longest * 3};
  http::sse_parser in_pieces(bound), whole(bound);
  auto bounded = test::parsed_sse(in_pieces, text, cut);
  require(bounded == test::parsed_sse(whole, text, [](std::size_t left) { return left; }));
  if (!bounded.empty() && bounded.back() == "too large") bounded.pop_back();
  require(bounded.size() <= found.size() && std::equal(bounded.begin(), bounded.end(), found.begin()));
}

const target registered("sse_parser", on_input);

}  // namespace catena::fuzz::sse_parser_target
