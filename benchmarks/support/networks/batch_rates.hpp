// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Which batch size is computed fastest, row for row.
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace bench {

struct batch_rate {
  std::size_t size;
  double rows_per_s;
};

/// The median rate of each size, of rounds in which all have their turn.
/// \param rows_per_s  measures one size once
[[nodiscard]] std::vector<batch_rate> measure_batches(const std::vector<std::size_t>& sizes, int rounds,
                                                      const std::function<double(std::size_t size)>& rows_per_s);

/// The fastest of those that are not larger than `max_size`, which one at least must be.
[[nodiscard]] batch_rate best_of(const std::vector<batch_rate>& rates, std::size_t max_size);

/// "  mlp alone on one thread, us per batch: 1 41; 2 44"
void print(const std::string& whose, const std::vector<batch_rate>& rates);

}  // namespace bench
