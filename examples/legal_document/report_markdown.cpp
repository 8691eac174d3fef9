// SPDX-License-Identifier: BSL-1.0
#include "report.hpp"

#include "utf8.hpp"

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace legal {
namespace {

using std::string_view;

/// Text as text: no character of it is markup.
std::string plain(string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool link =
        c == '<' && (text.substr(i + 1).starts_with("http://") || text.substr(i + 1).starts_with("https://"));
    if (link) {  // an address in angle brackets is markup that means what the text means
      const std::size_t end = text.find('>', i);
      if (end != string_view::npos) {
        out.append(text.substr(i, end - i + 1));
        i = end;
        continue;
      }
    }
    if (c == '\\' || c == '`' || c == '*' || c == '_' || c == '[' || c == ']' || c == '<' || c == '>' || c == '#' ||
        c == '|')
      out += '\\';
    out += c;
  }
  return out;
}

std::string grouped(std::size_t number) {  // 5641 as "5,641"
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

/// "0. Definitions" at the start of a line would be a list item.
std::string bold(string_view name) { return concat({"**", plain(name), "**"}); }

std::string counted(std::size_t number, string_view noun) {
  return grouped(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

void write_summary(std::string& out, const report& of) {
  out += "## Summary\n\n";
  if (of.page && of.page->text.empty())
    out += concat({"*The model ", plain(of.page->model), " was late or away: this summary consists of the text's own sentences.*\n\n"});
  else if (of.page)
    out += concat({plain(of.page->text), "\n\n*Written by the model ", plain(of.page->model),
                   " from sentences of all parts of the text: compare it with them.*\n\n### In the text's own words\n\n"});
  for (const cited& one : of.summary) out += concat({"- ", plain(one.text), " *(", plain(one.place), ")*\n"});
  out += '\n';
}

void write_sections(std::string& out, const report& of) {
  out += "## Section by section\n\n";
  string_view chapter;
  for (const section_report& one : of.sections) {
    if (one.chapter != chapter) {
      chapter = one.chapter;
      out += chapter.empty() ? "---\n\n" : concat({"### ", plain(chapter), "\n\n"});
    }
    out += concat({bold(one.name), "  \n", plain(one.text), "\n\n"});
  }
}

/// Items of one list stand together below the words that introduce them.
void write_points(std::string& out, const key_point_list& list) {
  string_view lead;
  for (const key_point& point : list.points) {
    if (!point.lead.empty() && point.lead != lead) out += concat({"- ", plain(point.lead), "\n"});
    lead = point.lead;
    out += lead.empty() ? "- " : "  - ";
    out += bold(point.place);
    if (!point.subject.empty()) out += concat({" *", plain(point.subject), "*"});
    out += concat({" — ", plain(point.text), "\n"});
  }
  if (list.found > list.points.size())
    out += concat({"\n*", grouped(list.found - list.points.size()), " more are not listed.*\n"});
  out += '\n';
}

void write_key_points(std::string& out, const report& of) {
  out += "## Key points\n\n";
  bool any = false;
  for (const key_point_kind kind : key_point_kinds) {
    const key_point_list& list = of.points[kind];
    if (list.points.empty()) continue;
    any = true;
    out += concat({"### ", std::string(title_of(kind)), " (", grouped(list.found), ")\n\n"});
    write_points(out, list);
  }
  if (!any) out += "No duties, rights, prohibitions, dates or definitions were found.\n\n";
}

void write_figures(std::string& out, const run_figures& of) {
  if (of.stages.empty()) return;
  out +=
      "## How this report was made\n\n| Stage | Runs | Time in total | Time per run |\n| --- | ---: | ---: | ---: |\n";
  for (const stage_time& stage : of.stages) {
    const auto runs = static_cast<std::int64_t>(stage.runs == 0 ? 1 : stage.runs);
    out += concat({"| ", plain(stage.stage), " | ", grouped(stage.runs), " | ", readable_time(stage.total), " | ",
                   readable_time(stage.total / runs), " |\n"});
  }
  char mean[32];
  std::snprintf(mean, sizeof mean, "%.1f", of.mean_batch_size);
  out += concat({"\nAll in all ", readable_time(of.elapsed), "; the model computed ", grouped(of.batches),
                 (of.batches == 1 ? " batch of " : " batches of "), mean, " sections on average.\n\n"});
}

}  // namespace

std::string to_markdown(const report& of) {
  std::string out = concat({"# ", plain(of.title), "\n\n"});
  if (!of.subtitle.empty()) out += concat({"*", plain(of.subtitle), "*\n\n"});
  out += concat({"> ", plain(of.source), ": ", counted(of.sections.size(), "section"), ", ",
                 counted(of.sentence_count, "sentence"), ", ", counted(of.word_count, "word"),
                 ".  \n> ", of.page && !of.page->text.empty() ? "But for what a model wrote, every sentence below" : "Every sentence below",
                 " is the text's own; “…” marks what was left out.\n\n"});
  write_summary(out, of);
  write_sections(out, of);
  write_key_points(out, of);
  write_figures(out, of.figures);
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

}  // namespace legal
