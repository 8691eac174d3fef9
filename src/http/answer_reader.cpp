// SPDX-License-Identifier: BSL-1.0
#include "answer_reader.hpp"

#include "status_failure.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace catena::http {

namespace {
// Little for those who wait for the next event of a stream, of whom there are many; more as soon as a read has filled it.
constexpr std::size_t first_buffer_size = 4096;
constexpr std::size_t read_at_once = 65536;
}

answer_reader::answer_reader(const request& asked, const client_options& options, body_taken taken)
    : asked_(asked), options_(options), taken_(taken), parser_(new_parser()) {}

response_parser answer_reader::new_parser() {
  return {*this, options_.max_head_bytes, asked_.method == "HEAD" ? body_follows::never : body_follows::as_its_head_says};
}

std::span<char> answer_reader::room() {
  piece_size_ = 0;
  const bool was_filled = end_ == buffer_size_;
  const std::string_view rest(buffer_.get() + unparsed_, end_ - unparsed_);
  if (rest.size() == buffer_size_ || (was_filled && buffer_size_ < read_at_once)) {
    buffer_size_ = buffer_ ? 2 * buffer_size_ : first_buffer_size;
    auto larger = std::make_unique_for_overwrite<char[]>(buffer_size_);
    std::ranges::copy(rest, larger.get());
    buffer_ = std::move(larger);
  } else if (!rest.empty()) {
    std::memmove(buffer_.get(), rest.data(), rest.size());
  }
  unparsed_ = 0;
  end_ = rest.size();
  return {buffer_.get() + end_, buffer_size_ - end_};
}

answer_step answer_reader::came(std::size_t bytes) {
  got_byte_ = true;
  end_ += bytes;
  return parse();
}

answer_step answer_reader::ended(const failure& why) {
  if (unexpected_) return why_ = unexpected(), answer_step::failed;
  if (why.code() != boost::asio::error::eof) return fail(errc::unavailable, "the connection to " + host() + " was lost: " + why.message());
  if (!got_byte_) return fail(errc::unavailable, host() + " closed the connection before it answered");
  const std::string missing = parser_.end();
  return missing.empty() ? answer_step::done : fail(errc::bad_response, "the answer of " + host() + " came in part: " + missing);
}

answer_step answer_reader::parse() {
  for (;;) {
    const auto taken = parser_.feed({buffer_.get() + unparsed_, end_ - unparsed_});
    unparsed_ += taken.bytes;
    if (!taken.why.empty()) {
      const std::string beginning = parser_.has_head() ? "" : "; it begins with '" + shown({buffer_.get(), end_}, asked_.headers, 80) + "'";
      return fail(errc::bad_response, "the answer of " + host() + " is not to be understood: " + taken.why + beginning);
    }
    // 100, 103: more about the request, and the response itself comes later.
    const bool preliminary = parser_.is_done() && parser_.head().status / 100 == 1 && parser_.head().status != 101;
    if (!preliminary) break;
    parser_ = new_parser();
  }
  if (parser_.has_head()) judge();
  // Beast bounds the head, and neither the lines between chunks nor what follows the last one.
  if (parser_.has_head() && !parser_.is_done() && end_ - unparsed_ > options_.max_head_bytes)
    return fail(errc::bad_response, "the answer of " + host() + " is not to be understood: what is between its chunks is too long");
  return decide();
}

answer_step answer_reader::decide() {
  if (too_large_)
    return fail(errc::bad_response, "the body of the answer of " + host() + " is longer than client_options::max_body_bytes, " +
                                        std::to_string(options_.max_body_bytes));
  if (parser_.is_done() || (unexpected_ && body_.size() >= body_looked_at)) {
    if (unexpected_) why_ = unexpected();
    return parser_.is_done() ? answer_step::done : answer_step::failed;
  }
  const bool wanted_already = taken_ == body_taken::in_pieces && judged_ && !unexpected_;
  if (!wanted_already || (head_told_ && piece_size_ == 0)) return answer_step::more;
  head_told_ = true;
  return answer_step::enough;
}

void answer_reader::judge() {
  if (std::exchange(judged_, true)) return;
  const response_head& head = parser_.head();
  unexpected_ = asked_.success == success::status_2xx && (head.status / 100 != 2 || is_unexpected(asked_, head));
  too_large_ = taken_ == body_taken::whole && !unexpected_ && parser_.announced_bytes() > options_.max_body_bytes;
}

void answer_reader::body_came(std::string_view bytes) {
  judge();
  if (unexpected_) {
    body_.append(bytes.substr(0, body_looked_at - std::min(body_looked_at, body_.size())));
  } else if (taken_ == body_taken::whole) {
    too_large_ = too_large_ || bytes.size() > options_.max_body_bytes - body_.size();
    if (!too_large_) body_.append(bytes);
  } else {
    // What is parsed makes room for the piece, which is no longer than that.
    std::memmove(buffer_.get() + piece_size_, bytes.data(), bytes.size());
    piece_size_ += bytes.size();
  }
}

response answer_reader::take() {
  response all;
  static_cast<response_head&>(all) = std::move(parser_.head());
  all.body = std::move(body_);
  return all;
}

answer_step answer_reader::fail(errc code, const std::string& text) {
  why_ = failure(code, text);
  return answer_step::failed;
}

failure answer_reader::unexpected() {
  const response_head& head = parser_.head();
  if (head.status / 100 != 2) return status_failure(asked_, head, body_, std::chrono::system_clock::now());
  return content_failure(asked_, head, body_);
}

}  // namespace catena::http
