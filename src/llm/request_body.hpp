// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is asked, as a provider wants it said.
#include <catena/llm/chat_settings.hpp>
#include <catena/llm/message.hpp>

#include <nlohmann/json.hpp>

#include <string>

namespace catena::llm {

enum class delivery : bool { whole, streamed };

struct chat_request {
  std::string path;  ///< under the base URL
  std::string body;
};

/// \errors errc::invalid_input: no such request can be made, with what is wrong; what the settings say has been checked
[[nodiscard]] result<chat_request> request_of(const provider& who, const std::string& model, const chat_settings& how, const messages& asked,
                                              delivery as);

/// Never throws for what is no UTF-8: that is replaced.
[[nodiscard]] std::string text_of(const nlohmann::json& j);
[[nodiscard]] std::string text_of(const nlohmann::ordered_json& j);

}  // namespace catena::llm
