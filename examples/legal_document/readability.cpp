// SPDX-License-Identifier: BSL-1.0
#include "readability.hpp"

#include "lines.hpp"
#include "mentions.hpp"
#include "modality.hpp"
#include "sentences.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace legal {
namespace {

using std::string_view;

constexpr float notice = 0.02f;
constexpr float fragment = 0.05f;
constexpr float lead_in = 0.8f;   ///< ends with a colon: true, but its list stays behind
constexpr float dangling = 0.5f;  ///< starts with a word that points to the sentence before

bool is_address(string_view text) {
  for (const string_view sign : {"http://", "https://", "www.", "@", ".....", "_____"})
    if (text.find(sign) != string_view::npos) return true;
  return text.find('<') != string_view::npos && text.find('>') != string_view::npos;
}

bool points_back(string_view text) {
  static constexpr std::array<string_view, 43> starts = {"However",
                                                         "But ",
                                                         "And ",
                                                         "Therefore",
                                                         "Thus",
                                                         "Moreover",
                                                         "Furthermore",
                                                         "Additionally",
                                                         "In addition",
                                                         "Otherwise",
                                                         "For example",
                                                         "For instance",
                                                         "It ",
                                                         "They ",
                                                         "He ",
                                                         "She ",
                                                         "Such ",
                                                         "These ",
                                                         "Those ",
                                                         "That ",
                                                         "This is",
                                                         "This requirement",
                                                         "This alternative",
                                                         "Likewise",
                                                         "Similarly",
                                                         "Accordingly",
                                                         "In that case",
                                                         "In this case",
                                                         "In such",
                                                         "To prevent this",
                                                         "To do so",
                                                         "If so",
                                                         "If not",
                                                         "The same",
                                                         "See the",
                                                         "If this",
                                                         "Finally",
                                                         "By contrast",
                                                         "但",
                                                         "否则",
                                                         "此外",
                                                         "因此",
                                                         "前款"};
  if (text.substr(0, 25).find(" otherwise ") != string_view::npos) return true;  // "Any attempt otherwise to …"
  return std::any_of(starts.begin(), starts.end(), [&](string_view start) { return text.starts_with(start); });
}

/// 1 up to a comfortable length, then less; a page-long sentence is no summary.
float by_length(std::size_t width) {
  if (width <= 400) return 1.0f;
  if (width >= 1200) return 0.15f;
  if (width <= 700) return 1.0f - 0.5f * static_cast<float>(width - 400) / 300.0f;
  return 0.5f - 0.35f * static_cast<float>(width - 700) / 500.0f;
}

float by_words(std::size_t words) {
  if (words < 4) return fragment;
  if (words < 7) return 0.6f;
  return words < 9 ? 0.85f : 1.0f;
}

}  // namespace

float readability(const sentence& of) {
  const string_view text = of.text;
  if (is_notice(text) || is_address(text)) return notice;
  if (!of.lead.empty()) return fragment;
  const char32_t first = code_point_at(text, 0).value;
  if (is_letter(first) && !is_upper(first)) return fragment;
  const bool colon = text.ends_with(':') || text.ends_with("：");
  const bool semicolon = text.ends_with("；");
  if (!colon && !semicolon && !ends_sentence(text)) return fragment;
  float value = by_length(columns(text)) * by_words(count_words(text));
  if (colon || semicolon) value *= lead_in;
  if (points_back(text)) value *= dangling;
  if (text.find('`') != string_view::npos) value *= dangling;  // quotes a command or a form
  if (text.ends_with('?') || first == '(') value *= dangling;
  return std::max(value, fragment);
}

float legal_force(string_view text) {
  switch (modality_of(text)) {
    case modality::duty:
    case modality::prohibition: return 1.0f;
    case modality::right: return 0.95f;
    case modality::none: break;
  }
  if (!defined_term(text).empty()) return 0.85f;
  const std::string small = lower(text);
  for (const string_view word :
       {"liable", "liability", "warrant", "terminat", "void", "irrevocabl", "indemnif", "governed", "waive",
        "license from", "责任", "解除", "终止", "无效", "违约", "有效", "适用"})
    if (small.find(word) != std::string::npos) return 0.8f;
  return 0.6f;
}

}  // namespace legal
