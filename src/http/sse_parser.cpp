// SPDX-License-Identifier: BSL-1.0
#include <catena/http/sse_parser.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace catena::http {

void check(const sse_options& options) {
  if (options.max_event_bytes < 1 || options.max_event_bytes > (std::size_t{1} << 30))
    throw std::invalid_argument("sse_options::max_event_bytes must be 1 to 1 GiB, is " + std::to_string(options.max_event_bytes));
}

sse_token sse_parser::parse(std::string_view& piece) {
  while (!piece.empty() && !too_large_) {
    if (after_return_) {
      after_return_ = false;
      if (piece.front() == '\n') {
        piece.remove_prefix(1);
        continue;
      }
    }
    const auto end = std::find_if(piece.begin(), piece.end(), [](char c) { return c == '\n' || c == '\r'; });
    const std::string_view part(piece.begin(), end);
    const std::size_t in_event = complete_ ? 0 : data_.size();
    too_large_ = in_event + line_.size() + part.size() > max_bytes_;
    if (too_large_) break;
    if (end == piece.end()) {
      line_.append(part);
      piece = {};
      break;
    }
    after_return_ = *end == '\r';
    piece.remove_prefix(part.size() + 1);
    sse_token found;
    if (line_.empty()) {
      found = take_line(part);
    } else {
      line_.append(part);
      found = take_line(line_);
      line_.clear();
    }
    if (found != sse_token::more) return found;
  }
  return too_large_ ? sse_token::too_large : sse_token::more;
}

sse_token sse_parser::take_line(std::string_view line) {
  if (std::exchange(at_start_, false) && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  if (std::exchange(complete_, false)) {
    data_.clear();
    type_.clear();
    has_data_ = false;
  }
  if (line.empty()) return end_event();
  const std::size_t colon = line.find(':');
  if (colon == 0) return sse_token::alive;
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  take_field(name, value);
  return sse_token::more;
}

sse_token sse_parser::end_event() noexcept {
  complete_ = true;
  return has_data_ ? sse_token::event : sse_token::alive;
}

void sse_parser::take_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    if (std::exchange(has_data_, true)) data_ += '\n';
    data_ += value;
  } else if (name == "event") {
    type_ = value;
  } else if (name == "id") {
    if (value.find('\0') == value.npos) id_ = value;
  } else if (name == "retry") {
    std::uint32_t milliseconds = 0;
    const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), milliseconds);
    if (fault == std::errc() && end == value.data() + value.size()) retry_ = std::chrono::milliseconds(milliseconds);
  }
}

failure sse_parser::why() const {
  return {errc::bad_response, "an event of the stream is longer than sse_options::max_event_bytes, " + std::to_string(max_bytes_)};
}

}  // namespace catena::http
