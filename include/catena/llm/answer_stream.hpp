// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Reads an answer while it is written.
#include <catena/llm/answer.hpp>
#include <catena/stream/stream.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>

namespace catena::llm {

namespace detail {
class open_answer;
}

/// An answer that comes piece by piece. Move-only; whoever lets go of it before its end closes the connection.
/// \threads  distinct objects: safe; one reads at a time
class answer_stream {
 public:
  explicit answer_stream(std::unique_ptr<detail::open_answer> of) noexcept;
  answer_stream(answer_stream&&) noexcept;
  answer_stream& operator=(answer_stream&&) noexcept;
  ~answer_stream();

  /// The next piece; the last one has the whole answer, and behind it comes nothing. Throws catena::error.
  /// \cancel  terminal
  [[nodiscard]] boost::asio::awaitable<std::optional<answer_piece>> next() &;
  /// Reads to the end.
  [[nodiscard]] boost::asio::awaitable<answer> rest() &;

 private:
  std::unique_ptr<detail::open_answer> of_;
};

/// Reads all of a stage's stream, for a stage that wants the answer whole. Throws catena::error.
[[nodiscard]] boost::asio::awaitable<answer> whole(stream<answer_piece> from);

/// Cuts what is streamed into sentences, for what cannot do with less (a voice, a check). They are given with the space behind them, so that
/// all together are the text.
/// \threads  unsafe
class sentence_reader {
 public:
  explicit sentence_reader(stream<answer_piece> from) noexcept : from_(std::move(from)) {}

  /// The next one; nothing: that was all. Throws catena::error.
  [[nodiscard]] boost::asio::awaitable<std::optional<std::string>> next() &;
  /// The answer, once all sentences have been read.
  [[nodiscard]] const std::shared_ptr<const answer>& read() const noexcept { return read_; }

 private:
  stream<answer_piece> from_;
  std::string text_;             ///< not yet given
  std::size_t looked_ = 0;       ///< up to where there is no end
  std::size_t restarts_ = 0;
  std::shared_ptr<const answer> read_;
};

}  // namespace catena::llm
