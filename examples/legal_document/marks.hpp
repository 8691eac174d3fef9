// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Reading what a line of a legal text starts with: "Article 3", "§ 4", "2.1", "(a)", 第一条, （一）.
///
/// This part only reads; whether the mark really opens a section depends on the lines around it, and split.cpp decides.
#include <string>
#include <string_view>

namespace legal {

enum class mark_kind {
  none,
  part,           ///< PART, BOOK, SCHEDULE, ANNEX, 编
  chapter,        ///< CHAPTER, TITLE, 章
  division,       ///< DIVISION, 节
  article,        ///< ARTICLE, RULE, 条
  section,        ///< SECTION, §
  number,         ///< "3." and "3)"
  subnumber,      ///< "3.1", "3.1.2"
  roman,          ///< "IV."
  chinese_count,  ///< 一、
  item,           ///< (a), a), (ii), (1), （一）, ①
  bullet,         ///< "-", "•", "*"
};

struct mark {
  mark_kind kind = mark_kind::none;
  std::string label;      ///< "Article 3", "§ 4", "2.1", "(a)", "第一条"
  std::string_view rest;  ///< what follows, trimmed of dots, dashes and spaces
  bool run_on = false;    ///< the words that follow continue a sentence: "Section 4 of this Agreement …"
};

mark read_mark(std::string_view line);

/// The value of the first number in a label of kind `number`.
long number_of(std::string_view label) noexcept;

/// True for "i", "iv", "xii": labels that may be a nested roman list.
bool is_lower_roman(std::string_view label) noexcept;

/// Every longer word starts with a capital, and there are few words: "Protecting Users' Legal Rights".
bool is_title_case(std::string_view text);

/// Letters, and none of them lower case.
bool is_all_caps(std::string_view text);

}  // namespace legal
