// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/message.hpp>

#include "message_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace catena::llm {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> role_names{"system", "user", "assistant", "tool"};

failure wrong(const std::string& pointer, const std::string& what) { return {errc::invalid_input, pointer + ": " + what}; }

/// The text of a field that may be absent or null.
result<std::string> text_in(const json& object, const char* name, const std::string& pointer) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::string();
  if (!found->is_string()) return wrong(pointer + "/" + name, "a text is expected");
  return found->get<std::string>();
}

result<tool_call> call_of(const json& j, const std::string& pointer) {
  if (!j.is_object() || !j.contains("function") || !j["function"].is_object()) return wrong(pointer, "a tool call with a function is expected");
  tool_call t;
  const std::string inside = pointer + "/function";
  const struct {
    std::string& to;
    const json& in;
    const std::string& at;
    const char* name;
  } texts[] = {{t.id, j, pointer, "id"}, {t.name, j["function"], inside, "name"}, {t.arguments, j["function"], inside, "arguments"}};
  for (const auto& [to, in, at, name] : texts) {
    auto text = text_in(in, name, at);
    if (!text) return text.error();
    to = *std::move(text);
  }
  return t;
}

result<message> message_of(const json& j, const std::string& pointer) {
  if (!j.is_object()) return wrong(pointer, "an object is expected");
  const auto who = text_in(j, "role", pointer);
  if (!who) return who.error();
  const auto named = std::ranges::find(role_names, std::string_view(*who));
  if (named == role_names.end()) return wrong(pointer + "/role", "system, user, assistant or tool is expected");
  message m(static_cast<role>(named - role_names.begin()), {});
  const struct {
    std::string& to;
    const char* name;
  } texts[] = {{m.content, "content"}, {m.reasoning, "reasoning_content"}, {m.tool_call_id, "tool_call_id"}};
  for (const auto& [to, name] : texts) {
    auto text = text_in(j, name, pointer);
    if (!text) return text.error();
    to = *std::move(text);
  }
  const auto calls = j.find("tool_calls");
  if (calls == j.end() || calls->is_null()) return m;
  if (!calls->is_array()) return wrong(pointer + "/tool_calls", "an array is expected");
  for (const json& c : *calls) {
    auto t = call_of(c, pointer + "/tool_calls/" + std::to_string(m.tool_calls.size()));
    if (!t) return t.error();
    m.tool_calls.push_back(*std::move(t));
  }
  return m;
}

}  // namespace

std::string_view to_string(role r) noexcept { return role_names[static_cast<std::size_t>(r)]; }

std::string to_json(const messages& all) {
  std::string text = "[";
  for (const message& m : all) {
    if (&m != &all.front()) text += ',';
    append_message(text, m, told_reasoning::all);
  }
  return text += ']';
}

result<messages> messages_of(const json& j, const std::string& pointer) {
  if (!j.is_array()) return wrong(pointer.empty() ? "(document)" : pointer, "a JSON array of messages is expected");
  messages all;
  for (const json& one : j) {
    auto m = message_of(one, pointer + "/" + std::to_string(all.size()));
    if (!m) return m.error();
    all.push_back(*std::move(m));
  }
  return all;
}

result<messages> messages_from_json(std::string_view text) { return messages_of(json::parse(text, nullptr, false), {}); }

}  // namespace catena::llm
