// SPDX-License-Identifier: BSL-1.0
#include "sentences.hpp"

#include "marks.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <array>

namespace legal {
namespace {

using std::string_view;

constexpr std::size_t long_clause_columns = 80;  ///< a shorter clause before ； reads better with the next one

template <std::size_t N>
bool any_of(const std::array<string_view, N>& list, string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_closer(char32_t c) noexcept {
  return c == '"' || c == '\'' || c == ')' || c == ']' || c == 0x201D || c == 0x2019 || c == 0xBB || c == 0x300D ||
         c == 0x300F || c == 0xFF09 || c == 0x3011;
}

bool is_opener(char32_t c) noexcept {
  return c == '"' || c == '\'' || c == '(' || c == '[' || c == '`' || c == 0x201C || c == 0x2018 || c == 0xAB ||
         c == 0x300C || c == 0xFF08 || c == 0xA7;
}

bool is_cjk_end(char32_t c) noexcept { return c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0xFF1B; }

/// The word that ends just before `end`: "e.g", "No", "Inc", "7".
string_view word_before(string_view text, std::size_t end) {
  std::size_t from = end;
  while (from > 0 && text[from - 1] != ' ' && text[from - 1] != '(' && text[from - 1] != '"') --from;
  return text.substr(from, end - from);
}

string_view word_after(string_view text, std::size_t at) {
  return text.substr(at, std::min(text.find_first_of(" ,.;:)", at), text.size()) - at);
}

bool starts_sentences(string_view word) {
  static constexpr std::array<string_view, 30> starters = {
      "The",  "This",   "These",   "If",      "It",     "In",   "A",     "An",   "Any",  "All",
      "Each", "No",     "You",     "Such",    "For",    "When", "Where", "Upon", "Each", "Every",
      "Both", "Either", "Nothing", "However", "Unless", "We",   "They",  "As",   "At",   "By"};
  return any_of(starters, word);
}

/// Abbreviations that are followed by more of the same sentence.
bool is_open_abbreviation(string_view word) {
  static constexpr std::array<string_view, 36> list = {
      "e.g",    "i.e",  "cf",  "vs",   "v",    "viz",  "mr",    "mrs", "ms",  "dr",  "prof", "st",
      "art",    "arts", "sec", "secs", "sect", "para", "paras", "cl",  "ch",  "pt",  "vol",  "fig",
      "approx", "jan",  "feb", "aug",  "sept", "oct",  "nov",   "dec", "hon", "rev", "reg",  "regs"};
  return any_of(list, word);
}

/// Abbreviations that may also end a sentence; then a typical first word follows.
bool is_closing_abbreviation(string_view word) {
  static constexpr std::array<string_view, 14> list = {"inc", "ltd", "co",  "corp", "llc", "plc", "etc",
                                                       "al",  "u.s", "u.k", "a.m",  "p.m", "jr",  "bros"};
  return any_of(list, word);
}

bool introduces_letter(string_view text, std::size_t end) {
  static constexpr std::array<string_view, 9> list = {"annex", "appendix", "schedule", "exhibit", "part",
                                                      "class", "section",  "option",   "table"};
  while (end > 0 && text[end - 1] == ' ') --end;
  return any_of(list, lower(word_before(text, end)));
}

/// Decides about a full stop at `dot`, when the next sentence would start at `next`.
bool full_stop_ends(string_view text, std::size_t begin, std::size_t dot, std::size_t next) {
  const string_view word = word_before(text, dot);
  const string_view follower = word_after(text, next);
  const std::size_t word_begin = dot - word.size();
  const bool all_digits =
      !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (all_digits && word_begin == begin) return false;  // "1. The Supplier": a list number
  const std::string small = lower(word);
  if ((small == "no" || small == "nos" || small == "p" || small == "pp") && is_digit(code_point_at(text, next).value))
    return false;
  if (is_open_abbreviation(small)) return false;
  if (is_closing_abbreviation(small)) return starts_sentences(follower);
  if (word.size() <= 5 && word.find('.') != string_view::npos && is_all_caps(word))
    return starts_sentences(follower);  // "P.O. Box"
  const bool initial = word.size() == 1 && is_upper(static_cast<unsigned char>(word[0]));
  if (initial && word != "I") return introduces_letter(text, word_begin) || starts_sentences(follower);
  return true;
}

/// Where the sentence that ends with the mark before `at` really ends, quotes and brackets included.
std::size_t skip_closers(string_view text, std::size_t at) {
  for (;;) {
    const code_point read = code_point_at(text, at);
    if (read.size == 0 || !is_closer(read.value)) return at;
    at += read.size;
  }
}

bool may_start(char32_t c) noexcept { return is_upper(c) || is_digit(c) || is_opener(c) || is_cjk(c); }

/// Cuts `text` at the best place not after `limit`.
std::size_t cut_point(string_view text, std::size_t limit) {
  const string_view head = text.substr(0, limit);
  for (const string_view mark : {string_view("; "), string_view("\xEF\xBC\x9B"), string_view(", "),
                                 string_view("\xEF\xBC\x8C"), string_view(" ")}) {
    const std::size_t at = head.rfind(mark);
    if (at != string_view::npos && at > limit / 3) return at + mark.size();
  }
  std::size_t at = limit;
  while (at > 1 && (static_cast<unsigned char>(text[at]) & 0xC0u) == 0x80u) --at;
  return at;
}

void add(std::vector<std::string>& out, string_view sentence) {
  sentence = trim(sentence);
  while (sentence.size() > max_sentence_bytes) {
    const std::size_t at = cut_point(sentence, max_sentence_bytes);
    out.emplace_back(trim(sentence.substr(0, at)));
    sentence = trim(sentence.substr(at));
  }
  if (!sentence.empty()) out.emplace_back(sentence);
}

}  // namespace

std::vector<std::string> sentences_of(string_view text) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const code_point read = code_point_at(text, at);
    const std::size_t mark = at;
    at += read.size;
    const bool latin_end = read.value == '.' || read.value == '!' || read.value == '?';
    if (!latin_end && !is_cjk_end(read.value)) continue;
    if (read.value == 0xFF1B && columns(text.substr(begin, at - begin)) < long_clause_columns) continue;
    const std::size_t end = skip_closers(text, at);
    if (latin_end) {
      if (end >= text.size()) break;
      if (text[end] != ' ' && !(end > at && is_cjk(code_point_at(text, end).value))) continue;
      const std::size_t next = text[end] == ' ' ? end + 1 : end;
      if (!may_start(code_point_at(text, next).value)) continue;
      if (read.value == '.' && !full_stop_ends(text, begin, mark, next)) continue;
    }
    add(out, text.substr(begin, end - begin));
    begin = at = end;
    while (begin < text.size() && text[begin] == ' ') at = ++begin;
  }
  add(out, text.substr(begin));
  return out;
}

bool ends_sentence(string_view text) noexcept {
  text = trim(text);
  for (;;) {
    const code_point last = code_point_before(text, text.size());
    if (last.size == 0) return false;
    if (!is_closer(last.value))
      return last.value == '.' || last.value == '!' || last.value == '?' ||
             (is_cjk_end(last.value) && last.value != 0xFF1B);
    text.remove_suffix(last.size);
  }
}

}  // namespace legal
