// SPDX-License-Identifier: BSL-1.0
#include "section_builder.hpp"

#include "lines.hpp"
#include "marks.hpp"
#include "sentences.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace legal {
namespace {

using std::string_view;

constexpr std::size_t full_line_columns = 40;          ///< a shorter line that ends no sentence is not continued
constexpr std::size_t joined_list_bytes = 700;         ///< a short list reads best as one sentence
constexpr std::size_t sentences_without_heading = 24;  ///< in texts that have no sections

bool ends_with_any(string_view text, std::initializer_list<string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](string_view end) { return text.ends_with(end); });
}

bool is_lead_in(string_view text) { return ends_with_any(text, {":", "：", ":-", "—", "\xE2\x80\x93"}); }

bool is_list_part(string_view text) {
  return ends_with_any(text, {";", ",", "；", "，", "; or", "; and", ", or", ", and", "；和", "；或"});
}

bool starts_lower(string_view text) {
  const char32_t first = code_point_at(text, 0).value;
  return is_letter(first) && !is_upper(first);
}

/// No space between Chinese characters, none after a hyphen inside a word: "machine-" + "readable".
bool joins_without_space(string_view before, string_view after) {
  const code_point last = code_point_before(before, before.size());
  const char32_t first = code_point_at(after, 0).value;
  const auto wide = [](char32_t c) {
    return is_cjk(c) || (c >= 0x3000 && c <= 0x303F) || (c >= 0xFF01 && c <= 0xFF5E);
  };
  if (wide(last.value) && wide(first)) return true;
  if (last.value != '-') return false;
  const char32_t prior = code_point_before(before, before.size() - last.size).value;
  return prior == '-' || (is_letter(prior) && is_letter(first));
}

/// Appends with runs of white space made one space.
void append_single_spaced(std::string& to, string_view text) {
  bool space = false;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t';
    if (blank && space) continue;
    to += blank ? ' ' : c;
    space = blank;
  }
}

bool breaks_line(string_view last, string_view now) {
  if (is_notice(last)) return !starts_lower(now);
  if (is_notice(now)) return ends_sentence(last);
  const bool open = !ends_sentence(last) && !is_list_part(last);
  return open && columns(last) < full_line_columns && !starts_lower(now);
}

}  // namespace

void section_builder::open(int rank, string_view number, string_view heading, long count) {
  end_paragraph();
  close_group();
  // A heading that has text of its own, such as a preamble, is no chapter for the numbered sections after it.
  if (!now_.sentences.empty() && !path_.empty() && path_.back().from == origin::title && !number.empty())
    path_.pop_back();
  close_section();
  while (!path_.empty() && path_.back().rank >= rank) path_.pop_back();
  now_ = {};
  std::string inherited;
  for (const auto& above : path_) {
    section named;
    named.number = above.number;
    named.heading = above.heading;
    now_.chapter.append(now_.chapter.empty() ? "" : " › ").append(name_of(named));
    if (above.rank >= 3) inherited = above.number;
  }
  now_.number = number.empty() ? inherited : std::string(number);
  now_.heading = heading;
  path_.push_back({rank, std::string(number), std::string(heading),
                   number.empty() ? origin::title : (count == no_count ? origin::keyword : origin::count)});
  if (count >= 0) last_number_ = count;
  new_chapter_ = count < 0 && (rank <= 2 || (new_chapter_ && number.empty()));
  outer_label_.clear();
  item_label_.clear();
}

void section_builder::name_section(string_view heading) {
  now_.heading = heading;
  path_.back().heading = heading;
}

void section_builder::open_item(string_view label) {
  end_paragraph();
  label_ = nest(label);
}

/// "(i)" below "(a)" is "(a)(i)", and "(a)" below "2.1" is "2.1(a)"; "(i)" after "(h)" is a letter like the others.
std::string section_builder::nest(string_view label) {
  if (label.empty()) return item_label_.empty() ? outer_label_ : outer_label_ + item_label_;
  if (label.front() >= '0' && label.front() <= '9') {
    outer_label_ = label;
    item_label_.clear();
    return outer_label_;
  }
  const string_view inner = label.size() > 2 ? label.substr(1, label.size() - 2) : string_view{};
  const bool after_letter = item_label_.size() == 3 && item_label_[1] >= 'a' && item_label_[1] <= 'z';
  const bool next_letter = after_letter && inner.size() == 1 && inner[0] == item_label_[1] + 1;
  if (is_lower_roman(inner) && after_letter && !next_letter) return outer_label_ + item_label_ + std::string(label);
  item_label_ = label;
  return outer_label_ + item_label_;
}

void section_builder::add_line(string_view text) {
  if (!text_.empty() && breaks_line(last_line_, text)) end_paragraph();
  if (!text_.empty() && !joins_without_space(text_, text)) text_ += ' ';
  append_single_spaced(text_, text);
  last_line_ = text.substr(text.size() - std::min<std::size_t>(text.size(), 200));
}

void section_builder::end_paragraph() {
  if (text_.empty()) return;
  paragraph ended{std::exchange(label_, {}), std::exchange(text_, {})};
  const bool in_list = !group_.empty() && !ended.label.empty() && ended.label.starts_with(group_.front().label);
  if (!in_list) close_group();
  group_.push_back(std::move(ended));
  if (group_.size() == 1 && !is_lead_in(group_.front().text)) close_group();
}

void section_builder::close_group() {
  if (group_.empty()) return;
  const std::vector<paragraph> group = std::exchange(group_, {});
  std::vector<bool> fragment(group.size(), false);
  std::size_t bytes = group.front().text.size();
  for (std::size_t i = 1; i < group.size(); ++i) {
    const string_view text = group[i].text;
    fragment[i] =
        starts_lower(text) || is_list_part(text) || (i > 1 && fragment[i - 1] && is_list_part(group[i - 1].text));
    bytes += text.size() + group[i].label.size() + 2;
  }
  const bool all = group.size() > 1 && std::all_of(fragment.begin() + 1, fragment.end(), [](bool f) { return f; });
  if (all && bytes <= joined_list_bytes) return add_joined(group);
  add_sentences(group.front(), {});
  const std::string lead = group.size() > 1 && !now_.sentences.empty() ? now_.sentences.back().text : std::string();
  for (std::size_t i = 1; i < group.size(); ++i) add_sentences(group[i], fragment[i] ? lead : std::string());
}

void section_builder::add_joined(const std::vector<paragraph>& group) {
  std::vector<std::string> heads = sentences_of(group.front().text);
  std::string last = std::move(heads.back());
  heads.pop_back();
  for (std::string& head : heads) now_.sentences.push_back({std::move(head), group.front().label, {}});
  const bool wide = last.ends_with("：");
  const std::string& outer = group.front().label;
  for (std::size_t i = 1; i < group.size(); ++i) {
    string_view label = group[i].label;
    if (!outer.empty() && label.starts_with(outer)) label.remove_prefix(outer.size());
    if (!wide) last += ' ';
    last += label;
    if (!wide && !label.empty()) last += ' ';
    last += group[i].text;
  }
  now_.sentences.push_back({std::move(last), outer, {}});
}

void section_builder::add_sentences(const paragraph& from, const std::string& lead) {
  std::vector<std::string> found = lead.empty() ? sentences_of(from.text) : std::vector<std::string>{from.text};
  if (!lead.empty() && from.text.size() > max_sentence_bytes) found = sentences_of(from.text);
  for (std::string& text : found) now_.sentences.push_back({std::move(text), from.label, lead});
}

void section_builder::close_section() {
  close_group();
  const bool named = !now_.number.empty() || !now_.heading.empty();
  const std::size_t limit = named || path_.size() > 1 ? max_sentences : sentences_without_heading;
  std::vector<sentence> all = std::exchange(now_.sentences, {});
  const std::size_t parts = (all.size() + limit - 1) / limit;
  for (std::size_t part = 0; part < parts; ++part) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(all.size() * part / parts);
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(all.size() * (part + 1) / parts);
    section cut = now_;
    cut.part = parts > 1 ? part + 1 : 0;
    cut.sentences.assign(std::make_move_iterator(begin), std::make_move_iterator(end));
    done_.push_back(std::move(cut));
  }
}

contents section_builder::finish() {
  end_paragraph();
  close_section();
  contents out;
  out.sections = std::exchange(done_, {});
  if (out.sections.size() == 1 && name_of(out.sections.front()) == "Opening") out.sections.front().heading = "Text";
  return out;
}

bool section_builder::at_break() const noexcept {
  if (text_.empty() || ends_sentence(last_line_) || is_list_part(last_line_) || is_lead_in(last_line_)) return true;
  return columns(last_line_) < full_line_columns;
}

bool section_builder::awaits_heading() const noexcept {
  return now_.heading.empty() && !now_.number.empty() && now_.sentences.empty() && text_.empty() && group_.empty();
}

bool section_builder::has_article() const noexcept {
  return std::any_of(path_.begin(), path_.end(),
                     [](const open_heading& above) { return above.from != origin::title && above.rank == 3; });
}

bool section_builder::has_section() const noexcept {
  return std::any_of(path_.begin(), path_.end(),
                     [](const open_heading& above) { return above.from != origin::title && above.rank >= 3; });
}

bool section_builder::has_keyword_section() const noexcept {
  return std::any_of(path_.begin(), path_.end(),
                     [](const open_heading& above) { return above.from == origin::keyword && above.rank >= 3; });
}

}  // namespace legal
