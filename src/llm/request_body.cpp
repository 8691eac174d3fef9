// SPDX-License-Identifier: BSL-1.0
#include "request_body.hpp"

#include "json_in_text.hpp"
#include "message_text.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace catena::llm {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;  // a schema's fields keep their order, in which a model writes them

std::string_view effort_of(thinking t) noexcept {
  switch (t) {
    case thinking::off: return "none";
    case thinking::low: return "low";
    case thinking::high: return "high";
    case thinking::most: break;
  }
  return "max";
}

/// Always said, as some think unless they are told not to.
void add_thinking(ordered_json& body, const provider& who, thinking t) {
  switch (who.thinking) {
    case thinking_switch::none: return;
    case thinking_switch::thinking_object:
      body["thinking"] = {{"type", t == thinking::off ? "disabled" : "enabled"}};
      if (t != thinking::off) body["reasoning_effort"] = effort_of(t);
      return;
    case thinking_switch::effort:
      if (t != thinking::off) body["reasoning_effort"] = t == thinking::most ? "high" : effort_of(t);
      return;
    case thinking_switch::template_option: body["chat_template_kwargs"]["enable_thinking"] = t != thinking::off; return;
  }
}

void add_format(ordered_json& body, const provider& who, const reply_format& format) {
  const json_mode mode = std::min(format.mode, who.json);
  if (mode == json_mode::object) body["response_format"] = {{"type", "json_object"}};
  if (mode != json_mode::schema) return;
  body["response_format"] = {{"type", "json_schema"},
                             {"json_schema",
                              {{"name", format.name},
                               {"strict", format.held == adherence::strict},
                               {"schema", ordered_json::parse(format.schema, nullptr, false)}}}};
}

void add_tools(ordered_json& body, const chat_settings& how) {
  if (how.tools.empty()) return;
  ordered_json& tools = body["tools"] = ordered_json::array();
  for (const tool_spec& t : how.tools)
    tools.push_back({{"type", "function"},
                     {"function", {{"name", t.name}, {"description", t.description}, {"parameters", ordered_json::parse(t.parameters, nullptr, false)}}}});
  if (how.tool_choice != tool_choice::automatic) body["tool_choice"] = how.tool_choice == tool_choice::none ? "none" : "required";
}

/// What a server thought is for itself: only one that wants it back is told, where it had called tools.
told_reasoning told_to(const provider& who) noexcept {
  return who.thinking == thinking_switch::thinking_object ? told_reasoning::with_tool_calls : told_reasoning::none;
}

/// Some servers read the arguments of calls in what was said before (llama.cpp's template is one), and fail where a model has broken them off:
/// what was wrong with them, its tool has told.
std::optional<message> corrected(const message& m) {
  if (std::ranges::all_of(m.tool_calls, is_json_object, &tool_call::arguments)) return std::nullopt;
  message c = m;
  for (tool_call& t : c.tool_calls)
    if (!is_json_object(t.arguments)) t.arguments = "{}";
  return c;
}

/// The last message is an assistant's, which is to go on.
bool is_begun(const messages& asked) noexcept { return asked.back().role == role::assistant && asked.back().tool_calls.empty(); }

result<void> fits(const provider& who, const chat_settings& how, const messages& asked) {
  if (asked.empty()) return failure(errc::invalid_input, "there is no message to answer");
  if (is_begun(asked) && who.prefix == prefix_support::none)
    return failure(errc::invalid_input, "the last message is an assistant's, and " + who.name + " cannot go on with one");
  const bool to_json = std::min(how.format.mode, who.json) == json_mode::object;
  const auto says_json = [](const message& m) {
    const auto same = [](char a, char b) { return (a | 0x20) == b; };
    constexpr std::string_view word = "json";
    return std::search(m.content.begin(), m.content.end(), word.begin(), word.end(), same) != m.content.end();
  };
  if (to_json && std::ranges::none_of(asked, says_json))
    return failure(errc::invalid_input, "the answer is to be a JSON object, which " + who.name + " wants to be told by a message that has the word JSON");
  return {};
}

}  // namespace

std::string text_of(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }
std::string text_of(const ordered_json& j) { return j.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

std::string_view repeated_in_answer(const provider& who, const messages& asked) noexcept {
  return who.prefix == prefix_support::last_message && is_begun(asked) ? std::string_view(asked.back().content) : std::string_view();
}

result<chat_request> request_of(const provider& who, const std::string& model, const chat_settings& how, const messages& asked, delivery as) {
  if (const auto fit = fits(who, how, asked); !fit) return fit.error();
  ordered_json body{{"model", model}};
  chat_request request{"chat/completions", "{\"messages\":["};
  const bool prefixed = is_begun(asked) && who.prefix == prefix_support::beta;
  for (const message& m : asked) {
    if (&m != &asked.front()) request.body += ',';
    const std::optional<message> other = corrected(m);
    append_message(request.body, other ? *other : m, told_to(who), prefixed && &m == &asked.back() ? ",\"prefix\":true" : "");
  }
  if (prefixed) {
    request.path = "beta/chat/completions";
  } else if (is_begun(asked) && who.prefix == prefix_support::on_request) {
    body["continue_final_message"] = true;
    body["add_generation_prompt"] = false;
  }
  if (as == delivery::streamed) {
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
  }
  if (how.max_tokens != 0) body[who.length_field] = how.max_tokens;
  const bool thinks = how.thinking != thinking::off && who.thinking == thinking_switch::thinking_object;
  if (how.temperature && !thinks) body["temperature"] = *how.temperature;
  if (how.top_p && !thinks) body["top_p"] = *how.top_p;
  if (how.seed) body["seed"] = *how.seed;
  if (!how.stop.empty()) body["stop"] = how.stop;
  if (!how.user.empty() && !who.user_field.empty()) body[who.user_field] = how.user;
  add_thinking(body, who, how.thinking);
  add_format(body, who, how.format);
  add_tools(body, how);
  if (!how.extra.empty()) body.update(ordered_json::parse(how.extra, nullptr, false));
  body.erase("messages");
  request.body.append("],").append(text_of(body), 1);
  return request;
}

}  // namespace catena::llm
