// SPDX-License-Identifier: BSL-1.0
#include "answer_text.hpp"

#include <catena/http/fields.hpp>

#include "request_body.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace catena::llm {
namespace {

using nlohmann::json;

constexpr std::size_t most_calls = 128;  // of tools in one answer: no provider allows more
constexpr std::size_t most_unknown = 64;  // members that are kept

constexpr std::array<std::string_view, 5> finish_names{"stop", "length", "tool_calls", "content_filter", "other"};

/// What copies and writes JSON calls itself for each level: no server is to choose how often.
constexpr std::size_t most_levels = 256;

std::size_t levels_in(std::string_view text) noexcept {
  std::size_t now = 0, most = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') in_text = !in_text;
    else if (in_text) i += c == '\\';
    else if (c == '{' || c == '[') most = std::max(most, ++now);
    else if ((c == '}' || c == ']') && now > 0) --now;
  }
  return most;
}

/// What is told of text that is no answer. What may be one is not shown.
std::string beginning(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t\r\n");
  if (from == text.npos) return "nothing at all";
  if (text[from] == '{' || text[from] == '[') return "JSON that is broken off or malformed, " + std::to_string(text.size()) + " bytes";
  if (text[from] != '<') return "text that is no JSON, " + std::to_string(text.size()) + " bytes";
  return "a page that begins with: " + http::shown(text.substr(from), {}, 80);
}

failure no_answer(std::string what) { return {errc::bad_response, "the server's answer is no chat completion: " + std::move(what)}; }

/// The text of a member, "" if it has none.
const std::string& text_in(const json& object, const char* name) {
  static const std::string none;
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get_ref<const std::string&>() : none;
}
std::int64_t number_in(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (found == object.end() || !found->is_number()) return 0;
  return static_cast<std::int64_t>(std::clamp(found->get<double>(), 0.0, 1e15));  // sums of these stay numbers
}
const json& object_in(const json& object, const char* name) {
  static const json none = json::object();
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_object() ? *found : none;
}

/// What is said, also in parts, or what is said instead of it.
struct said {
  std::string content;
  bool refused = false;
};
said said_in(const json& m) {
  const auto content = m.is_object() ? m.find("content") : m.end();
  said s;
  if (content != m.end() && content->is_array()) {
    for (const json& part : *content) s.content += text_in(part, "text");
  } else {
    s.content = text_in(m, "content");
  }
  const std::string& refusal = text_in(m, "refusal");
  s.refused = s.content.empty() && !refusal.empty();
  if (s.refused) s.content = refusal;
  return s;
}

/// Errors that are told inside of a success, by number or by name.
errc code_of(const json& error) {
  const auto code = error.find("code");
  if (code != error.end() && code->is_number_integer()) {
    const auto status = code->get<std::int64_t>();
    if (status == 408 || status == 409 || status == 429 || status >= 500) return errc::busy;
    if (status >= 401 && status <= 404) return errc::refused;
    if (status >= 400) return errc::invalid_input;
  }
  const std::string name = text_in(error, "code") + " " + text_in(error, "type");
  const auto says = [&](std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(words, [&](std::string_view w) { return name.find(w) != name.npos; });
  };
  if (says({"rate_limit", "overloaded", "server_error", "timeout", "unavailable"})) return errc::busy;
  if (says({"quota", "authentication", "permission", "balance", "not_found"})) return errc::refused;
  if (says({"invalid"})) return errc::invalid_input;
  return errc::busy;
}

/// What a server says that goes wrong after it had said that all is well; not set: it says nothing of that.
failure told_in(const json& j, const http::fields& secrets) {
  const auto error = j.find("error");
  if (error == j.end() || error->is_null()) return {};
  const std::string text = error->is_string() ? error->get<std::string>() : text_in(*error, "message");
  const errc code = error->is_object() ? code_of(*error) : errc::busy;
  return {code, "the server gave up inside of its answer: " + (text.empty() ? std::string("it does not say why") : http::shown(text, secrets, 200))};
}

finish finish_of(std::string_view name) {
  if (name == "function_call") return finish::tool_calls;
  const auto found = std::ranges::find(finish_names, name);
  return found == finish_names.end() ? finish::other : static_cast<finish>(found - finish_names.begin());
}

token_usage usage_of(const json& j) {
  token_usage u{.input = number_in(j, "prompt_tokens"), .cached_input = number_in(j, "prompt_cache_hit_tokens"), .output = number_in(j, "completion_tokens")};
  if (u.cached_input == 0) u.cached_input = number_in(object_in(j, "prompt_tokens_details"), "cached_tokens");
  u.cached_input = std::min(u.cached_input, u.input);
  u.reasoning = number_in(object_in(j, "completion_tokens_details"), "reasoning_tokens");
  return u;
}

const std::string& reasoning_in(const json& m) {
  const std::string& text = text_in(m, "reasoning_content");
  return text.empty() ? text_in(m, "reasoning") : text;
}

constexpr std::string_view known_members[] = {"id", "object", "created", "model", "choices", "usage"};
constexpr std::string_view known_of_usage[] = {"prompt_tokens",           "completion_tokens",        "total_tokens",
                                               "prompt_cache_hit_tokens", "prompt_cache_miss_tokens", "prompt_tokens_details", "completion_tokens_details"};
bool is_one_of(const std::string& name, std::span<const std::string_view> names) { return std::ranges::find(names, name) != names.end(); }

/// Takes what the reader knows out of what a server says; the rest is kept. Of a streamed answer each event says it again.
void take_head(answer& a, json& j, json& extra) {
  if (a.id.empty()) a.id = text_in(j, "id");
  if (a.model.empty()) a.model = text_in(j, "model");
  if (const json& used = object_in(j, "usage"); !used.empty()) {
    a.usage = usage_of(used);
    for (const auto& [name, value] : used.items())
      if (!is_one_of(name, known_of_usage) && extra["usage"].size() < most_unknown) extra["usage"][name] = value;
  }
  for (auto& [name, value] : j.items())
    if (!is_one_of(name, known_members) && (extra.size() < most_unknown || extra.contains(name))) extra[name] = std::move(value);
}

/// The provider had no room to go on: what is there is no answer.
bool was_interrupted(const answer& a) noexcept { return a.finish_text == "insufficient_system_resource"; }
failure interrupted() { return {errc::busy, "the server had no resources to go on with its answer"}; }

void take_finish(answer& a, const json& choice) {
  a.finish_text = text_in(choice, "finish_reason");
  a.finish = finish_of(a.finish_text);
}

}  // namespace

std::string_view to_string(finish f) noexcept { return finish_names[static_cast<std::size_t>(f)]; }

json parsed(std::string_view text) {
  if (levels_in(text) > most_levels) return json(json::value_t::discarded);
  json j = json::parse(text, nullptr, false);
  if (j.is_discarded() && !is_utf8(text)) return json::parse(as_utf8(text), nullptr, false);
  return j;
}

result<answer> answer_of(std::string_view body, const http::fields& secrets) {
  json j = parsed(body);
  if (!j.is_object()) return no_answer(beginning(body));
  if (failure told = told_in(j, secrets); told.is_set()) return told;
  const auto choices = j.find("choices");
  if (choices == j.end() || !choices->is_array() || choices->empty() || object_in(choices->front(), "message").empty())
    return no_answer("it has no choice with a message");
  answer a;
  const json& choice = choices->front();
  const json& m = object_in(choice, "message");
  said s = said_in(m);
  a.message.content = std::move(s.content);
  a.message.reasoning = reasoning_in(m);
  if (const auto calls = m.find("tool_calls"); calls != m.end() && calls->is_array()) {
    if (calls->size() > most_calls) return no_answer("it calls " + std::to_string(calls->size()) + " tools at once");
    for (const json& c : *calls) {
      const json& f = object_in(c, "function");
      a.message.tool_calls.push_back({text_in(c, "id"), text_in(f, "name"), text_in(f, "arguments")});
    }
  }
  take_finish(a, choice);
  if (s.refused) a.finish = finish::content_filter;
  if (was_interrupted(a)) return interrupted();
  json extra = json::object();
  take_head(a, j, extra);
  if (!extra.empty()) a.extra = text_of(extra);
  return a;
}

result<std::optional<answer_piece>> chunk_reader::take(std::string_view data) {
  if (done_) return std::optional<answer_piece>();
  if (data.starts_with("[DONE]")) {
    done_ = true;
    return std::optional<answer_piece>();
  }
  json j = parsed(data);
  if (!j.is_object()) return no_answer(beginning(data));
  if (failure told = told_in(j, *secrets_); told.is_set()) return told;
  answer_piece piece;
  if (const auto choices = j.find("choices"); choices != j.end() && choices->is_array())
    for (const json& choice : *choices)
      if (choice.is_object() && number_in(choice, "index") == 0) {
        take_choice(choice, piece);
        break;
      }
  take_head(answer_, j, extra_);
  if (piece.text.empty() && piece.reasoning.empty()) return std::optional<answer_piece>();
  return std::optional<answer_piece>(std::move(piece));
}

void chunk_reader::take_choice(const json& choice, answer_piece& piece) {
  const json& delta = object_in(choice, "delta");
  said s = said_in(delta);
  refused_ = refused_ || s.refused;
  piece.text = std::move(s.content);
  piece.reasoning = reasoning_in(delta);
  answer_.message.content += piece.text;
  answer_.message.reasoning += piece.reasoning;
  if (const auto calls = delta.find("tool_calls"); calls != delta.end() && calls->is_array())
    for (const json& c : *calls) take_call(c);
  begun_ = begun_ || !piece.text.empty() || !piece.reasoning.empty() || !answer_.message.tool_calls.empty();
  if (text_in(choice, "finish_reason").empty()) return;
  take_finish(answer_, choice);
  finished_ = true;
}

/// A call comes in pieces, too: its name first, then its arguments bit by bit.
void chunk_reader::take_call(const json& j) {
  const auto index = static_cast<std::size_t>(number_in(j, "index"));
  if (!j.is_object() || index >= most_calls) return;
  auto& calls = answer_.message.tool_calls;
  if (calls.size() <= index) calls.resize(index + 1);
  const json& f = object_in(j, "function");
  if (calls[index].id.empty()) calls[index].id = text_in(j, "id");
  calls[index].name += text_in(f, "name");
  calls[index].arguments += text_in(f, "arguments");
}

result<answer> chunk_reader::end() {
  if (was_interrupted(answer_)) return interrupted();
  if (!finished_)
    return failure(errc::bad_response, "the answer was cut off after " + std::to_string(answer_.message.content.size()) + " bytes: the server ended the stream before it had said why");
  if (refused_) answer_.finish = finish::content_filter;
  if (!extra_.empty()) answer_.extra = text_of(extra_);
  done_ = true;
  return std::move(answer_);
}

}  // namespace catena::llm
