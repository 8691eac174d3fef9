// SPDX-License-Identifier: BSL-1.0
#include "key_points.hpp"

#include "lines.hpp"
#include "mentions.hpp"
#include "modality.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <functional>
#include <unordered_set>
#include <utility>

namespace legal {
namespace {

using std::string_view;

constexpr std::size_t text_columns = 480;
constexpr std::size_t lead_columns = 240;

/// A shortened text that still shows the words in question.
std::string excerpt(string_view text, string_view subject) {
  std::string head = shorten(text, text_columns);
  const string_view first = subject.substr(0, std::min(subject.find(','), subject.size()));
  const std::size_t at = text.find(first);
  if (at == string_view::npos || head.find(first) != std::string::npos) return head;
  const std::size_t space = text.find(' ', at - std::min<std::size_t>(at, text_columns / 2));
  return concat({"… ", shorten(trim(text.substr(std::min(space, at))), text_columns)});
}

/// Where a point was found, for bounding: the section, and how many of its kind came before it there.
struct candidate {
  const section* in;
  const sentence* of;
  std::string subject;
  std::size_t section_index;
  std::size_t turn;
};

std::size_t identity(string_view text) {
  std::string letters;
  for (std::size_t at = 0; at < text.size();) {
    const code_point c = code_point_at(text, at);
    at += c.size;
    if (is_letter(c.value) || is_cjk(c.value) || is_digit(c.value)) append(letters, to_lower(c.value));
  }
  return std::hash<std::string>{}(letters);
}

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (std::size_t i = 0; i < parts.size() && i < 4; ++i)
    if (std::find(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(i), parts[i]) ==
        parts.begin() + static_cast<std::ptrdiff_t>(i))
      all.append(all.empty() ? "" : ", ").append(parts[i]);
  return all;
}

class collector {
 public:
  void add(key_point_kind kind, const section& in, std::size_t index, const sentence& of, std::string subject) {
    auto& list = found_[static_cast<std::size_t>(kind)];
    if (!seen_[static_cast<std::size_t>(kind)].insert(identity(of.text)).second) return;
    const std::size_t turn = !list.empty() && list.back().section_index == index ? list.back().turn + 1 : 0;
    list.push_back({&in, &of, std::move(subject), index, turn});
  }

  key_points finish(std::size_t limit) {
    key_points out;
    for (std::size_t kind = 0; kind < found_.size(); ++kind) {
      out.lists[kind].found = found_[kind].size();
      for (const candidate& c : bounded(found_[kind], limit))
        out.lists[kind].points.push_back(
            {place_of(*c.in, *c.of), c.subject, shorten(c.of->lead, lead_columns), excerpt(c.of->text, c.subject)});
    }
    return out;
  }

 private:
  /// The first point of every section, then the second, until the list is full; evenly spread if even the first are too
  /// many.
  static std::vector<candidate> bounded(const std::vector<candidate>& all, std::size_t limit) {
    if (all.size() <= limit) return all;
    std::vector<std::size_t> order(all.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return all[a].turn != all[b].turn ? all[a].turn < all[b].turn : a < b;
    });
    const auto firsts =
        static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const candidate& c) { return c.turn == 0; }));
    if (firsts > limit)
      for (std::size_t i = 0; i < limit; ++i) order[i] = order[i * firsts / limit];
    order.resize(limit);
    std::sort(order.begin(), order.end());
    std::vector<candidate> kept;
    for (const std::size_t i : order) kept.push_back(all[i]);
    return kept;
  }

  std::array<std::vector<candidate>, key_point_kinds.size()> found_;
  std::array<std::unordered_set<std::size_t>, key_point_kinds.size()> seen_;
};

void examine(collector& into, const section& in, std::size_t index, const sentence& one) {
  if (is_notice(one.text)) return;
  if (auto dates = dates_in(one.text); !dates.empty()) into.add(key_point_kind::date, in, index, one, joined(dates));
  if (std::string term = defined_term(one.text); !term.empty()) {
    into.add(key_point_kind::definition, in, index, one, std::move(term));
    if (one.text.find("(the ") == std::string::npos)
      return;  // an abbreviation in brackets is not all that a sentence says
  }
  modality found = modality_of(one.text);
  if (found == modality::none && !one.lead.empty()) found = modality_of(one.lead + ' ' + one.text);
  switch (found) {
    case modality::duty: return into.add(key_point_kind::duty, in, index, one, {});
    case modality::right: return into.add(key_point_kind::right, in, index, one, {});
    case modality::prohibition: return into.add(key_point_kind::prohibition, in, index, one, {});
    case modality::none: return;
  }
}

}  // namespace

string_view title_of(key_point_kind kind) noexcept {
  constexpr std::array<string_view, 5> titles = {"Duties", "Rights", "Prohibitions", "Dates and periods",
                                                 "Definitions"};
  return titles[static_cast<std::size_t>(kind)];
}

key_points extract_key_points(const contents& from, const key_point_options& options) {
  collector into;
  const section title{{}, {}, "Title", 0, {}};
  const sentence subtitle{from.subtitle, {}, {}};
  if (auto dates = dates_in(from.subtitle); !dates.empty())
    into.add(key_point_kind::date, title, from.sections.size(), subtitle, joined(dates));
  for (std::size_t i = 0; i < from.sections.size(); ++i) {
    const section& in = from.sections[i];
    for (std::size_t s = 0; s < in.sentences.size(); ++s) {
      const sentence& one = in.sentences[s];
      const bool lead_of_next =
          s + 1 < in.sentences.size() && !in.sentences[s + 1].lead.empty() && in.sentences[s + 1].lead == one.text;
      if (!lead_of_next) examine(into, in, i, one);  // its items carry it
    }
  }
  return into.finish(std::max<std::size_t>(options.max_per_kind, 1));
}

std::string shorten(string_view text, std::size_t limit_columns) {
  if (columns(text) <= limit_columns) return std::string(text);
  std::size_t at = 0;
  for (std::size_t width = 0; width < limit_columns; at += code_point_at(text, at).size)
    width += columns(text.substr(at, code_point_at(text, at).size));
  const string_view head = text.substr(0, at);
  std::size_t cut = std::max({head.rfind("; ") + 1, head.rfind("；") + 1, std::size_t{0}});
  if (cut < at * 2 / 3) cut = head.rfind(' ') == string_view::npos ? at : head.rfind(' ');
  while (cut < at && (static_cast<unsigned char>(text[cut]) & 0xC0u) == 0x80u) ++cut;
  string_view kept = trim(text.substr(0, cut));
  while (kept.ends_with(',') || kept.ends_with(';')) kept.remove_suffix(1);
  return std::string(kept) + " …";
}

}  // namespace legal
