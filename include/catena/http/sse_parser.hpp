// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Server-sent events out of bytes that come in any pieces.
#include <catena/error.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace catena::http {

struct sse_options {
  /// How long an event may be with all of its lines, and so a line of it or a comment, 1 to 1 GiB.
  std::size_t max_event_bytes = 1 << 20;
};
/// \errors std::invalid_argument naming the member that is out of range
void check(const sse_options& options);

/// An event; its views hold until the parser is given more.
struct sse_event {
  std::string_view data;  ///< its lines, with a newline between them
  std::string_view type;  ///< "message" where the server names none
  std::string_view id;    ///< the last one that was named so far
};

enum class sse_token : std::uint8_t {
  more,      ///< all has been taken, and more must come
  event,     ///< an event is complete
  alive,     ///< a comment, or an empty line that ends nothing: the server lives, and has nothing to say
  too_large  ///< see sse_options::max_event_bytes; nothing is parsed any more
};

/// Finds the events in a stream. It decides nothing else: only an `event` is progress to whoever waits for one, `alive` is not.
///
///     while (!piece.empty())
///       if (parser.parse(piece) == sse_token::event) use(parser.event());
///
/// What it finds does not depend on how the bytes are split.
/// \threads  unsafe
/// \cost     a copy of each event's data
/// \source   HTML Living Standard, 9.2.6: what is not complete at the end is dropped
class sse_parser {
 public:
  explicit sse_parser(const sse_options& options = {}) : max_bytes_((check(options), options.max_event_bytes)) {}

  /// Takes bytes off the front of `piece`, until it is empty or something is complete.
  sse_token parse(std::string_view& piece);

  /// The one that parse() has just completed.
  [[nodiscard]] sse_event event() const noexcept { return {data_, type_.empty() ? std::string_view("message") : type_, id_}; }
  /// How long the server wants a client to wait before it connects again, once it has said so.
  [[nodiscard]] std::optional<duration> retry() const noexcept { return retry_; }
  /// Whether an event has begun that is not complete: where the stream ends now, it was cut off.
  [[nodiscard]] bool inside_event() const noexcept { return !line_.empty() || (has_data_ && !complete_); }
  /// What to say when it was too large.
  [[nodiscard]] failure why() const;

 private:
  sse_token take_line(std::string_view line);
  sse_token end_event() noexcept;
  void take_field(std::string_view name, std::string_view value);

  std::size_t max_bytes_;
  std::string line_;  ///< the beginning of a line whose end has not come
  std::string data_;
  std::string type_;
  std::string id_;
  std::optional<duration> retry_;
  bool has_data_ = false;      ///< a data line has come, which may be empty
  bool complete_ = false;      ///< what is in data_ and type_ has been told
  bool after_return_ = false;  ///< a line has ended with CR: an LF that comes next belongs to it
  bool at_start_ = true;       ///< a byte order mark may come
  bool too_large_ = false;
};

}  // namespace catena::http
