// SPDX-License-Identifier: BSL-1.0
#include "report.hpp"

#include "utf8.hpp"

#include <cstdio>
#include <filesystem>
#include <utility>

namespace legal {
namespace {

constexpr std::size_t line_columns = 460;

std::string section_text(const contents& from, const std::vector<quotation>& lines) {
  std::string text;
  for (const quotation& where : lines) {
    const std::string& next = sentence_at(from, where).text;
    if (!text.empty() && !is_cjk(code_point_at(next, 0).value)) text += ' ';
    text += next;
  }
  return shorten(text, line_columns);
}

}  // namespace

report build_report(const document& source, const contents& from, const outline& merged, key_points points) {
  report out;
  out.title = from.title;
  out.subtitle = from.subtitle;
  out.source = std::filesystem::path(source.name).filename().string();
  if (out.title == source.name) out.title = std::filesystem::path(source.name).stem().string();
  out.points = std::move(points);
  for (const quotation& where : merged.page) {
    const sentence& one = sentence_at(from, where);
    out.summary.push_back({place_of(from.sections[where.section], one), one.text});
  }
  for (std::size_t i = 0; i < from.sections.size(); ++i) {
    const section& in = from.sections[i];
    out.sections.push_back({in.chapter, name_of(in), section_text(from, merged.lines[i]), in.sentences.size()});
    out.sentence_count += in.sentences.size();
    for (const sentence& one : in.sentences) out.word_count += count_words(one.text);
  }
  return out;
}

std::string readable_time(std::chrono::nanoseconds time) {
  const auto us = static_cast<double>(time.count()) / 1000.0;
  char text[32];
  if (us < 1000)
    std::snprintf(text, sizeof text, "%.0f us", us);
  else if (us < 1e6)
    std::snprintf(text, sizeof text, us < 1e5 ? "%.1f ms" : "%.0f ms", us / 1000);
  else
    std::snprintf(text, sizeof text, "%.2f s", us / 1e6);
  return text;
}

}  // namespace legal
