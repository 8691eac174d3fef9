// SPDX-License-Identifier: BSL-1.0
#include "json_in_text.hpp"

#include "answer_text.hpp"

#include <algorithm>
#include <utility>

namespace catena::llm {
namespace {

using nlohmann::json;

constexpr std::string_view fence = "```";
constexpr int most_tries = 32;  // so that a text full of brackets takes no time that grows with its square

bool is_of(const json& j, json_root root) noexcept {
  switch (root) {
    case json_root::object: return j.is_object();
    case json_root::array: return j.is_array();
    case json_root::any: break;
  }
  return !j.is_discarded();
}

/// What is between the marks that begin at `from`, which is set behind it; without the language's name.
std::string_view fenced(std::string_view text, std::size_t& from) {
  std::size_t begin = from + fence.size();
  while (begin < text.size() && text[begin] != '\n' && text[begin] != '{' && text[begin] != '[') ++begin;
  std::size_t end = text.find(fence, begin);
  if (end == text.npos) end = text.size();
  from = std::min(text.size(), end + fence.size());
  return text.substr(begin, end - begin);
}

/// Where the value ends whose bracket is at `from`; npos: nowhere.
std::size_t end_of_value(std::string_view text, std::size_t from) {
  std::size_t depth = 0;
  bool in_text = false;
  for (std::size_t i = from; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\') ++i;
      else if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return text.npos;
}

}  // namespace

std::optional<json> json_in(std::string_view text, json_root root) {
  if (json whole = parsed(text); !whole.is_discarded()) return std::optional<json>(std::move(whole));
  int tries = 0;
  for (std::size_t at = text.find(fence); at < text.size() && ++tries <= most_tries; at = text.find(fence, at))
    if (json j = parsed(fenced(text, at)); is_of(j, root)) return std::optional<json>(std::move(j));
  const std::string_view brackets = root == json_root::object ? "{" : root == json_root::array ? "[" : "{[";
  tries = 0;
  for (std::size_t at = text.find_first_of(brackets); at < text.size() && ++tries <= most_tries; at = text.find_first_of(brackets, at)) {
    const std::size_t end = end_of_value(text, at);
    if (end != text.npos)
      if (json j = parsed(text.substr(at, end - at)); is_of(j, root)) return std::optional<json>(std::move(j));
    at = end == text.npos ? at + 1 : end;
  }
  return std::nullopt;
}

bool is_json_object(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != text.npos && text[first] == '{' && json::accept(text);
}

}  // namespace catena::llm
