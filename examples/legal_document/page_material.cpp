// SPDX-License-Identifier: BSL-1.0
#include "page_material.hpp"

#include "key_points.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

namespace legal {
namespace {

constexpr std::size_t sentence_columns = 480;
constexpr std::size_t most_bytes = 24'000;  ///< about 6000 tokens

std::string line_of(const contents& from, const quotation& where) {
  const sentence& one = sentence_at(from, where);
  return concat({"(", place_of(from.sections[where.section], one), ") ", shorten(one.text, sentence_columns), "\n"});
}

}  // namespace

page_material gather_material(const contents& from, const outline& merged) {
  std::size_t bytes = 0;
  for (const auto& lines : merged.lines)
    for (const quotation& where : lines) bytes += line_of(from, where).size();
  const std::size_t every = 1 + bytes / most_bytes;
  std::vector<quotation> taken = merged.page;
  for (std::size_t i = 0; i < merged.lines.size(); i += every) taken.insert(taken.end(), merged.lines[i].begin(), merged.lines[i].end());
  const auto place = [](const quotation& q) { return std::tuple(q.section, q.sentence); };
  std::sort(taken.begin(), taken.end(), [&](const quotation& a, const quotation& b) { return place(a) < place(b); });
  taken.erase(std::unique(taken.begin(), taken.end(), [&](const quotation& a, const quotation& b) { return place(a) == place(b); }), taken.end());
  page_material out{from.title, {}};
  for (const quotation& where : taken) out.sentences += line_of(from, where);
  return out;
}

}  // namespace legal
