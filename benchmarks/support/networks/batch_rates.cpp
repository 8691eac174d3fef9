// SPDX-License-Identifier: BSL-1.0
#include "batch_rates.hpp"

#include <cstdio>

#include "support/statistics.hpp"

namespace bench {

std::vector<batch_rate> measure_batches(const std::vector<std::size_t>& sizes, int rounds,
                                        const std::function<double(std::size_t size)>& rows_per_s) {
  std::vector<std::vector<double>> measured(sizes.size());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < sizes.size(); ++i) measured[i].push_back(rows_per_s(sizes[i]));
  std::vector<batch_rate> rates;
  for (std::size_t i = 0; i < sizes.size(); ++i) rates.push_back({sizes[i], median(measured[i])});
  return rates;
}

batch_rate best_of(const std::vector<batch_rate>& rates, std::size_t max_size) {
  batch_rate best{0, 0};
  for (const batch_rate& one : rates)
    if (one.size <= max_size && one.rows_per_s > best.rows_per_s) best = one;
  return best;
}

void print(const std::string& whose, const std::vector<batch_rate>& rates) {
  std::printf("  %s, us per batch:", whose.c_str());
  const char* separator = " ";
  for (const batch_rate& one : rates) {
    std::printf("%s%zu %.0f", separator, one.size, static_cast<double>(one.size) * 1e6 / one.rows_per_s);
    separator = "; ";
  }
  std::printf("\n");
}

}  // namespace bench
