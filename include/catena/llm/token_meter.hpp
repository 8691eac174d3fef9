// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How many tokens a list of messages is: what a server has counted of it, and an estimate of the rest.
#include <catena/llm/token_estimate.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena::llm {

struct token_range {
  std::int64_t likely = 0;
  std::int64_t most = 0;  ///< if the count is wrong by no more than it may be
  friend bool operator==(const token_range&, const token_range&) = default;
};

/// What a server has counted: the first messages of a list.
struct counted_messages {
  std::size_t messages = 0;
  token_range tokens = {};
  double scale = 1;  ///< tokens of the server for one of the estimate
  friend bool operator==(const counted_messages&, const counted_messages&) = default;
};

/// Knows the sizes of the messages of a list that grows at its end, and loses some at its front. Between two counts of the server, what is
/// new is likely to be what is estimated, times what the estimate was wrong by last time, and it is at most so much more as the options say.
/// \threads  unsafe
class token_meter {
 public:
  /// \param error  the share by which a count of `count` may be too low
  /// \param other  tokens that are sent beside the messages
  token_meter(token_counter count, double error, std::int64_t other);

  [[nodiscard]] std::int64_t count(const message& m) const { return count_tokens(m, count_); }

  void push(std::int64_t tokens) { sums_.push_back(sums_.back() + tokens); }
  void insert(std::size_t at, std::int64_t tokens);
  void erase(std::size_t first, std::size_t last);

  /// The server has counted all messages that are there.
  void counted(std::int64_t tokens);
  /// The last message has been written by the server, who counted so many, right after it had counted the others.
  void wrote(std::int64_t tokens);

  [[nodiscard]] token_range size() const { return size_without(0, 0); }
  /// Without the messages from `first` to before `last`.
  [[nodiscard]] token_range size_without(std::size_t first, std::size_t last) const;
  /// The most that one more takes.
  [[nodiscard]] std::int64_t most_of(std::int64_t tokens) const;

  [[nodiscard]] const counted_messages& known() const noexcept { return known_; }
  void restore(const counted_messages& known) noexcept { known_ = known; }

 private:
  [[nodiscard]] token_range known_without(std::size_t first, std::size_t last) const;

  token_counter count_;
  double error_;
  std::vector<std::int64_t> sums_;  ///< of the estimates: [0] is what is sent beside the messages
  counted_messages known_;
};

}  // namespace catena::llm
