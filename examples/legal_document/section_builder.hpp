// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Collects headings, items and lines into sections of sentences.
#include "split.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace legal {

class section_builder {
 public:
  static constexpr long no_count = -1;   ///< the section is named by a word or a sign: "Article 3", "§ 4"
  static constexpr long sub_count = -2;  ///< the section is a part of a counted one: "2.1"

  /// Opens a section under all open headings of a smaller rank; a section without sentences only names what follows.
  /// `count` is the section's number if the document just counts, "3.".
  void open(int rank, std::string_view number, std::string_view heading, long count);

  /// Gives the section just opened the heading that stands on a line of its own.
  void name_section(std::string_view heading);

  void open_item(std::string_view label);
  void add_line(std::string_view text);
  void end_paragraph();

  contents finish();

  /// True where a mark may stand: a sentence, an item or a heading has just ended.
  bool at_break() const noexcept;
  bool awaits_heading() const noexcept;
  bool has_article() const noexcept;  ///< of rank 3
  bool has_section() const noexcept;  ///< of rank 3 or more, with a number
  bool has_keyword_section() const noexcept;
  /// True if "number." continues the document's own count, or starts it again in a new chapter.
  bool counts_on(long number) const noexcept {
    return number == last_number_ + 1 || (number <= 1 && (last_number_ < 0 || new_chapter_));
  }
  long last_number() const noexcept { return last_number_; }

 private:
  enum class origin { title, keyword, count };
  struct open_heading {
    int rank;
    std::string number;
    std::string heading;
    origin from;
  };
  struct paragraph {
    std::string label;
    std::string text;
  };

  void close_section();
  void close_group();
  void add_sentences(const paragraph& from, const std::string& lead);
  void add_joined(const std::vector<paragraph>& group);
  std::string nest(std::string_view label);

  std::vector<open_heading> path_;
  std::vector<section> done_;
  section now_;
  std::vector<paragraph> group_;  ///< a lead-in that ends with a colon, and its items so far; or one paragraph
  std::string text_;              ///< the paragraph being read
  std::string label_;             ///< its item label
  std::string outer_label_;       ///< the last "2.1", for items below it
  std::string item_label_;        ///< the last "(a)", for items below it
  std::string last_line_;         ///< only its end matters: it decides whether the next line continues it
  long last_number_ = -1;
  bool new_chapter_ = false;  ///< a chapter began after the last number
};

}  // namespace legal
