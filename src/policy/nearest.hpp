// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Which known name somebody may have meant.
#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace catena::detail {

/// How many letters must be put in, left out, replaced or swapped with the next one to make one name of the other (optimal string
/// alignment); of the first 64 of each, in any case.
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  constexpr std::size_t most = 64;
  a = a.substr(0, most);
  b = b.substr(0, most);
  const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = small(a[i - 1]) == small(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && small(a[i - 1]) == small(b[j - 2]) && small(a[i - 2]) == small(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

/// Of equally near ones the first; empty if there are none.
template <class Names>
[[nodiscard]] std::string nearest_to(std::string_view name, const Names& known) {
  std::string nearest;
  std::size_t least = ~std::size_t{0};
  for (const auto& one : known) {
    const std::size_t distance = edit_distance(name, one);
    if (distance >= least) continue;
    least = distance;
    nearest = one;
  }
  return nearest;
}

}  // namespace catena::detail
