// SPDX-License-Identifier: BSL-1.0
#include "marks.hpp"

#include "utf8.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace legal {
namespace {

using std::string_view;

struct keyword {
  string_view word;
  mark_kind kind;
};

constexpr std::array<keyword, 17> keywords = {{{"part", mark_kind::part},
                                               {"book", mark_kind::part},
                                               {"schedule", mark_kind::part},
                                               {"annex", mark_kind::part},
                                               {"appendix", mark_kind::part},
                                               {"exhibit", mark_kind::part},
                                               {"attachment", mark_kind::part},
                                               {"chapter", mark_kind::chapter},
                                               {"title", mark_kind::chapter},
                                               {"subchapter", mark_kind::division},
                                               {"division", mark_kind::division},
                                               {"article", mark_kind::article},
                                               {"rule", mark_kind::article},
                                               {"regulation", mark_kind::article},
                                               {"section", mark_kind::section},
                                               {"sec.", mark_kind::section},
                                               {"clause", mark_kind::section}}};

bool ascii_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool ascii_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Bytes of "2", "2.1", "12a", "12.3.4" at the start.
std::size_t decimal_size(string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size() && ascii_digit(text[at])) ++at;
  if (at == 0 || at > 4) return 0;
  while (at + 1 < text.size() && text[at] == '.' && ascii_digit(text[at + 1])) {
    ++at;
    while (at < text.size() && ascii_digit(text[at])) ++at;
  }
  return at;
}

std::size_t roman_size(string_view text, string_view letters) noexcept {
  const std::size_t end = std::min(text.find_first_not_of(letters), text.size());
  return end <= 6 ? end : 0;
}

std::size_t number_word_size(string_view text) {
  static constexpr std::array<string_view, 21> words = {
      "one",     "two",     "three",     "four",     "five",     "six",      "seven",
      "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen", "fourteen",
      "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",   "first"};
  const string_view word = text.substr(0, std::min(text.find_first_of(" .:,"), text.size()));
  return std::find(words.begin(), words.end(), lower(word)) != words.end() ? word.size() : 0;
}

/// Bytes of the number after "Article" or "Chapter": 3, 2.1, 12a, IV, One, A.
std::size_t number_size(string_view text) {
  if (std::size_t at = decimal_size(text); at != 0) {
    if (at < text.size() && ascii_letter(text[at]) && (at + 1 == text.size() || !ascii_letter(text[at + 1]))) ++at;
    return at;
  }
  const auto ends = [&](std::size_t at) { return at == text.size() || !ascii_letter(text[at]); };
  if (const std::size_t at = roman_size(text, "IVXLCDM"); at != 0 && ends(at)) return at;
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z' && ends(1)) return 1;
  return number_word_size(text);
}

string_view trim_separators(string_view text) noexcept {
  for (;;) {
    text = trim(text);
    const code_point c = code_point_at(text, 0);
    const bool separator = c.value == '.' || c.value == ':' || c.value == '-' || c.value == 0x2013 ||
                           c.value == 0x2014 || c.value == ')' || c.value == 0xFF1A || c.value == 0x3001 ||
                           c.value == 0xFF0E;
    if (c.size == 0 || !separator) return text;
    text.remove_prefix(c.size);
  }
}

mark read_keyword(string_view line) {
  if (line.empty() || !is_upper(code_point_at(line, 0).value)) return {};
  const std::size_t space = line.find(' ');
  if (space == string_view::npos || space > 12) return {};
  const std::string word = lower(line.substr(0, space));
  const auto found = std::find_if(keywords.begin(), keywords.end(), [&](const keyword& k) { return k.word == word; });
  if (found == keywords.end()) return {};
  const string_view tail = trim(line.substr(space));
  const std::size_t size = number_size(tail);
  if (size == 0) return {};
  mark read{found->kind, {}, trim_separators(tail.substr(size)), false};
  read.label.append(line.substr(0, space)).append(" ").append(tail.substr(0, size));
  if (is_all_caps(line.substr(0, space))) {  // "ARTICLE IV" is easier to read as "Article IV"
    read.label = word + read.label.substr(space);
    read.label[0] = line[0];
  }
  const string_view after = tail.substr(size);
  const char32_t next = code_point_at(read.rest, 0).value;
  const bool separated = !after.empty() && after[0] != ' ';
  read.run_on = !read.rest.empty() && ((!separated && !is_upper(next) && !is_digit(next) && is_letter(next)) ||
                                       after[0] == ',' || after[0] == ';' || after[0] == '(');
  return read;
}

mark read_paragraph_sign(string_view line) {
  constexpr string_view sign = "\xC2\xA7";
  if (!line.starts_with(sign)) return {};
  const string_view tail = trim(line.substr(sign.size()));
  std::size_t size = decimal_size(tail);
  if (size == 0) return {};
  if (size < tail.size() && ascii_letter(tail[size]) && (size + 1 == tail.size() || tail[size + 1] == ' ')) ++size;
  mark read{mark_kind::section, "\xC2\xA7 ", trim_separators(tail.substr(size)), false};
  read.label += tail.substr(0, size);
  return read;
}

bool is_chinese_digit(char32_t c) noexcept {
  constexpr std::u32string_view digits = U"〇零一二三四五六七八九十百千两";
  return is_digit(c) || digits.find(c) != std::u32string_view::npos;
}

/// Bytes of Chinese or decimal digits from `at`, spaces between them allowed.
std::size_t chinese_number_end(string_view line, std::size_t at) noexcept {
  std::size_t end = at;
  for (;;) {
    const code_point c = code_point_at(line, at);
    if (c.size == 0 || (!is_chinese_digit(c.value) && c.value != ' ')) return end;
    at += c.size;
    if (c.value != ' ') end = at;
  }
}

mark_kind chinese_unit(char32_t c) noexcept {
  switch (c) {
    case U'编':
    case U'篇': return mark_kind::part;
    case U'章': return mark_kind::chapter;
    case U'节': return mark_kind::division;
    case U'条': return mark_kind::article;
    default: return mark_kind::none;
  }
}

std::string without_spaces(string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out), [](char c) { return c != ' '; });
  return out;
}

/// 第一章, 第 12 条, 第十条之一
mark read_chinese_heading(string_view line) {
  constexpr string_view ordinal = "第";
  if (!line.starts_with(ordinal)) return {};
  std::size_t at = chinese_number_end(line, ordinal.size());
  if (at == ordinal.size()) return {};
  while (at < line.size() && line[at] == ' ') ++at;
  const code_point unit = code_point_at(line, at);
  const mark_kind kind = chinese_unit(unit.value);
  if (kind == mark_kind::none) return {};
  at += unit.size;
  constexpr string_view branch = "之";
  if (line.substr(at).starts_with(branch)) {
    const std::size_t end = chinese_number_end(line, at + branch.size());
    if (end > at + branch.size()) at = end;
  }
  const char32_t next = code_point_at(line, at).value;
  // 第三条的规定, 第三条规定: the line continues a sentence; a heading is followed by a space, a bracket or nothing.
  const bool run_on = is_cjk(next) && kind == mark_kind::article;
  const bool reference = next == U'的' || next == U'第' || next == U'、' || next == U'至' || next == U'和';
  return {kind, without_spaces(line.substr(0, at)), trim_separators(line.substr(at)), run_on || reference};
}

mark read_chinese_count(string_view line) {
  const std::size_t end = chinese_number_end(line, 0);
  if (end == 0 || end > 12) return {};
  const code_point next = code_point_at(line, end);
  if (next.value != U'、' && next.value != U'．') return {};
  const bool decimal = is_digit(code_point_at(line, 0).value);
  return {decimal ? mark_kind::item : mark_kind::chinese_count, std::string(line.substr(0, end)),
          trim_separators(line.substr(end + next.size)), false};
}

/// (a), (ii), (12), （一）, a), ii)
mark read_item(string_view line) {
  const code_point open = code_point_at(line, 0);
  const bool bracketed = open.value == '(' || open.value == U'（';
  const std::size_t begin = bracketed ? open.size : 0;
  std::size_t end = begin;
  while (end < line.size() && end < begin + 4 && (ascii_letter(line[end]) || ascii_digit(line[end]))) ++end;
  const string_view plain = line.substr(begin, end - begin);
  const bool sensible = plain.size() == 1 || is_lower_roman(plain) ||
                        (!plain.empty() && plain.size() <= 2 && decimal_size(plain) == plain.size());
  const bool chinese = bracketed && end == begin;
  if (chinese) end = chinese_number_end(line, begin);
  if (end == begin || (!chinese && !sensible)) return {};
  const code_point close = code_point_at(line, end);
  if (close.value != ')' && close.value != U'）') return {};
  const string_view after = line.substr(end + close.size);
  if (!chinese && !after.empty() && after[0] != ' ' && !is_cjk(code_point_at(after, 0).value)) return {};
  const string_view inner = line.substr(begin, end - begin);
  const std::string label = chinese ? concat({"（", inner, "）"}) : concat({"(", inner, ")"});
  return {mark_kind::item, label, trim(after), false};
}

mark read_circled(string_view line) {
  const code_point c = code_point_at(line, 0);
  if (c.value < 0x2460 || c.value > 0x2473) return {};
  return {mark_kind::item, std::string(line.substr(0, c.size)), trim_separators(line.substr(c.size)), false};
}

mark read_decimal(string_view line) {
  const std::size_t size = decimal_size(line);
  if (size == 0) return {};
  const string_view number = line.substr(0, size);
  const bool nested = number.find('.') != string_view::npos;
  string_view after = line.substr(size);
  const bool closed = after.starts_with(".") || after.starts_with(")");
  if (closed) after.remove_prefix(1);
  if (!closed && !nested) return {};
  if (!after.empty() && after[0] != ' ' && after[0] != '\t' && !is_cjk(code_point_at(after, 0).value)) return {};
  if (number.size() > 3 && !nested) return {};  // a year at the start of a line
  const string_view rest = trim_separators(after);
  const char32_t first = code_point_at(rest, 0).value;
  const bool starts = rest.empty() || !is_letter(first) || is_upper(first);  // "3.1 percent of", "2.5 million" go on
  return {nested ? mark_kind::subnumber : mark_kind::number, std::string(number), rest, !starts};
}

mark read_roman(string_view line) {
  const std::size_t size = roman_size(line, "IVX");
  if (size == 0 || size + 1 >= line.size() || line[size] != '.' || line[size + 1] != ' ') return {};
  return {mark_kind::roman, std::string(line.substr(0, size)), trim(line.substr(size + 1)), false};
}

mark read_bullet(string_view line) {
  for (const string_view sign :
       {string_view("- "), string_view("* "), string_view("\xE2\x80\xA2"), string_view("\xE2\x80\x93 ")})
    if (line.starts_with(sign)) return {mark_kind::bullet, {}, trim(line.substr(sign.size())), false};
  return {};
}

}  // namespace

mark read_mark(string_view line) {
  for (const auto reader : {read_keyword, read_paragraph_sign, read_chinese_heading, read_chinese_count, read_item,
                            read_circled, read_decimal, read_roman, read_bullet}) {
    mark read = reader(line);
    if (read.kind != mark_kind::none) return read;
  }
  return {mark_kind::none, {}, line, false};
}

long number_of(string_view label) noexcept {
  long value = 0;
  for (std::size_t at = 0; at < label.size() && ascii_digit(label[at]) && at < 6; ++at)
    value = value * 10 + (label[at] - '0');
  return value;
}

bool is_lower_roman(string_view label) noexcept {
  return !label.empty() && label.size() <= 5 && label.find_first_not_of("ivx") == string_view::npos;
}

bool is_title_case(string_view text) {
  std::size_t words = 0;
  std::size_t capitals = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" -/", at), text.size());
    string_view word = text.substr(at, end - at);
    while (!word.empty() && !ascii_letter(word[0]) && static_cast<unsigned char>(word[0]) < 0x80) word.remove_prefix(1);
    const char32_t first = code_point_at(word, 0).value;
    if (is_letter(first)) {
      ++words;
      if (is_upper(first))
        ++capitals;
      else if (columns(word) > 5 || words == 1)
        return false;
    }
    at = end + 1;
  }
  return words > 0 && words <= 14 && capitals * 2 >= words;
}

bool is_all_caps(string_view text) {
  std::size_t letters = 0;
  for (std::size_t at = 0; at < text.size();) {
    const code_point c = code_point_at(text, at);
    if (is_letter(c.value) && !is_upper(c.value)) return false;
    if (is_upper(c.value)) ++letters;
    at += c.size;
  }
  return letters > 1;
}

}  // namespace legal
