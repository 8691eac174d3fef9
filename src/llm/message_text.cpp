// SPDX-License-Identifier: BSL-1.0
#include "message_text.hpp"

#include "utf8.hpp"

namespace catena::llm {
namespace {

bool is_plain(char c) noexcept { return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80 && c != '"' && c != '\\'; }

void append_escape(std::string& to, char c) {
  static constexpr char digits[] = "0123456789abcdef";
  switch (c) {
    case '"': to += "\\\""; return;
    case '\\': to += "\\\\"; return;
    case '\n': to += "\\n"; return;
    case '\r': to += "\\r"; return;
    case '\t': to += "\\t"; return;
    default: break;
  }
  to += "\\u00";
  to += digits[static_cast<unsigned char>(c) >> 4];
  to += digits[static_cast<unsigned char>(c) & 15];
}

void append_member(std::string& to, std::string_view name, std::string_view value) {
  to.append(",\"").append(name).append("\":");
  append_quoted(to, value);
}

void append_calls(std::string& to, const message& m) {
  to += ",\"tool_calls\":[";
  for (const tool_call& t : m.tool_calls) {
    to += &t == &m.tool_calls.front() ? "{\"id\":" : ",{\"id\":";
    append_quoted(to, t.id);
    to += ",\"type\":\"function\",\"function\":{\"name\":";
    append_quoted(to, t.name);
    append_member(to, "arguments", t.arguments);
    to += "}}";
  }
  to += ']';
}

}  // namespace

void append_quoted(std::string& to, std::string_view text) {
  to += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    to.append(text, 0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const std::size_t length = utf8_length(text);
    if (length == 0) to += "\xEF\xBF\xBD";
    else if (length == 1) append_escape(to, text[0]);
    else to.append(text, 0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  to += '"';
}

void append_message(std::string& to, const message& m, told_reasoning reasoning, std::string_view more) {
  to.append("{\"role\":\"").append(to_string(m.role)).append("\",\"content\":");
  append_quoted(to, m.content);
  const bool told = reasoning == told_reasoning::all || (reasoning == told_reasoning::with_tool_calls && !m.tool_calls.empty());
  if (told && !m.reasoning.empty()) append_member(to, "reasoning_content", m.reasoning);
  if (!m.tool_call_id.empty()) append_member(to, "tool_call_id", m.tool_call_id);
  if (!m.tool_calls.empty()) append_calls(to, m);
  to.append(more) += '}';
}

}  // namespace catena::llm
