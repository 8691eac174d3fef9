// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is measured, as it is at one moment: families of numbers with labels, and the texts in which Prometheus reads them.
#include <catena/observe/histogram.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace catena {

/// What its numbers are of, and how they behave.
struct metric_family {
  enum class kind : std::uint8_t { counter, gauge, state, histogram };
  std::string_view name;  ///< as Prometheus has it, a counter's without its `_total`
  kind is;                ///< gauges of one name and label set are added, of states the largest holds
  std::string_view help;
  std::string_view unit = {};  ///< seconds, bytes, ratio; the end of the name, too
};

/// A snapshot of metrics, collected from all that has some.
///
/// What has the same name and labels is one series: counters, histograms and gauges are added. Of one family there are at most
/// max_series; what comes then is counted together in one whose labels are all `_other`.
/// \threads  unsafe
class metric_set {
 public:
  using label = std::pair<std::string_view, std::string_view>;
  using labels = std::initializer_list<label>;

  struct series {
    std::string labels;  ///< `a="x",b="y"`, escaped
    /// One of them, as it is; empty: it has none of this name.
    [[nodiscard]] std::string label(std::string_view name) const;
    double value = 0;
    std::uint64_t count = 0;            ///< of a histogram
    std::vector<std::uint64_t> up_to{}; ///< for each of the family's bounds: how many were no larger
  };
  struct family {
    metric_family of;
    std::vector<double> bounds{};  ///< of a histogram
    std::map<std::string, series> all{};
  };

  explicit metric_set(std::size_t max_series = 1000) : max_series_(max_series) {}

  void add(const metric_family& to, labels with, double value) { add(to, std::span(with), value); }
  void add(const metric_family& to, std::span<const label> with, double value);
  /// \param bounds  ascending; a family has those of the first that is added to it
  void add(const metric_family& to, labels with, const duration_histogram& h, std::span<const duration> bounds);
  /// \param up_to  for each of bounds, how many were no larger
  void add(const metric_family& to, labels with, std::span<const double> bounds, std::span<const std::uint64_t> up_to,
           std::uint64_t count, double sum);

  [[nodiscard]] const std::map<std::string_view, family>& families() const noexcept { return families_; }
  /// \returns null if there is none
  [[nodiscard]] const series* find(std::string_view name, std::string_view with) const noexcept;
  /// Of one series; zero if there is none.
  [[nodiscard]] double value(std::string_view name, std::string_view with = {}) const noexcept;

 private:
  [[nodiscard]] series& at(const metric_family& to, std::span<const label> with);

  std::size_t max_series_;
  std::map<std::string_view, family> families_;
};

/// What a share of a histogram's values did not exceed, as Prometheus' histogram_quantile tells it: between two bounds it goes by a straight
/// line, and what is beyond the last bound counts as that. NaN where there are no values.
/// \param share  from 0 to 1
[[nodiscard]] double quantile(const metric_set::family& of, const metric_set::series& s, double share) noexcept;

/// In Prometheus' text format, version 0.0.4.
[[nodiscard]] std::string prometheus_text(const metric_set& all);
/// In OpenMetrics' text format, version 1.0.0.
[[nodiscard]] std::string openmetrics_text(const metric_set& all);

}  // namespace catena
