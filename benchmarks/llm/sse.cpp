// SPDX-License-Identifier: BSL-1.0
// Events out of a stream as a model's server writes it, in pieces as TCP brings them.
#include <catena/http/sse_parser.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include "llm/sse.hpp"

namespace bench {
namespace {

constexpr std::size_t piece_size = 1448;  // of an Ethernet frame

std::string stream_of(std::size_t events) {
  std::string text;
  for (std::size_t i = 0; i < events; ++i)
    text += R"(data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"made-up","system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]})"
            "\n\n";
  return text;
}

repetition parse(const options& opts, std::size_t (*events_in)(std::string_view)) {
  const auto events = opts.size<std::size_t>(200'000, 1000);
  return [events, events_in, text = stream_of(events)]() -> std::vector<reading> {
    std::size_t found = 0;
    const double ns = time_ns([&] { found = events_in(text); });
    if (found != events) throw std::runtime_error("wrong number of events");
    return {{"mb_per_s", static_cast<double>(text.size()) / ns * 1000}};
  };
}

std::size_t by_catena(std::string_view text) {
  catena::http::sse_parser parser;
  std::size_t found = 0;
  while (!text.empty()) {
    std::string_view piece = text.substr(0, piece_size);
    text.remove_prefix(piece.size());
    while (!piece.empty()) found += parser.parse(piece) == catena::http::sse_token::event;
  }
  return found;
}

/// Only where lines end, without a look at what is in them: no parser can be quicker.
std::size_t by_line_ends(std::string_view text) {
  std::size_t lines = 0;
  while (!text.empty()) {
    std::string_view piece = text.substr(0, piece_size);
    text.remove_prefix(piece.size());
    for (const void* at = nullptr; (at = std::memchr(piece.data(), '\n', piece.size())); ++lines)
      piece.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(at) - piece.data()) + 1);
  }
  return lines / 2;
}

}  // namespace

void add_sse(std::vector<subject>& subjects) {
  subjects.push_back({"events", "catena", [](const options& opts) { return parse(opts, &by_catena); }});
  subjects.push_back({"events", "line_ends", [](const options& opts) { return parse(opts, &by_line_ends); }});
}

}  // namespace bench
