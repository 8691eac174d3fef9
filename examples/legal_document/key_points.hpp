// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The sentences a lawyer marks: duties, rights, prohibitions, dates and definitions.
#include "split.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace legal {

enum class key_point_kind { duty, right, prohibition, date, definition };

inline constexpr std::array<key_point_kind, 5> key_point_kinds = {key_point_kind::duty, key_point_kind::right,
                                                                  key_point_kind::prohibition, key_point_kind::date,
                                                                  key_point_kind::definition};

/// "Duties", "Rights", …
std::string_view title_of(key_point_kind kind) noexcept;

struct key_point {
  std::string place;    ///< "§ 7(a)"
  std::string subject;  ///< the term defined, or the dates; empty for the other kinds
  std::string lead;     ///< the words that an item of a list completes; mostly empty
  std::string text;     ///< the sentence; a very long one is shortened at a word and ends with "…"
};

struct key_point_list {
  std::vector<key_point> points;  ///< in the order of the text
  std::size_t found = 0;          ///< before the list was bounded
};

/// One list for each kind, indexed by key_point_kind.
struct key_points {
  std::array<key_point_list, key_point_kinds.size()> lists;
  const key_point_list& operator[](key_point_kind kind) const { return lists[static_cast<std::size_t>(kind)]; }
};

struct key_point_options {
  std::size_t max_per_kind = 60;  ///< at least 1; a longer list takes points from all sections in turn
};

/// Finds, removes repetitions, bounds. A sentence is a duty, a right or a prohibition, never two of them.
key_points extract_key_points(const contents& from, const key_point_options& options = {});

/// At most about `limit_columns` wide, cut after a word or a semicolon, with "…".
std::string shorten(std::string_view text, std::size_t limit_columns);

}  // namespace legal
