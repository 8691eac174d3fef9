// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is said to a language model, and what it says.
#include <catena/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace catena::llm {

/// Who says it.
enum class role : std::uint8_t { system, user, assistant, tool };

/// A tool that a model wants to have called.
struct tool_call {
  std::string id;
  std::string name;
  std::string arguments;  ///< JSON, as the model wrote it: nobody has checked it
  friend bool operator==(const tool_call&, const tool_call&) = default;
};

/// One turn of a conversation. It has constructors so that g++ 12 takes it in a co_await expression.
struct message {
  message() = default;
  message(llm::role who, std::string what) : role(who), content(std::move(what)) {}

  [[nodiscard]] static message system(std::string what) { return {role::system, std::move(what)}; }
  [[nodiscard]] static message user(std::string what) { return {role::user, std::move(what)}; }
  [[nodiscard]] static message assistant(std::string what) { return {role::assistant, std::move(what)}; }
  /// What a tool answers to the call of that id.
  [[nodiscard]] static message tool(std::string id, std::string what) {
    message m{role::tool, std::move(what)};
    m.tool_call_id = std::move(id);
    return m;
  }

  llm::role role = llm::role::user;
  std::string content;
  std::string reasoning = {};              ///< what an assistant thought before it said that
  std::vector<tool_call> tool_calls = {};  ///< an assistant's
  std::string tool_call_id = {};           ///< which one a tool answers
  friend bool operator==(const message&, const message&) = default;
};

/// A conversation, oldest first.
using messages = std::vector<message>;

[[nodiscard]] std::string_view to_string(role r) noexcept;

/// As a JSON array, in the form in which the APIs have them. What is no UTF-8 is replaced.
[[nodiscard]] std::string to_json(const messages& all);
/// \errors errc::invalid_input with the JSON pointer of what is wrong
[[nodiscard]] result<messages> messages_from_json(std::string_view text);

}  // namespace catena::llm
