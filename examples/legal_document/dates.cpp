// SPDX-License-Identifier: BSL-1.0
#include "mentions.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <array>

namespace legal {
namespace {

using std::string_view;

template <std::size_t N>
bool is_one_of(string_view word, const std::array<string_view, N>& list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

struct word {
  std::size_t begin;
  std::size_t end;
  std::string small;
};

bool ascii_digits(string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == string_view::npos;
}

/// Words of letters and digits with their places; "(30)" is the word "30".
std::vector<word> words_of(string_view text) {
  std::vector<word> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    while (at < text.size()) {
      const code_point c = code_point_at(text, at);
      if (!is_letter(c.value) && !(c.value >= '0' && c.value <= '9') && c.value != '-' && c.value != '/') break;
      at += c.size;
    }
    if (at > begin)
      out.push_back({begin, at, lower(text.substr(begin, at - begin))});
    else
      at += code_point_at(text, at).size;
  }
  return out;
}

bool is_month(string_view text, const word& w) {
  static constexpr std::array<string_view, 12> months = {"january",   "february", "march",    "april",
                                                         "may",       "june",     "july",     "august",
                                                         "september", "october",  "november", "december"};
  return is_one_of(w.small, months) && is_upper(code_point_at(text, w.begin).value);
}

bool is_day(string_view small) {
  if (small.ends_with("st") || small.ends_with("nd") || small.ends_with("rd") || small.ends_with("th"))
    small.remove_suffix(2);
  return ascii_digits(small) && small.size() <= 2;
}

bool is_year(string_view small) {
  return ascii_digits(small) && small.size() == 4 && (small[0] == '1' || small[0] == '2');
}

/// 2007-06-29, 29/06/2007
bool is_numeric_date(string_view small) {
  const char separator = small.find('-') != string_view::npos ? '-' : '/';
  const std::size_t first = small.find(separator);
  const std::size_t second = first == string_view::npos ? first : small.find(separator, first + 1);
  if (second == string_view::npos) return false;
  const string_view a = small.substr(0, first), b = small.substr(first + 1, second - first - 1),
                    c = small.substr(second + 1);
  return ascii_digits(b) && b.size() <= 2 && ((is_year(a) && is_day(c)) || (is_day(a) && is_year(c)));
}

bool is_unit(string_view small) {
  static constexpr std::array<string_view, 10> units = {"day",    "days", "week",  "weeks", "month",
                                                        "months", "year", "years", "hours", "quarters"};
  return is_one_of(small, units);
}

bool is_count(string_view small) {
  static constexpr std::array<string_view, 24> counts = {
      "one",        "two",         "three",  "four",       "five",     "six",     "seven",    "eight",
      "nine",       "ten",         "eleven", "twelve",     "fourteen", "fifteen", "eighteen", "twenty",
      "twenty-one", "twenty-four", "thirty", "forty-five", "sixty",    "ninety",  "hundred",  "several"};
  return is_one_of(small, counts) || (ascii_digits(small) && small.size() <= 3);
}

/// "within", "no later than": part of the period as a reader wants it.
bool is_limit(string_view small) {
  static constexpr std::array<string_view, 17> limits = {"within", "at",      "least", "most", "no",   "not",
                                                         "later",  "earlier", "than",  "more", "less", "after",
                                                         "for",    "every",   "up",    "to",   "fewer"};
  return is_one_of(small, limits);
}

class reader {
 public:
  explicit reader(string_view text) : text_(text), words_(words_of(text)) {}

  std::vector<std::string> read() {
    for (std::size_t i = 0; i < words_.size();) {
      const std::size_t next = read_at(i);
      i = std::max(next, i + 1);
    }
    return std::move(found_);
  }

 private:
  string_view small(std::size_t i) const { return i < words_.size() ? string_view(words_[i].small) : string_view(); }
  bool month(std::size_t i) const { return i < words_.size() && is_month(text_, words_[i]); }

  bool one_space_between(std::size_t a, std::size_t b) const {
    return text_.substr(words_[a].end, words_[b].begin - words_[a].end) == " ";
  }

  std::size_t take(std::size_t from, std::size_t last) {
    found_.emplace_back(text_.substr(words_[from].begin, words_[last].end - words_[from].begin));
    return last + 1;
  }

  /// The word after the date that starts at word i, or i if none does.
  std::size_t read_at(std::size_t i) {
    if (is_numeric_date(small(i))) return take(i, i);
    if (is_day(small(i)) && month(i + 1) && one_space_between(i, i + 1))
      return take(i, is_year(small(i + 2)) ? i + 2 : i + 1);
    if (is_day(small(i)) && small(i + 1) == "of" && month(i + 2)) return take(i, is_year(small(i + 3)) ? i + 3 : i + 2);
    if (month(i) && is_day(small(i + 1)) && is_year(small(i + 2))) return take(i, i + 2);
    if (month(i) && is_year(small(i + 1))) return take(i, i + 1);
    return read_period(i);
  }

  std::size_t read_period(std::size_t i) {
    static constexpr std::array<string_view, 6> kinds = {"calendar",    "business", "working",
                                                         "consecutive", "clear",    "full"};
    if (!is_count(small(i))) return i;
    std::size_t unit = i + 1;
    if (is_count(small(unit))) ++unit;  // "thirty (30) days"
    if (is_one_of(small(unit), kinds)) ++unit;
    if (!is_unit(small(unit)) || small(unit + 1) == "old") return i;
    std::size_t from = i;
    while (from > 0 && i - from < 4 && is_limit(small(from - 1)) && one_space_between(from - 1, from)) --from;
    if (small(from) == "to" || small(from) == "than") ++from;  // "prior to 60 days"
    const string_view next = small(unit + 1);
    const bool counted_from = next == "after" || next == "before" || next == "following";
    return take(from, counted_from && one_space_between(unit, unit + 1) ? unit + 1 : unit);
  }

  string_view text_;
  std::vector<word> words_;
  std::vector<std::string> found_;
};

bool is_chinese_number(char32_t c) {
  constexpr std::u32string_view digits = U"〇零一二三四五六七八九十百半两";
  return is_digit(c) || digits.find(c) != std::u32string_view::npos;
}

/// Bytes of a unit of time at `at`: 年, 个月, 月, 日, 天, 个工作日, 小时.
std::size_t chinese_unit(string_view text, std::size_t at) {
  for (const string_view unit :
       {"个工作日", "工作日", "个自然日", "个月", "个小时", "小时", "分钟", "年", "月", "日", "天", "周"})
    if (text.substr(at).starts_with(unit)) return unit.size();
  return 0;
}

/// 2007年6月29日, 三十日内, 30个工作日内, 每月十日前
void read_chinese(string_view text, std::vector<std::string>& found) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const bool ordinal = text.substr(0, begin).ends_with("第");
    std::size_t end = at;
    std::size_t units = 0;
    for (;;) {
      std::size_t number = end;
      while (number < text.size() && is_chinese_number(code_point_at(text, number).value))
        number += code_point_at(text, number).size;
      const std::size_t unit = number == end ? 0 : chinese_unit(text, number);
      if (unit == 0) break;
      end = number + unit;
      ++units;
    }
    if (units == 0 || ordinal) {
      at += code_point_at(text, at).size;
      continue;
    }
    for (const string_view tail : {"以内", "之内", "内", "以前", "之前", "前", "以上", "起", "以后", "后"})
      if (text.substr(end).starts_with(tail)) {
        end += tail.size();
        break;
      }
    found.emplace_back(text.substr(begin, end - begin));
    at = end;
  }
}

}  // namespace

std::vector<std::string> dates_in(string_view sentence) {
  std::vector<std::string> found = reader(sentence).read();
  if (sentence.find("年") != string_view::npos || sentence.find("月") != string_view::npos ||
      sentence.find("日") != string_view::npos || sentence.find("分钟") != string_view::npos ||
      sentence.find("天") != string_view::npos || sentence.find("小时") != string_view::npos)
    read_chinese(sentence, found);
  return found;
}

}  // namespace legal
