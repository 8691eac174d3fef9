// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A text line by line, with what surrounds each line; nothing is copied and nothing is kept.
#include <cstddef>
#include <string_view>
#include <vector>

namespace legal {

struct line {
  std::string_view text;      ///< trimmed; empty for a blank line
  std::size_t indent = 0;     ///< columns of white space before it
  bool after_blank = false;   ///< the line before is blank, or there is none
  bool alone = false;         ///< after_blank and before_blank
  bool before_blank = false;  ///< the line after is blank, or there is none
};

class line_reader {
 public:
  explicit line_reader(std::string_view text) noexcept : text_(text) {}

  /// Steps to the next line; false at the end.
  bool next() noexcept;
  const line& current() const noexcept { return now_; }

  /// The lines of the first block that is not blank, at most `limit` + 1 of them, after skipping the blank lines before
  /// it.
  std::vector<std::string_view> peek_block(std::size_t limit);

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  bool blank_ = true;
  line now_;
};

/// A rule of dashes, a page number, a row of dots: nothing to read.
bool is_decoration(std::string_view text) noexcept;

/// A copyright line, an address or a template's blank: true text, but no statement of law.
bool is_notice(std::string_view text) noexcept;

}  // namespace legal
