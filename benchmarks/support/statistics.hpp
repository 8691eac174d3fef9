// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a few repetitions say about a figure, and how sure that is.
#include <vector>

namespace bench {

/// A figure with the interval that holds it in 95 % of all resamplings.
struct estimate {
  double value;
  double low;
  double high;
};

/// The q-quantile of the values: the least one that a share of at least q does not exceed.
[[nodiscard]] double quantile(std::vector<double> values, double q);

/// Of an even number of values the mean of the middle two.
[[nodiscard]] double median(std::vector<double> values);

/// The median of one value per repetition; the bootstrap draws repetitions. Of five it can say little but their range.
[[nodiscard]] estimate median_of_repetitions(const std::vector<double>& values);

/// The q-quantile of the samples of all repetitions together. Neighbouring samples are alike (a queue empties slowly), and so are
/// those of one repetition: the bootstrap therefore draws repetitions, and in each of them blocks of a twentieth, not samples.
/// \param repetitions  the samples of each, in the order in which they came
/// \source  Künsch (1989), The Jackknife and the Bootstrap for General Stationary Observations
[[nodiscard]] estimate pooled_quantile(const std::vector<std::vector<double>>& repetitions, double q);

}  // namespace bench
