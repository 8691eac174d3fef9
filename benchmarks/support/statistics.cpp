// SPDX-License-Identifier: BSL-1.0
#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numeric>
#include <random>
#include <utility>

namespace bench {
namespace {

constexpr int resamplings = 1000;
constexpr std::size_t blocks = 20;  // of one repetition
constexpr unsigned seed = 95;       // the same results give the same interval

/// The interval of what `resample` answers.
estimate bootstrap(double value, const std::function<double(std::mt19937_64&)>& resample) {
  std::mt19937_64 random(seed);
  std::vector<double> values;
  for (int i = 0; i < resamplings; ++i) values.push_back(resample(random));
  return {value, quantile(values, 0.025), quantile(values, 0.975)};
}

std::size_t draw(std::mt19937_64& random, std::size_t count) {
  return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
}

/// The samples of all repetitions, sorted, with the block that each came in.
class pool {
 public:
  explicit pool(const std::vector<std::vector<double>>& repetitions)
      : repetitions_(repetitions.size()), sizes_(repetitions_ * blocks) {
    for (std::size_t r = 0; r < repetitions_; ++r)
      for (std::size_t i = 0; i < repetitions[r].size(); ++i) {
        const std::size_t block = r * blocks + i * blocks / repetitions[r].size();
        sorted_.push_back({repetitions[r][i], block});
        ++sizes_[block];
      }
    std::sort(sorted_.begin(), sorted_.end(), [](const sample& a, const sample& b) { return a.value < b.value; });
  }

  [[nodiscard]] double quantile(double q) const { return quantile(q, std::vector<std::size_t>(sizes_.size(), 1)); }

  /// The quantile of some repetitions, and of some blocks of each.
  [[nodiscard]] double resampled_quantile(double q, std::mt19937_64& random) const {
    std::vector<std::size_t> times(sizes_.size());
    for (std::size_t r = 0; r < repetitions_; ++r) {
      const std::size_t drawn = draw(random, repetitions_);
      for (std::size_t b = 0; b < blocks; ++b) ++times[drawn * blocks + draw(random, blocks)];
    }
    return quantile(q, times);
  }

 private:
  struct sample {
    double value;
    std::size_t block;
  };

  /// \param times  how often each block counts
  [[nodiscard]] double quantile(double q, const std::vector<std::size_t>& times) const {
    const double wanted = q * static_cast<double>(std::inner_product(times.begin(), times.end(), sizes_.begin(), std::size_t{0}));
    std::size_t seen = 0;
    for (const sample& s : sorted_) {
      seen += times[s.block];
      if (seen != 0 && static_cast<double>(seen) >= wanted) return s.value;
    }
    return sorted_.back().value;  // all blocks that count are empty
  }

  std::size_t repetitions_;
  std::vector<sample> sorted_;
  std::vector<std::size_t> sizes_;  // of the blocks
};

}  // namespace

double quantile(std::vector<double> values, double q) {
  const auto rank = static_cast<std::ptrdiff_t>(std::ceil(q * static_cast<double>(values.size()))) - 1;
  const auto at = values.begin() + std::max<std::ptrdiff_t>(rank, 0);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return std::midpoint(values[(values.size() - 1) / 2], values[values.size() / 2]);
}

estimate median_of_repetitions(const std::vector<double>& values) {
  return bootstrap(median(values), [&](std::mt19937_64& random) {
    std::vector<double> drawn;
    for (std::size_t i = 0; i < values.size(); ++i) drawn.push_back(values[draw(random, values.size())]);
    return median(std::move(drawn));
  });
}

estimate pooled_quantile(const std::vector<std::vector<double>>& repetitions, double q) {
  const pool all(repetitions);
  return bootstrap(all.quantile(q), [&](std::mt19937_64& random) { return all.resampled_quantile(q, random); });
}

}  // namespace bench
