// SPDX-License-Identifier: BSL-1.0
#include "marks.hpp"
#include "mentions.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace legal {
namespace {

using std::string_view;

struct quoted {
  std::size_t begin;  ///< of the opening quote
  std::size_t end;    ///< after the closing quote
  string_view term;
};

bool is_open_quote(char32_t c) { return c == '"' || c == 0x201C || c == 0x300C || c == 0xAB; }
bool is_close_quote(char32_t c) { return c == '"' || c == 0x201D || c == 0x300D || c == 0xBB; }

std::optional<quoted> next_quoted(string_view text, std::size_t from) {
  for (std::size_t at = from; at < text.size();) {
    const code_point open = code_point_at(text, at);
    const std::size_t begin = at;
    at += open.size;
    if (!is_open_quote(open.value)) continue;
    for (std::size_t end = at; end < text.size();) {
      const code_point close = code_point_at(text, end);
      if (is_close_quote(close.value)) return quoted{begin, end + close.size, text.substr(at, end - at)};
      end += close.size;
    }
    return std::nullopt;
  }
  return std::nullopt;
}

template <std::size_t N>
bool starts_with_any(string_view text, const std::array<string_view, N>& list) {
  return std::any_of(list.begin(), list.end(), [&](string_view word) { return text.starts_with(word); });
}

/// The words after the term say what it is: "means", or after a few words that narrow it ("for a work in object code
/// form means").
bool explained_after(string_view after) {
  if (after.starts_with(" (or "))
    after.remove_prefix(std::min(after.find(')') + 1, after.size()));  // "You" (or "Your") means
  static constexpr std::array<string_view, 14> verbs = {" means ",
                                                        " means: ",
                                                        " mean ",
                                                        " means, ",
                                                        " refers to ",
                                                        " refer to ",
                                                        " shall mean",
                                                        " has the meaning",
                                                        " have the meaning",
                                                        " is defined",
                                                        " are defined",
                                                        "是指",
                                                        "系指",
                                                        "均指"};
  const string_view near = after.substr(0, std::min({after.size(), std::size_t{90}, after.find_first_of("\".;")}));
  for (const string_view verb : verbs)
    if (after.substr(0, near.size() + verb.size()).find(verb) != string_view::npos) return true;
  const string_view next = after.substr(0, std::min({after.size(), std::size_t{50}, after.find_first_of(",\".;")}));
  if (next.find(" includes ") != string_view::npos || next.find(" include ") != string_view::npos) return true;
  return starts_with_any(after, std::array<string_view, 8>{" is a ", " is an ", " is any ", " is either ", " is the ",
                                                           " are all ", " are terms ", "指"});
}

/// The words before the term say that it is a name: "is called an", "(the".
bool named_before(string_view before, string_view after) {
  const string_view near = before.substr(before.size() - std::min<std::size_t>(before.size(), 40));
  for (const string_view verb :
       {"called ", "referred to as", "known as", "addressed as", "defined as", "considered ", "简称", "称为"})
    if (near.find(verb) != string_view::npos) return true;
  if (after.starts_with(')') || after.starts_with("）"))
    return near.ends_with("(the ") || near.ends_with("(") || near.ends_with("(this ") || near.ends_with(", the ") ||
           near.ends_with(", a ") || near.ends_with("（");
  return near.ends_with(" is ") && after.starts_with(" if ");
}

std::string clean(string_view term) {
  term = trim(term);
  while (term.ends_with(',') || term.ends_with('.')) term.remove_suffix(1);
  return std::string(term);
}

/// "Confidential Information means …"
std::string capitalised_subject(string_view text) {
  for (const string_view verb : {string_view(" means "), string_view(" shall mean "), string_view(" refers to ")}) {
    const std::size_t at = text.find(verb);
    if (at == string_view::npos || at > 50) continue;
    string_view term = text.substr(0, at);
    if (term.starts_with("The ")) term.remove_prefix(4);
    if (count_words(term) <= 5 && is_title_case(term) && term.find(',') == string_view::npos) return std::string(term);
  }
  return {};
}

/// 本合同所称数据安全事件，是指……; 服务期是指……
std::string chinese_subject(string_view text) {
  const std::size_t verb = std::min(text.find("是指"), text.find("系指"));
  if (verb == string_view::npos) return {};
  string_view term = text.substr(0, verb);
  if (const std::size_t so_called = term.rfind("所称"); so_called != string_view::npos)
    term.remove_prefix(so_called + string_view("所称").size());
  if (const std::size_t comma = term.rfind("，"); comma != string_view::npos && comma + 3 != term.size())
    term.remove_prefix(comma + 3);
  if (term.ends_with("，")) term.remove_suffix(3);
  if (term.starts_with("的")) term.remove_prefix(3);
  return columns(term) <= 30 ? std::string(trim(term)) : std::string();
}

}  // namespace

std::string defined_term(string_view sentence) {
  for (auto quote = next_quoted(sentence, 0); quote; quote = next_quoted(sentence, quote->end)) {
    const string_view term = quote->term;
    if (term.empty() || columns(term) > 60 || count_words(term) > 8 ||
        !(is_letter(code_point_at(term, 0).value) || is_cjk(code_point_at(term, 0).value)))
      continue;
    const string_view after = sentence.substr(quote->end);
    if (explained_after(after) || named_before(sentence.substr(0, quote->begin), after)) return clean(term);
  }
  if (std::string term = capitalised_subject(sentence); !term.empty()) return term;
  return chinese_subject(sentence);
}

}  // namespace legal
