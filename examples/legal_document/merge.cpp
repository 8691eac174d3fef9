// SPDX-License-Identifier: BSL-1.0
#include "merge.hpp"

#include "mentions.hpp"
#include "readability.hpp"
#include "utf8.hpp"
#include "vectors.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

namespace legal {
namespace {

constexpr float readable = 0.4f;                 ///< below, a sentence may stand for its section but not on the page
constexpr std::size_t short_line_columns = 330;  ///< a line is followed by a second one if both together stay below
constexpr float definition = 0.35f;
constexpr float too_alike = 0.5f;

struct candidate {
  quotation where;
  features vector;
  float value = 0;
  std::size_t words = 0;
  bool open = true;
};

bool before(const quotation& a, const quotation& b) {
  return a.section != b.section ? a.section < b.section : a.sentence < b.sentence;
}

std::vector<quotation> lines_of(const contents& from, const summary& picked) {
  std::vector<quotation> lines = {{picked.section, picked.picks.empty() ? 0 : picked.picks.front().sentence}};
  if (picked.picks.size() < 2 || from.sections[picked.section].sentences.size() < 4) return lines;
  const quotation second = {picked.section, picked.picks[1].sentence};
  const sentence& a = sentence_at(from, lines.front());
  const sentence& b = sentence_at(from, second);
  if (columns(a.text) + columns(b.text) > short_line_columns || readability(b) < readable) return lines;
  lines.push_back(second);
  std::sort(lines.begin(), lines.end(), before);
  return lines;
}

std::vector<candidate> candidates_of(const contents& from, const std::vector<summary>& summaries) {
  constexpr std::array<float, max_picks> by_order = {1.0f, 0.8f, 0.65f};
  std::vector<candidate> all;
  corpus_stats stats;
  for (const summary& one : summaries) {
    const section& in = from.sections[one.section];
    // A section of one sentence weighs less than one of eight or more, and the opening less than the terms.
    const float size = 0.7f + 0.3f * std::min(1.0f, static_cast<float>(in.sentences.size()) / 8.0f);
    const float place = in.number.empty() ? 0.6f : 1.0f;
    for (std::size_t order = 0; order < one.picks.size() && order < max_picks; ++order) {
      const sentence& text = in.sentences[one.picks[order].sentence];
      const float quality = readability(text);
      if (quality < readable) continue;
      const float meaning = defined_term(text.text).empty() ? 1.0f : definition;  // the page says what is agreed
      stats.add(text.text);
      all.push_back({{one.section, one.picks[order].sentence},
                     {},
                     quality * legal_force(text.text) * by_order[order] * size * place * meaning,
                     count_words(text.text),
                     true});
    }
  }
  for (candidate& c : all) c.vector = vector_of(sentence_at(from, c.where).text, stats);
  return all;
}

/// Multiplies each value by how close the sentence is to the middle of all of them.
void weigh_by_centrality(std::vector<candidate>& all) {
  std::unordered_map<std::uint64_t, float> centre;
  for (const candidate& c : all)
    for (const feature& f : c.vector) centre[f.id] += f.weight;
  std::vector<float> closeness(all.size(), 0.0f);
  float most = 1e-9f;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const feature& f : all[i].vector) closeness[i] += f.weight * (centre[f.id] - f.weight);
    most = std::max(most, closeness[i]);
  }
  for (std::size_t i = 0; i < all.size(); ++i) all[i].value *= 0.5f + 0.5f * closeness[i] / most;
}

std::vector<quotation> choose_page(std::vector<candidate> all, std::size_t word_limit, std::size_t sentence_limit) {
  std::vector<quotation> page;
  std::size_t words = 0;
  float least = 0;  // what is worth little is left out even where there is room
  while (page.size() < sentence_limit) {
    const auto best = std::max_element(all.begin(), all.end(), [](const candidate& a, const candidate& b) {
      return (a.open ? a.value : 0.0f) < (b.open ? b.value : 0.0f);
    });
    if (best == all.end() || !best->open || best->value < least) break;
    least = std::max(least, 0.3f * best->value);
    best->open = false;
    if (!page.empty() && words + best->words > word_limit) continue;
    page.push_back(best->where);
    words += best->words;
    for (candidate& c : all) {
      if (!c.open) continue;
      const float alike = similarity(c.vector, best->vector);
      c.value *= 1.0f - alike;
      if (c.where.section == best->where.section) c.value *= 0.4f;  // the next one rather from elsewhere
      if (alike > too_alike) c.open = false;
    }
  }
  std::sort(page.begin(), page.end(), before);
  return page;
}

/// A summary of a short text is short as well: three tenths of it, but at least a paragraph.
std::size_t word_limit(const contents& from, const merge_options& options) {
  std::size_t words = 0;
  for (const section& in : from.sections)
    for (const sentence& one : in.sentences) words += count_words(one.text);
  return std::min(options.page_words, std::max<std::size_t>(60, words * 3 / 10));
}

}  // namespace

const sentence& sentence_at(const contents& in, const quotation& where) {
  return in.sections[where.section].sentences[where.sentence];
}

outline merge(const contents& from, const std::vector<summary>& summaries, const merge_options& options) {
  outline out;
  out.lines.resize(from.sections.size());
  for (std::size_t i = 0; i < out.lines.size(); ++i) out.lines[i] = {{i, 0}};
  std::vector<summary> ordered = summaries;
  std::sort(ordered.begin(), ordered.end(), [](const summary& a, const summary& b) { return a.section < b.section; });
  for (const summary& one : ordered) out.lines[one.section] = lines_of(from, one);
  std::vector<candidate> all = candidates_of(from, ordered);
  weigh_by_centrality(all);
  out.page = choose_page(std::move(all), word_limit(from, options), std::max<std::size_t>(options.page_sentences, 1));
  if (out.page.empty() && !out.lines.empty()) out.page.push_back(out.lines.front().front());
  return out;
}

}  // namespace legal
