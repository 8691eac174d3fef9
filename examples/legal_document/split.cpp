// SPDX-License-Identifier: BSL-1.0
#include "split.hpp"

#include "lines.hpp"
#include "marks.hpp"
#include "modality.hpp"
#include "section_builder.hpp"
#include "sentences.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <utility>

namespace legal {
namespace {

using std::string_view;

constexpr int numbered_rank = 4;
constexpr int title_rank = 2;
constexpr int inner_title_rank = 6;

int rank_of(mark_kind kind) noexcept {
  switch (kind) {
    case mark_kind::part: return 0;
    case mark_kind::chapter: return 1;
    case mark_kind::division: return 2;
    case mark_kind::article: return 3;
    default: return numbered_rank;
  }
}

/// "Definitions.", "Acceptance Not Required for Having Copies.": words that name a section rather than say something.
bool is_heading_text(string_view text, bool alone) {
  if (text.empty() || columns(text) > 100 || text.find('<') != string_view::npos) return false;
  const code_point last = code_point_before(text, text.size());
  if (is_cjk(code_point_at(text, 0).value))
    return columns(text) <= 44 && text.find("，") == string_view::npos && text.find("。") == string_view::npos &&
           text.find("；") == string_view::npos && last.value != U'：';
  if (last.value == ';' || last.value == ',' || last.value == ':') return false;
  if (text.find(". ") != string_view::npos || modality_of(text) != modality::none) return false;
  if (is_all_caps(text)) return alone || (last.value != '.' && columns(text) <= 45);
  if (is_title_case(text)) return alone || columns(text) <= 60;
  return alone && last.value != '.' && count_words(text) <= 8 && is_upper(code_point_at(text, 0).value);
}

long count_of(const mark& read) noexcept {
  if (read.kind == mark_kind::number) return number_of(read.label);
  return read.kind == mark_kind::subnumber ? section_builder::sub_count : section_builder::no_count;
}

string_view without_final_dot(string_view text) noexcept {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.ends_with(':')) text.remove_suffix(1);
  return trim(text);
}

/// Takes the heading off "Payment. The Customer shall pay …" and 【付款】乙方应当……; empty if there is none.
string_view take_run_in_heading(string_view& rest) {
  for (const auto& [open, close] : {std::pair<string_view, string_view>{"【", "】"}, {"（", "）"}, {"[", "]"}}) {
    if (!rest.starts_with(open)) continue;
    const std::size_t end = rest.find(close);
    if (end == string_view::npos || columns(rest.substr(0, end)) > 44) return {};
    const string_view heading = trim(rest.substr(open.size(), end - open.size()));
    rest = trim(rest.substr(end + close.size()));
    return heading;
  }
  const std::size_t dot = rest.find(". ");
  if (dot == string_view::npos || dot > 60) return {};
  const string_view heading = rest.substr(0, dot);
  const string_view body = trim(rest.substr(dot + 1));
  const bool name = is_title_case(heading) || (count_words(heading) <= 3 && modality_of(heading) == modality::none);
  if (count_words(heading) > 7 || !name || !is_upper(code_point_at(body, 0).value)) return {};
  rest = body;
  return heading;
}

/// Feeds lines to the builder, deciding which of them are headings, items and continuations.
class splitter {
 public:
  explicit splitter(const document& from) : text_(from.text), lines_(from.text), name_(from.name) {}

  contents run() {
    read_title();
    while (lines_.next()) take(lines_.current());
    contents out = builder_.finish();
    if (out.sections.empty()) out.sections = only_sentences();
    out.title = title_.empty() ? name_ : title_;
    out.subtitle = subtitle_;
    return out;
  }

 private:
  /// For a text that is nothing but headings.
  std::vector<section> only_sentences() const {
    std::string flat = text_;
    std::replace(flat.begin(), flat.end(), '\n', ' ');
    section_builder builder;
    builder.add_line(flat);
    return builder.finish().sections;
  }

  /// The first block is the title if all of its lines look like one.
  void read_title() {
    auto block = lines_.peek_block(6);
    const std::size_t height = block.size();
    std::erase_if(block, [](string_view line) { return is_decoration(line) || line.starts_with("http"); });
    const bool title =
        !block.empty() && block.size() <= 4 && std::all_of(block.begin(), block.end(), [](string_view line) {
          const mark read = read_mark(line);
          return read.kind == mark_kind::none && columns(line) <= 100 && !ends_sentence(line) && !line.ends_with(',') &&
                 !line.ends_with(';') && !line.ends_with(':') && !is_notice(line);
        });
    if (!title) return;
    title_ = block.front();
    for (std::size_t i = 1; i < block.size(); ++i) subtitle_.append(i == 1 ? "" : ", ").append(block[i]);
    for (std::size_t i = 0; i < height; ++i) lines_.next();
  }

  void take(const line& now) {
    if (now.text.empty()) return builder_.end_paragraph();
    if (is_decoration(now.text) && (now.alone || now.text.find_first_of("0123456789") == string_view::npos))
      return builder_.end_paragraph();
    const bool fresh = now.after_blank || builder_.at_break();
    if (fresh && take_mark(now)) return;
    if (take_title(now)) return;
    builder_.add_line(now.text);
  }

  bool take_mark(const line& now) {
    mark read = read_mark(now.text);
    if (read.run_on) return false;
    switch (read.kind) {
      case mark_kind::none: return false;
      case mark_kind::part:
      case mark_kind::chapter:
      case mark_kind::division:
      case mark_kind::article:
      case mark_kind::section: return open_section(read, now);
      case mark_kind::chinese_count: return builder_.has_article() ? open_item(read) : open_section(read, now);
      case mark_kind::number: return is_next_number(read, now) ? open_section(read, now) : open_item(read);
      case mark_kind::subnumber:
        return is_heading_text(read.rest, now.alone) && now.alone ? open_section(read, now) : open_item(read);
      case mark_kind::roman: return is_heading_text(read.rest, now.alone) ? open_section(read, now) : open_item(read);
      case mark_kind::item:
      case mark_kind::bullet: return open_item(read);
    }
    return false;
  }

  /// "4." opens a section if it stands in the document's own count, not in a list inside an article.
  bool is_next_number(const mark& read, const line& now) const {
    if (builder_.has_keyword_section()) return false;
    const long number = number_of(read.label);
    if (is_heading_text(read.rest, now.alone)) return number <= 1 || number > builder_.last_number();
    return builder_.counts_on(number);
  }

  bool open_section(const mark& read, const line& now) {
    string_view rest = read.rest;
    if (rest.find(".....") != string_view::npos || rest.find("……") == 0) return true;  // a line of a table of contents
    int rank = rank_of(read.kind);
    if (read.kind == mark_kind::subnumber)
      rank = numbered_rank + static_cast<int>(std::count(read.label.begin(), read.label.end(), '.'));
    string_view heading;
    if (is_heading_text(rest, now.alone)) {
      heading = without_final_dot(rest);
      rest = {};
    } else if (!rest.empty()) {
      heading = take_run_in_heading(rest);
    }
    builder_.open(rank, read.label, heading, count_of(read));
    if (!rest.empty()) builder_.add_line(rest);
    return true;
  }

  bool open_item(const mark& read) {
    builder_.open_item(read.kind == mark_kind::number || read.kind == mark_kind::roman ? read.label + "." : read.label);
    string_view rest = read.rest;
    if (read.kind == mark_kind::subnumber) take_run_in_heading(rest);  // "2.1 Rent. The Tenant shall …"
    if (!rest.empty()) builder_.add_line(rest);
    return true;
  }

  /// A heading without a number: alone between blank lines, and centred, in capitals or in title case.
  bool take_title(const line& now) {
    string_view text = now.text;
    const bool markdown = text.starts_with('#');
    while (text.starts_with('#')) text.remove_prefix(1);
    text = trim(text);
    if (markdown && take_mark({text, now.indent, true, true})) return true;
    const bool waiting = builder_.awaits_heading();
    const bool next_to_mark =
        waiting && (now.before_blank || is_all_caps(text) || (is_title_case(text) && columns(text) <= 60));
    const bool centred = now.indent >= 10 || (now.indent >= 3 && now.before_blank && columns(text) <= 70);
    const bool centred_capitals = centred && is_all_caps(text) && builder_.at_break();
    if (!markdown && !now.alone && !next_to_mark && !centred_capitals) return false;
    if (!markdown && (ends_sentence(text) || !is_heading_text(text, true))) return false;
    if (is_notice(text)) return false;
    const bool caps = is_all_caps(text);
    const bool strong = markdown || caps || now.indent >= 10;
    if (!strong && !is_title_case(text) && !is_cjk(code_point_at(text, 0).value)) return false;
    if (!strong && is_cjk(code_point_at(text, 0).value) && columns(text) > 24) return false;
    if (waiting) {
      builder_.name_section(without_final_dot(text));
    } else {
      builder_.open(strong || !builder_.has_section() ? title_rank : inner_title_rank, {}, without_final_dot(text),
                    section_builder::no_count);
    }
    return true;
  }

  const std::string& text_;
  line_reader lines_;
  section_builder builder_;
  std::string name_;
  std::string title_;
  std::string subtitle_;
};

}  // namespace

contents split(const document& from) { return splitter(from).run(); }

std::string name_of(const section& of) {
  std::string name = of.number;
  const bool plain = !name.empty() && name.front() >= '0' && name.front() <= '9';
  if (of.heading.empty() && plain) name.insert(0, "§ ");
  if (!of.heading.empty()) {
    if (!name.empty()) name += plain ? ". " : " — ";
    name += of.heading;
  }
  if (of.part > 0) name += (name.empty() ? "Part " : ", part ") + std::to_string(of.part);
  return name.empty() ? "Opening" : name;
}

std::string place_of(const section& of, const sentence& in) {
  const bool plain = !of.number.empty() && of.number.front() >= '0' && of.number.front() <= '9';
  const bool subnumber = !in.clause.empty() && in.clause.front() >= '0' && in.clause.front() <= '9';
  if (plain && subnumber && in.clause.starts_with(of.number + ".")) return concat({"§ ", in.clause});
  section whole = {{}, of.number, of.heading, of.part, {}};
  std::string place = plain ? concat({"§ ", of.number}) : (of.number.empty() ? name_of(whole) : of.number);
  if (subnumber) return place + ", " + in.clause;
  if (!in.clause.empty()) place += in.clause;
  return place;
}

}  // namespace legal
