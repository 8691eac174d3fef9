// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a language model answers.
#include <catena/llm/message.hpp>
#include <catena/llm/price.hpp>
#include <catena/llm/usage.hpp>
#include <catena/time.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace catena::llm {

/// Why a model has stopped.
enum class finish : std::uint8_t {
  stop,            ///< it has said all
  length,          ///< it may say no more: what it says is incomplete
  tool_calls,      ///< it wants tools to be called
  content_filter,  ///< somebody did not like what it says
  other            ///< see answer::finish_text
};
[[nodiscard]] std::string_view to_string(finish f) noexcept;

/// It has a constructor so that g++ 12 takes it in a co_await expression.
struct answer {
  answer() = default;

  llm::message message{role::assistant, {}};
  llm::finish finish = llm::finish::stop;
  std::string finish_text = {};            ///< as the server calls it
  std::optional<token_usage> usage = {};   ///< nothing: the server did not say
  money cost = {};                         ///< of that
  std::string id = {};                     ///< of the call, for the provider's support
  std::string model = {};                  ///< which one it was, as the server calls it
  std::string extra = {};                  ///< what else the server says, as a JSON object; empty: nothing
  duration first_token{};                  ///< from the request to the first token; zero where it was not streamed
  duration took{};                         ///< from the request to the end

  [[nodiscard]] const std::string& text() const noexcept { return message.content; }
  /// What it says as a T, if it is one: see schema.hpp, which is to be included.
  /// \errors errc::bad_response: it is no JSON, or not of T, with the JSON pointer
  template <class T>
  [[nodiscard]] result<T> as() const;
};

/// A bit of an answer that is told as it is written.
struct answer_piece {
  answer_piece() = default;

  std::string text = {};                        ///< comes behind what was said so far; whole characters
  std::string reasoning = {};                   ///< the same of what is thought
  std::shared_ptr<const answer> whole = nullptr;  ///< the last piece has no text, but all of it
};

}  // namespace catena::llm
