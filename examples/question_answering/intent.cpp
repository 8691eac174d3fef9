// SPDX-License-Identifier: BSL-1.0
#include "intent.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "legal_document/utf8.hpp"

namespace qa {
namespace {

using std::string_view;

// All are sorted, for binary search.
constexpr std::array<string_view, 22> small_talk_words = {"afternoon", "are", "bye",   "day",  "evening", "good", "goodbye", "hello",
                                                          "hey",       "hi",  "how",   "lot",  "morning", "much", "so",      "thank",
                                                          "thanks",    "the", "there", "very", "welcome", "you"};
constexpr std::array<string_view, 32> asking_words = {"can", "could", "define", "defined", "definition", "did", "do", "does", "explain", "give", "how",
                                                      "i", "if", "is", "know", "me", "mean", "meaning", "my", "please", "say", "should", "tell",
                                                      "text", "what", "when", "where", "which", "who", "whom", "whose", "why"};
constexpr std::array<string_view, 5> meaning_words = {"define", "defined", "definition", "mean", "meaning"};
static_assert(std::is_sorted(small_talk_words.begin(), small_talk_words.end()) && std::is_sorted(asking_words.begin(), asking_words.end()));
static_assert(std::is_sorted(meaning_words.begin(), meaning_words.end()));

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || (static_cast<unsigned char>(c) & 0x80u) != 0 || c == '\''; }

/// Lower case, with where each begins and ends.
struct word {
  std::string lower;
  std::size_t begin;
  std::size_t end;
};

std::vector<word> words_of(string_view text) {
  std::vector<word> all;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && is_word(text[end])) ++end;
    if (end > at) all.push_back({legal::lower(text.substr(at, end - at)), at, end});
    at = std::max(end, at + 1);
  }
  return all;
}

template <std::size_t N>
bool is_one_of(const std::array<string_view, N>& sorted, string_view word) {
  return std::binary_search(sorted.begin(), sorted.end(), word);
}

/// Words of the topic stay where they stand, so that pairs of them are still pairs.
std::string topic_of(const std::string& text, const std::vector<word>& words) {
  std::string topic = text;
  for (const word& one : words)
    if (is_one_of(asking_words, one.lower)) topic.replace(one.begin, one.end - one.begin, one.end - one.begin, ' ');
  return legal::trim(topic).empty() ? text : topic;
}

bool asks_for_meaning(const std::vector<word>& words) {
  if (words.size() > 1 && words[0].lower == "what" && (words[1].lower == "is" || words[1].lower == "are")) return true;
  return std::any_of(words.begin(), words.end(), [](const word& one) { return is_one_of(meaning_words, one.lower); });
}

}  // namespace

request understand(const std::string& line) {
  request out;
  out.text = legal::trim(line);
  if (out.text.starts_with('/')) {
    out.what = out.text == "/sources" ? intent::sources : intent::help;
    return out;
  }
  const std::vector<word> words = words_of(out.text);
  const bool greets = std::all_of(words.begin(), words.end(), [](const word& one) { return is_one_of(small_talk_words, one.lower); });
  out.what = greets ? intent::small_talk : asks_for_meaning(words) ? intent::meaning : intent::question;
  out.topic = topic_of(out.text, words);
  return out;
}

}  // namespace qa
