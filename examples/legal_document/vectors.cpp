// SPDX-License-Identifier: BSL-1.0
#include "vectors.hpp"

#include "utf8.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace legal {
namespace {

using std::string_view;

constexpr std::size_t counter_count = std::size_t{1} << 20;

/// Sorted, for binary search. Modal verbs are absent on purpose: they tell legal sentences apart.
constexpr std::array<string_view, 76> stop_words = {
    "a",     "about",   "after", "all",    "also",  "an",    "and",   "any",   "are",  "as",      "at",
    "be",    "because", "been",  "before", "being", "but",   "by",    "do",    "does", "each",    "either",
    "for",   "from",    "had",   "has",    "have",  "he",    "her",   "his",   "how",  "however", "if",
    "in",    "into",    "is",    "it",     "its",   "nor",   "not",   "of",    "on",   "or",      "other",
    "our",   "out",     "own",   "same",   "she",   "so",    "some",  "such",  "than", "that",    "the",
    "their", "them",    "then",  "there",  "these", "they",  "this",  "those", "to",   "under",   "until",
    "up",    "was",     "we",    "were",   "when",  "where", "which", "who",   "with", "you"};

constexpr std::u32string_view stop_characters = U"的了和是在与及或其之于对以为等有由并将该本所各个向从至";

std::uint64_t hash(string_view text) noexcept {  // FNV-1a, then mixed, so that the low bits are good too
  std::uint64_t h = 1469598103934665603ull;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdull;
  return h ^ (h >> 33);
}

/// "works" and "work", "parties" and "party" are one word; anything cleverer does harm in a licence text.
void drop_plural(std::string& word) {
  if (word.size() > 4 && word.ends_with("ies")) {
    word.resize(word.size() - 3);
    word += 'y';
  } else if (word.size() > 3 && word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") &&
             !word.ends_with("is")) {
    word.pop_back();
  }
}

/// Calls `use(word, is_ideograph)` for each word or ideograph, and with an empty word where pairs must not cross.
template <typename Use>
void each_word(string_view text, Use use) {
  std::string word;
  const auto flush = [&] {
    if (word.empty()) return;
    use(word, false);
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const code_point c = code_point_at(text, at);
    at += c.size;
    if (is_letter(c.value) || is_digit(c.value)) {
      append(word, to_lower(c.value));
    } else if (is_cjk(c.value)) {
      flush();
      std::string one;
      append(one, c.value);
      if (stop_characters.find(c.value) != std::u32string_view::npos)
        use(std::string(), true);
      else
        use(one, true);
    } else if (c.value != '\'' && c.value != 0x2019) {  // "Program's" stays one word; its "s" goes as a plural
      flush();
      if (c.value != ' ' && c.value != '-') use(std::string(), false);
    }
  }
  flush();
}

}  // namespace

std::vector<std::string> terms_of(string_view text) {
  std::vector<std::string> terms;
  std::string last;
  each_word(text, [&](std::string word, bool ideograph) {
    if (!ideograph) {
      if (std::binary_search(stop_words.begin(), stop_words.end(), string_view(word))) return;
      drop_plural(word);
    }
    if (!word.empty() && !last.empty()) terms.push_back(ideograph ? last + word : last + ' ' + word);
    if (!word.empty()) terms.push_back(word);
    last = std::move(word);
  });
  return terms;
}

corpus_stats::corpus_stats() : counters_(counter_count, 0) {}

void corpus_stats::add(string_view sentence) {
  std::vector<std::uint64_t> ids;
  for (const std::string& term : terms_of(sentence)) ids.push_back(hash(term));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const std::uint64_t id : ids) ++counters_[id % counter_count];
  ++sentence_count_;
}

float corpus_stats::rarity(std::uint64_t id) const noexcept {
  const auto all = static_cast<float>(sentence_count_);
  return std::log(1.0f + (all + 1.0f) / (static_cast<float>(counters_[id % counter_count]) + 0.5f));
}

corpus_stats measure(const contents& of) {
  corpus_stats stats;
  for (const section& part : of.sections)
    for (const sentence& one : part.sentences) stats.add(one.text);
  return stats;
}

features vector_of(string_view sentence, const corpus_stats& stats) {
  features all;
  for (const std::string& term : terms_of(sentence)) all.push_back({hash(term), 1.0f});
  std::sort(all.begin(), all.end(), [](const feature& a, const feature& b) { return a.id < b.id; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (kept > 0 && all[kept - 1].id == all[i].id)
      all[kept - 1].weight += 1.0f;
    else
      all[kept++] = all[i];
  }
  all.resize(kept);
  float squares = 0;
  for (feature& f : all) {
    f.weight = (1.0f + std::log(f.weight)) * stats.rarity(f.id);
    squares += f.weight * f.weight;
  }
  const float scale = squares > 0 ? 1.0f / std::sqrt(squares) : 0.0f;
  for (feature& f : all) f.weight *= scale;
  return all;
}

float similarity(const features& a, const features& b) noexcept {
  float sum = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i].id == b[j].id)
      sum += a[i++].weight * b[j++].weight;
    else if (a[i].id < b[j].id)
      ++i;
    else
      ++j;
  }
  return sum;
}

}  // namespace legal
