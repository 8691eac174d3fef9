// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// LexRank in ten lines, on exact vectors and in double precision: what the model is compared with.
#include "legal_document/summariser.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace legal_reference {

/// The sentences picked, best first.
inline std::vector<std::size_t> picks(const legal::section_input& in, std::size_t limit = legal::max_picks) {
  const std::size_t n = in.sentences.size();
  const auto like = [&](std::size_t a, std::size_t b) {
    return a == b ? 0.001 : static_cast<double>(legal::similarity(in.sentences[a], in.sentences[b]));
  };
  std::vector<double> degree(n, 0.0), score(n, 1.0 / static_cast<double>(n)), next(n);
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t b = 0; b < n; ++b) degree[a] += like(a, b);
  for (int step = 0; step < 40; ++step, score = next) {
    std::fill(next.begin(), next.end(), 0.15 / static_cast<double>(n));
    for (std::size_t a = 0; a < n; ++a)
      for (std::size_t b = 0; b < n; ++b) next[b] += 0.85 * score[a] * like(a, b) / degree[a];
  }
  const double top = *std::max_element(score.begin(), score.end());
  std::vector<std::size_t> out;
  std::vector<double> repeats(n, 0.0);
  std::vector<bool> open(n, true);
  while (out.size() < limit) {
    std::size_t best = n;
    double most = 0;
    for (std::size_t a = 0; a < n; ++a) {
      const double value = score[a] / top * static_cast<double>(in.weights[a]) - 1e-5 * static_cast<double>(a);
      if (open[a] && value * (1 - repeats[a]) > most) most = value * (1 - repeats[best = a]);
    }
    if (best == n) break;
    out.push_back(best);
    open[best] = false;
    for (std::size_t a = 0; a < n; ++a)
      if (a != best && (repeats[a] = std::max(repeats[a], like(a, best))) >= 0.4) open[a] = false;
  }
  return out;
}

}  // namespace legal_reference
