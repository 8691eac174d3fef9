// SPDX-License-Identifier: BSL-1.0
#include "open_answer.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace catena::llm::detail {

boost::asio::awaitable<std::optional<answer_piece>> open_answer::next(open_answer& self) {
  for (;;) {
    if (self.is_over_) {
      self.unread_ = {};
      // What comes behind the end is nothing but the end of the body, and lets the connection be kept: worth a moment.
      auto last = self.from_.async_next(boost::asio::use_awaitable);
      result<std::optional<std::string_view>> rest = co_await std::move(last);
      if (!rest || !*rest) co_return std::optional<answer_piece>();
      continue;
    }
    result<std::optional<answer_piece>> piece = self.parse();
    if (piece && *piece) co_return *std::move(piece);
    if (piece) {
      auto more = self.from_.async_next(boost::asio::use_awaitable);
      result<std::optional<std::string_view>> came = co_await std::move(more);
      if (came && *came) {
        self.unread_ = **came;
        continue;
      }
      if (!came) piece = came.error();
      else if (result<answer_piece> end = self.end(); end) co_return std::optional<answer_piece>(*std::move(end));
      else piece = end.error();
    }
    self.is_over_ = true;
    self.in_flight_.failed(piece.error());
    throw error(self.core_->named(piece.error()));
  }
}

result<std::optional<answer_piece>> open_answer::parse() {
  while (!unread_.empty()) {
    switch (parser_.parse(unread_)) {
      case http::sse_token::more:
      case http::sse_token::alive: break;
      case http::sse_token::too_large: return parser_.why();
      case http::sse_token::event: {
        auto piece = take_event();
        if (!piece || *piece) return piece;
        break;
      }
    }
  }
  return std::optional<answer_piece>();
}

result<std::optional<answer_piece>> open_answer::take_event() {
  const std::string_view data = parser_.event().data;
  answer_bytes_ += data.size();
  if (answer_bytes_ > core_->options().max_answer_bytes)
    return failure(errc::bad_response, "the answer is longer than chat_options::max_answer_bytes, " + std::to_string(core_->options().max_answer_bytes));
  from_.progressed();
  auto piece = reader_.take(data);
  if (first_token_ == time_point{} && reader_.has_begun()) first_token_ = core_->rt().now();
  if (!piece || *piece || !reader_.is_done()) return piece;
  result<answer_piece> last = end();
  if (!last) return last.error();
  return std::optional<answer_piece>(*std::move(last));
}

result<answer_piece> open_answer::end() {
  auto all = reader_.end();
  if (!all) return all.error();
  core_->complete(*all, in_flight_.began(), first_token_);
  notes_.answered(*all);
  in_flight_.ended(*all);
  is_over_ = true;
  from_.give_up_after(std::chrono::seconds(1));
  answer_piece last;
  last.whole = std::make_shared<const answer>(*std::move(all));
  return last;
}

}  // namespace catena::llm::detail
