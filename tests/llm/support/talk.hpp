// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A server that counts otherwise than the estimate, and turns with tools to say to it.
#include <catena/llm/conversation.hpp>

#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace catena::test {

/// Counts each message as between `least` and `most` times what it is estimated, always the same one by the same.
struct counting_server {
  double least = 0.7;
  double most = 1.3;

  [[nodiscard]] std::int64_t count(const llm::message& m) const {
    const std::size_t hash = std::hash<std::string>()(m.content + m.tool_call_id);
    const double share = static_cast<double>(hash % 2001) / 2000;
    return static_cast<std::int64_t>(std::floor((least + (most - least) * share) * static_cast<double>(llm::count_tokens(m))));
  }
  [[nodiscard]] std::int64_t count(const llm::messages& all) const {
    std::int64_t tokens = 0;
    for (const llm::message& m : all) tokens += count(m);
    return tokens;
  }
  /// Answers, with what it has counted.
  [[nodiscard]] llm::answer answer(const llm::messages& asked, llm::message said) const {
    llm::answer a;
    a.usage = llm::token_usage{.input = count(asked), .output = count(said)};
    a.message = std::move(said);
    return a;
  }
};

/// Texts of random words.
class talker {
 public:
  explicit talker(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] std::size_t upto(std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random_); }
  [[nodiscard]] bool one_in(std::size_t n) { return upto(n - 1) == 0; }
  [[nodiscard]] std::string words(std::size_t most) {
    constexpr std::string_view some[] = {"harbour", "clock", "the", "of", "engineer", "tide", "17", "slow", "港口", "и", "{x: 1}", "letter", "because", "a", "fog", "bell"};
    std::string text = "#" + std::to_string(++said_);
    for (std::size_t n = 1 + upto(most); n != 0; --n) text.append(" ").append(some[upto(std::size(some) - 1)]);
    return text;
  }
  /// What an assistant says, or has called.
  [[nodiscard]] llm::message reply(std::size_t most_words, std::size_t most_calls) {
    llm::message m = llm::message::assistant(words(most_words));
    for (std::size_t n = upto(most_calls); n != 0; --n) m.tool_calls.push_back({"call_" + std::to_string(++said_), "look_up", R"({"word": ")" + words(5) + "\"}"});
    if (!m.tool_calls.empty()) m.reasoning = words(20);
    return m;
  }

 private:
  std::mt19937_64 random_;
  std::size_t said_ = 0;
};

/// Whether each tool's result comes behind its call, and each call has its results at once.
[[nodiscard]] inline bool tools_are_complete(const llm::messages& all) {
  std::vector<std::string> open;
  for (const llm::message& m : all) {
    if (m.role == llm::role::tool) {
      if (std::erase(open, m.tool_call_id) != 1) return false;
    } else {
      if (!open.empty()) return false;
      for (const llm::tool_call& t : m.tool_calls) open.push_back(t.id);
    }
  }
  return open.empty();
}

[[nodiscard]] inline llm::answer answer_saying(std::string text) {
  llm::answer a;
  a.message.content = std::move(text);
  return a;
}

/// A tokenizer for which sums can be done in one's head: a token for each byte, and four around each message.
[[nodiscard]] inline llm::conversation_options by_bytes(std::int64_t budget) {
  llm::conversation_options o;
  o.budget_tokens = budget;
  o.count = [](std::string_view text) { return static_cast<std::int64_t>(text.size()); };
  o.count_error = 0;
  return o;
}
[[nodiscard]] inline std::int64_t bytes_of(const llm::message& m) { return llm::count_tokens(m, by_bytes(1).count); }
/// A message of so many tokens with what is around it.
[[nodiscard]] inline std::string text_of_tokens(std::size_t tokens, char c) { return std::string(tokens - 4, c); }

}  // namespace catena::test
