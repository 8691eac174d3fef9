// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Reads a response as a stream of events, as whoever shows a language model's tokens does.
#include <catena/http/client.hpp>
#include <catena/http/sse_parser.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/outcome.hpp"

namespace catena::test {

/// What came before the stream ended, and how it did.
struct events_read {
  std::string events;  ///< the data of each in parentheses
  std::size_t alive_count = 0;
  std::size_t longest_piece = 0;
  failure why;         ///< not set: it ended well
};

/// \param run_until  runs the client's executor until its argument says so
template <class RunUntil>
events_read read_events(const http::client& client, http::request what, RunUntil run_until, http::sse_options bound = {}) {
  events_read all;
  outcome<http::response_stream> opened;
  client.async_open(std::move(what), {}, opened.take());
  run_until([&] { return opened.count() != 0; });
  if (!opened.answered()) return all.why = opened.why(), all;
  http::response_stream stream = std::move(opened.value());
  http::sse_parser parser(bound);
  for (;;) {
    outcome<std::optional<std::string_view>> next;
    stream.async_next(next.take());
    run_until([&] { return next.count() != 0; });
    if (!next.answered()) return all.why = next.why(), all;
    if (!next.value()) break;
    std::string_view piece = *next.value();
    all.longest_piece = std::max(all.longest_piece, piece.size());
    for (http::sse_token found; (found = parser.parse(piece)) != http::sse_token::more;) {
      if (found == http::sse_token::too_large) return all.why = parser.why(), all;
      all.alive_count += found == http::sse_token::alive;
      if (found != http::sse_token::event) continue;
      all.events += "(" + std::string(parser.event().data) + ")";
      stream.progressed();
    }
  }
  if (parser.inside_event()) all.why = failure(errc::bad_response, "the stream ended inside of an event");
  return all;
}

}  // namespace catena::test
