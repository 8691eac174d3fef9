// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/chat_settings.hpp>

#include "json_in_text.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace catena::llm {
namespace {

[[noreturn]] void wrong_setting(const std::string& what) { throw std::invalid_argument("chat_settings::" + what); }

bool is_name(std::string_view text, std::size_t most) noexcept {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  return !text.empty() && text.size() <= most && std::ranges::all_of(text, fits);
}

/// What is reserved under a budget, and how an answer is read, goes by what is said elsewhere.
void check_extra(const std::string& text) {
  const nlohmann::json extra = nlohmann::json::parse(text, nullptr, false);
  if (!extra.is_object()) wrong_setting("extra must be a JSON object");
  for (const char* own : {"model", "messages", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens"})
    if (extra.contains(own)) wrong_setting(std::string("extra: '") + own + "' is said by other options");
}

void check_tools(const chat_settings& s, const provider& who) {
  if (s.tools.empty()) {
    if (s.tool_choice == tool_choice::required) wrong_setting("tool_choice is required, and there are no tools");
    return;
  }
  if (who.tools == tool_support::none) wrong_setting("tools: the provider '" + who.name + "' is not known to call any");
  if (s.tool_choice == tool_choice::required && who.tools != tool_support::forced)
    wrong_setting("tool_choice: the provider '" + who.name + "' cannot be made to call a tool");
  if (s.tools.size() > 128) wrong_setting("tools must be 128 at most, are " + std::to_string(s.tools.size()));
  for (const tool_spec& t : s.tools) {
    if (!is_name(t.name, 64)) wrong_setting("tools: a name has 1 to 64 letters, digits, - and _, and is not '" + t.name + "'");
    if (!is_json_object(t.parameters)) wrong_setting("tools: the parameters of '" + t.name + "' are a JSON schema, an object");
    if (std::ranges::count(s.tools, t.name, &tool_spec::name) > 1) wrong_setting("tools: '" + t.name + "' is there twice");
  }
}

}  // namespace

void check(const chat_settings& s, const provider& who) {
  if (s.max_tokens < 0) wrong_setting("max_tokens must be 0 or more, is " + std::to_string(s.max_tokens));
  if (s.temperature && !(*s.temperature >= 0 && *s.temperature <= 2)) wrong_setting("temperature must be 0 to 2");
  if (s.top_p && !(*s.top_p >= 0 && *s.top_p <= 1)) wrong_setting("top_p must be 0 to 1");
  if (s.stop.size() > 16) wrong_setting("stop must be 16 texts at most, is " + std::to_string(s.stop.size()));
  if (s.thinking != thinking::off && who.thinking == thinking_switch::none) wrong_setting("thinking: the provider '" + who.name + "' cannot be told to think");
  if (s.format.mode == json_mode::schema && !is_json_object(s.format.schema)) wrong_setting("format.schema must be a JSON schema, an object");
  if (s.format.mode == json_mode::schema && !is_name(s.format.name, 64)) wrong_setting("format.name must be 1 to 64 letters, digits, - and _");
  if (!s.user.empty() && !is_name(s.user, 512)) wrong_setting("user must be letters, digits, - and _, 512 at most");
  if (!s.extra.empty()) check_extra(s.extra);
  check_tools(s, who);
}

}  // namespace catena::llm
