// SPDX-License-Identifier: BSL-1.0
#include "request_reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace catena::http::server {
namespace {

/// Of what a connection keeps that is asked nothing: there may be many. A longer head needs more, for as long as it lasts.
constexpr std::size_t little = 2048;

}  // namespace

request_reader::request_reader(const service& offered, const request_bounds& bounds)
    : offered_(offered), bounds_(bounds), parser_(*this, bounds.head_bytes) {}

std::span<char> request_reader::room() {
  const std::size_t waits = end_ - unparsed_;
  const std::size_t wanted = waits < little ? little : 2 * waits;
  if (!buffer_ || buffer_size_ != wanted) {
    auto larger = std::make_unique_for_overwrite<char[]>(wanted);
    if (waits != 0) std::memcpy(larger.get(), buffer_.get() + unparsed_, waits);
    buffer_ = std::move(larger);
    buffer_size_ = wanted;
  } else if (unparsed_ != 0) {
    std::memmove(buffer_.get(), buffer_.get() + unparsed_, waits);
  }
  unparsed_ = 0;
  end_ = waits;
  return {buffer_.get() + end_, buffer_size_ - end_};
}

request_step request_reader::came(std::size_t bytes) {
  end_ += bytes;
  return parse();
}

request_step request_reader::next() {
  parser_ = request_parser(*this, bounds_.head_bytes);
  begun_ = judged_ = is_refused_ = expects_word_ = too_large_ = false;
  refusal_ = {};
  return parse();
}

request_step request_reader::parse() {
  begun_ = begun_ || unparsed_ != end_;
  const taken_bytes taken = parser_.feed({buffer_.get() + unparsed_, end_ - unparsed_});
  unparsed_ += taken.bytes;
  if (parser_.has_head()) judge();
  if (is_refused_) return request_step::refused;
  if (too_large_) return refuse(error_answer(413, "a body may have " + std::to_string(bounds_.body_bytes) + " bytes here"));
  if (!taken.why.empty()) return refuse(error_answer(taken.head_is_too_long ? 431 : 400, "this cannot be read as a request: " + taken.why));
  if (parser_.is_done()) return request_step::whole;
  // The head is bounded by its parser, and a body leaves at once: this is the head of a chunk, or what follows the last one.
  if (parser_.has_head() && end_ - unparsed_ > bounds_.head_bytes) return refuse(error_answer(431, "what stands between or behind the chunks of its body is too long"));
  // Who has begun to send its body waits for nothing any more.
  if (std::exchange(expects_word_, false) && parser_.head().body.empty() && end_ == unparsed_) return request_step::go_ahead;
  return request_step::more;
}

/// Nothing more is read of what is refused like that.
request_step request_reader::refuse(answer with) {
  refusal_ = std::move(with);
  is_refused_ = ends_ = true;
  return request_step::refused;
}

/// Once for each, as soon as its head is here.
void request_reader::judge() {
  if (std::exchange(judged_, true)) return;
  request& r = parser_.head();
  if (std::string fault = parser_.fault_of_head(); !fault.empty()) return (void)refuse(error_answer(400, "this cannot be read as a request: " + fault));
  if (auto refused = offered_.refusal(r)) {
    (void)refuse(*std::move(refused));
    ends_ = parser_.has_body();  // which is not read
    return;
  }
  if (parser_.announced_bytes() > bounds_.body_bytes) too_large_ = true;
  const auto expected = r.headers.find("expect");
  if (!expected || r.is_http_1_0) return;
  if (!same_name(*expected, "100-continue")) return (void)refuse(error_answer(417, "nothing but 'Expect: 100-continue' is understood here"));
  expects_word_ = parser_.has_body();
}

void request_reader::body_came(std::string_view bytes) {
  judge();
  std::string& body = parser_.head().body;
  if (is_refused_ || too_large_) return;
  if (bytes.size() > bounds_.body_bytes - body.size()) too_large_ = true;
  else body.append(bytes);
}

}  // namespace catena::http::server
