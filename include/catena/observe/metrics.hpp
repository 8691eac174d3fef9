// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Counts the runs of chains and times their stages.
#include <catena/observe/metric_set.hpp>
#include <catena/observe/run_meter.hpp>
#include <catena/observe/slo.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace catena {

struct metrics_options {
  std::map<std::string, slo> slos = {};  ///< by the chain's name
  /// Histograms are told by how many were no longer than these, ascending, at most 14. To them come the objectives' bounds, of
  /// which the smallest six at most.
  std::vector<duration> bounds = default_bounds();
  /// Chains whose runs are counted, 1 to 100 000; what is built beyond them is counted together as the chain `_other`.
  std::size_t max_chains = 1000;
  /// Of one family; see metric_set.
  std::size_t max_series = 5000;

  /// From 100 us to 30 s.
  [[nodiscard]] static std::vector<duration> default_bounds();
};

/// What runtime_options::metrics is given to count. Chains of one name and shape are counted together, also if they are built one
/// after the other. Where a name has had ever new shapes, as a pool's has whose replicas come and go, what is gone is no longer
/// told by stages.
/// \threads  safe
/// \cost     a clock read and some 10 ns for each stage of a run; 8 KB a stage and thread
/// \errors   std::invalid_argument naming the option that is out of range
class metrics {
 public:
  explicit metrics(metrics_options options = {});

  [[nodiscard]] std::shared_ptr<detail::run_meter> meter_of(const detail::run_meter::subject& what);
  void collect(metric_set& to) const;
  [[nodiscard]] const metrics_options& options() const noexcept { return options_; }
  /// Of histograms: those of the options, and the objectives'.
  [[nodiscard]] const std::vector<duration>& bounds() const noexcept { return bounds_; }

 private:
  using meters = std::map<detail::run_meter::subject, std::shared_ptr<detail::run_meter>>;
  [[nodiscard]] slo promised_to(const std::string& chain) const;
  [[nodiscard]] std::shared_ptr<detail::run_meter> found_or_made_locked(const detail::run_meter::subject& what, const slo& promised);
  void fold_gone_locked(const std::string& chain);

  const metrics_options options_;
  const std::vector<duration> bounds_;
  mutable std::mutex mutex_;
  meters meters_;  ///< of a chain, and of what its stages consist of
  std::set<std::string> chains_;
};

}  // namespace catena
