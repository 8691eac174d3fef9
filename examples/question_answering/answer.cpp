// SPDX-License-Identifier: BSL-1.0
#include "answer.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "legal_document/key_points.hpp"
#include "legal_document/utf8.hpp"

namespace qa {
namespace {

using legal::concat;
using std::string_view;

constexpr std::size_t most_quoted = 3;
constexpr std::size_t quoted_columns = 480;
constexpr std::size_t listed_columns = 100;

std::string number_text(std::size_t number) { return concat({"[", std::to_string(number), "]"}); }

/// The numbers of "1" or "2, 3"; nothing if it says something else.
std::optional<std::vector<std::size_t>> numbers_in(string_view inside) {
  std::vector<std::size_t> all;
  while (true) {
    const std::size_t comma = std::min(inside.find(','), inside.size());
    const string_view digits = legal::trim(inside.substr(0, comma));
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    all.push_back(number);
    if (comma == inside.size()) return all;
    inside.remove_prefix(comma + 1);
  }
}

/// Takes the numbers of one pair of brackets over, and answers what is left of it.
std::string keep_given(const std::vector<std::size_t>& numbers, std::size_t given, std::set<std::size_t>& cited, std::vector<std::string>& removed) {
  std::string kept;
  for (const std::size_t number : numbers) {
    if (number >= 1 && number <= given) {
      cited.insert(number);
      kept += number_text(number);
    } else if (std::find(removed.begin(), removed.end(), number_text(number)) == removed.end()) {
      removed.push_back(number_text(number));
    }
  }
  return kept;
}

std::string joined(const std::vector<std::string>& all) {
  std::string text;
  for (const std::string& one : all) text += (text.empty() ? "" : ", ") + one;
  return text;
}

/// What a reader has to know before he trusts it.
std::string remarks_on(const reply& of) {
  std::string text;
  if (of.by == author::stand_in) text += "(The model is away: these are the passages that fit best, in their own words.)\n";
  if (!of.removed.empty()) text += concat({"(Taken out, as no such passage was given: ", joined(of.removed), ".)\n"});
  if (of.by == author::model && of.cited.empty()) text += "(It cites nothing: compare it with the passages it was given.)\n";
  return text;
}

}  // namespace

draft quote(const evidence& from) {
  draft out{author::quotation, {}};
  for (std::size_t i = 0; i < std::min(most_quoted, from.passages.size()); ++i)
    out.text += concat({i == 0 ? "" : "\n", "“", legal::shorten(from.passages[i].text, quoted_columns), "” ", number_text(i + 1)});
  return out;
}

draft quote_instead(const evidence& from) {
  draft out = quote(from);
  out.by = author::stand_in;
  return out;
}

reply check_citations(const evidence& from, const draft& written) {
  reply out;
  out.by = written.by;
  out.passages = from.passages;
  std::set<std::size_t> cited;
  const string_view text = written.text;
  const bool quotes = written.by != author::model;  // brackets in a quotation are the text's
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text[at] == '[' ? text.find(']', at) : string_view::npos;
    const auto numbers = end == string_view::npos ? std::nullopt : numbers_in(text.substr(at + 1, end - at - 1));
    if (!numbers) {
      out.text += text[at++];
      continue;
    }
    const std::string kept = quotes ? std::string(text.substr(at, end + 1 - at)) : keep_given(*numbers, from.passages.size(), cited, out.removed);
    if (kept.empty() && out.text.ends_with(' ')) out.text.pop_back();
    out.text += kept;
    at = end + 1;
  }
  if (written.by == author::quotation || written.by == author::stand_in)
    for (std::size_t i = 1; i <= std::min(most_quoted, from.passages.size()); ++i) cited.insert(i);
  out.cited.assign(cited.begin(), cited.end());
  return out;
}

std::string to_text(const reply& of) {
  std::string text = concat({of.text, "\n", remarks_on(of)});
  if (of.by == author::program) return text;
  text += "\n";
  const bool all = of.cited.empty();
  for (std::size_t number = 1; number <= of.passages.size(); ++number) {
    if (!all && !std::binary_search(of.cited.begin(), of.cited.end(), number)) continue;
    const passage& one = of.passages[number - 1];
    text += concat({number_text(number), " ", one.file, ", ", one.place, ": ", legal::shorten(one.text, listed_columns), "\n"});
  }
  return text;
}

}  // namespace qa
