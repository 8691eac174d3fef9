// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Messages as JSON. They are most of a request, and so are written without a tree of it first.
#include <catena/llm/message.hpp>
#include <catena/result.hpp>

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace catena::llm {

/// Whether what was thought is told to the server.
enum class told_reasoning : std::uint8_t { all, none, with_tool_calls };

/// \param more  further members, each with a comma before it
void append_message(std::string& to, const message& m, told_reasoning reasoning, std::string_view more = {});

/// \param pointer  where the array is in its document
/// \errors errc::invalid_input with the JSON pointer of what is wrong
[[nodiscard]] result<messages> messages_of(const nlohmann::json& j, const std::string& pointer);

}  // namespace catena::llm
