// SPDX-License-Identifier: BSL-1.0
#include "message_text.hpp"

#include <catena/observe/json_text.hpp>

namespace catena::llm {
namespace {

using catena::detail::append_json_text;

void append_member(std::string& to, std::string_view name, std::string_view value) {
  to.append(",\"").append(name).append("\":");
  append_json_text(to, value);
}

void append_calls(std::string& to, const message& m) {
  to += ",\"tool_calls\":[";
  for (const tool_call& t : m.tool_calls) {
    to += &t == &m.tool_calls.front() ? "{\"id\":" : ",{\"id\":";
    append_json_text(to, t.id);
    to += ",\"type\":\"function\",\"function\":{\"name\":";
    append_json_text(to, t.name);
    append_member(to, "arguments", t.arguments);
    to += "}}";
  }
  to += ']';
}

}  // namespace

void append_message(std::string& to, const message& m, told_reasoning reasoning, std::string_view more) {
  to.append("{\"role\":\"").append(to_string(m.role)).append("\",\"content\":");
  append_json_text(to, m.content);
  const bool told = reasoning == told_reasoning::all || (reasoning == told_reasoning::with_tool_calls && !m.tool_calls.empty());
  if (told && !m.reasoning.empty()) append_member(to, "reasoning_content", m.reasoning);
  if (!m.tool_call_id.empty()) append_member(to, "tool_call_id", m.tool_call_id);
  if (!m.tool_calls.empty()) append_calls(to, m);
  to.append(more) += '}';
}

}  // namespace catena::llm
