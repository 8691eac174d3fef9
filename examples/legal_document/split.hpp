// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Splitting a legal text into its chapters, sections, clauses and sentences.
#include "text.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace legal {

/// The most sentences a section holds; longer ones are cut into parts, because the model's rows have this height.
inline constexpr std::size_t max_sentences = 64;

struct sentence {
  std::string text;
  std::string clause;  ///< "(a)", "2.1", "（一）"; empty in the section's own paragraphs
  std::string lead;    ///< for an item that is no sentence by itself: the words it completes, "The Supplier shall:"
};

struct section {
  std::string chapter;              ///< "Chapter II — Duties › Part A"; empty if the text has none
  std::string number;               ///< "7", "Article 3", "§ 4", "第一条"; empty for headings without a number
  std::string heading;              ///< "Additional Terms"; may be empty
  std::size_t part = 0;             ///< 1, 2, … when a long section was cut; zero when it was not
  std::vector<sentence> sentences;  ///< 1 to max_sentences of them
};

/// What a text consists of.
struct contents {
  std::string title;
  std::string subtitle;  ///< the other lines of the title block, such as a version; may be empty
  std::vector<section> sections;
};

/// Splits the text; there is at least one section, and every word but headings is in exactly one sentence.
/// \cost linear in the text, which is held once more in the sentences
contents split(const document& from);

/// "7. Additional Terms", "Article 3 — Fees", "Preamble": a section's name in a report.
std::string name_of(const section& of);

/// "§ 7(a)", "Article 3", "第一条（二）", "Preamble": where a sentence stands.
std::string place_of(const section& of, const sentence& in);

}  // namespace legal
