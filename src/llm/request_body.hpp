// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is asked, as a provider wants it said.
#include <catena/llm/chat_settings.hpp>
#include <catena/llm/message.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace catena::llm {

enum class delivery : bool { whole, streamed };

struct chat_request {
  std::string path;  ///< under the base URL
  std::string body;
};

/// \errors errc::invalid_input: no such request can be made, with what is wrong; what the settings say has been checked
[[nodiscard]] result<chat_request> request_of(const provider& who, const std::string& model, const chat_settings& how, const messages& asked,
                                              delivery as);

/// What of a message that is gone on with may stand in front of what comes behind it, where an answer is whole; empty: nothing.
[[nodiscard]] std::string_view repeated_in_answer(const provider& who, const messages& asked) noexcept;

/// Never throws for what is no UTF-8: that is replaced.
[[nodiscard]] std::string text_of(const nlohmann::json& j);
[[nodiscard]] std::string text_of(const nlohmann::ordered_json& j);

}  // namespace catena::llm
