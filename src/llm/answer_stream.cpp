// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/answer_stream.hpp>

#include "open_answer.hpp"

#include <utility>

namespace catena::llm {
namespace {

boost::asio::awaitable<answer> rest_of(detail::open_answer& from) {
  std::shared_ptr<const answer> whole;
  for (;;) {
    auto coming = detail::open_answer::next(from);
    std::optional<answer_piece> piece = co_await std::move(coming);
    if (!piece) break;
    whole = piece->whole;
  }
  if (!whole) throw error(failure(errc::invalid_input, "the answer has been read already"));
  co_return *whole;
}

/// Where a sentence ends that begins at `from`, with the space behind it; npos: it is not there yet. A point within a number or a name
/// ends none: space must follow, but in scripts that have none.
std::size_t sentence_end(std::string_view text, std::size_t from) {
  constexpr std::string_view wide_marks[] = {"。", "！", "？"};
  for (std::size_t i = from; i < text.size(); ++i) {
    for (const std::string_view mark : wide_marks)
      if (text.substr(i).starts_with(mark)) return i + mark.size();
    const bool ends = text[i] == '\n' || ((text[i] == '.' || text[i] == '!' || text[i] == '?') && i + 1 < text.size() && (text[i + 1] == ' ' || text[i + 1] == '\n'));
    if (!ends) continue;
    std::size_t end = i + 1;
    while (end < text.size() && (text[end] == ' ' || text[end] == '\n')) ++end;
    if (end < text.size()) return end;  // else more space may come
    return std::string_view::npos;
  }
  return std::string_view::npos;
}

}  // namespace

answer_stream::answer_stream(std::unique_ptr<detail::open_answer> of) noexcept : of_(std::move(of)) {}
answer_stream::answer_stream(answer_stream&&) noexcept = default;
answer_stream& answer_stream::operator=(answer_stream&&) noexcept = default;
answer_stream::~answer_stream() = default;

boost::asio::awaitable<std::optional<answer_piece>> answer_stream::next() & { return detail::open_answer::next(*of_); }
boost::asio::awaitable<answer> answer_stream::rest() & { return rest_of(*of_); }

boost::asio::awaitable<answer> whole(stream<answer_piece> from) {
  std::shared_ptr<const answer> all;
  for (;;) {
    auto coming = from.next();
    std::optional<answer_piece> piece = co_await std::move(coming);
    if (!piece) break;
    all = std::move(piece->whole);
  }
  if (!all) throw error(failure(errc::bad_response, "the stream ended without its answer"));
  co_return *all;
}

boost::asio::awaitable<std::optional<std::string>> sentence_reader::next() & {
  for (;;) {
    if (const std::size_t end = sentence_end(text_, looked_); end != std::string::npos) {
      std::string sentence = text_.substr(0, end);
      text_.erase(0, end);
      looked_ = 0;
      co_return std::optional<std::string>(std::move(sentence));
    }
    // A mark whose space has not come is looked at again.
    looked_ = text_.size() - std::min<std::size_t>(text_.size(), 3);
    while (looked_ > 0 && (text_[looked_] == ' ' || text_[looked_] == '\n')) --looked_;
    auto coming = from_.next();
    std::optional<answer_piece> piece = co_await std::move(coming);
    if (!piece) break;
    if (from_.restarts() != restarts_) {
      restarts_ = from_.restarts();
      text_.clear();
      looked_ = 0;
    }
    text_ += piece->text;
    if (piece->whole) read_ = std::move(piece->whole);
  }
  if (text_.empty()) co_return std::optional<std::string>();
  co_return std::optional<std::string>(std::exchange(text_, {}));
}

}  // namespace catena::llm
