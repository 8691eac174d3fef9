// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// When a model is warm: its first runs are slow, and are not a request's to wait for.
#include <catena/schedule/batch_options.hpp>
#include <catena/time.hpp>

#include <chrono>
#include <cstddef>
#include <vector>

namespace catena {

struct warm_up_options {
  double tolerance = 0.1;      ///< a run that is faster by less than this share is no faster, 0 to 1
  std::size_t max_runs = 30;   ///< of one instance with one batch size, 0 to 10000; zero: no warm-up
  duration max_time = std::chrono::seconds(10);  ///< for all of them, more than 0; a run that has begun is finished
  std::vector<std::size_t> sizes = {};  ///< of batches; empty: the allowed ones, or 1, 2, 4, ... and max_size
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const warm_up_options& options);

/// How a model became warm.
struct warm_up_report {
  duration load_time = {};     ///< from its file to where it is computed, the last time; zero: it was made, not loaded
  duration warm_up_time = {};
  std::size_t run_count = 0;   ///< batches computed for nobody
  bool is_steady = true;       ///< false: it was cut off by max_runs or max_time
};

/// Tells from the times of runs when they stop becoming faster: the fastest of three is faster by less than the tolerance than
/// the fastest of the three before. The fastest, because everything else on the machine only makes runs slower.
/// \threads  unsafe
class steadiness {
 public:
  explicit steadiness(double tolerance) noexcept : tolerance_(tolerance) {}

  void ran(duration took) noexcept;
  [[nodiscard]] bool is_steady() const noexcept { return is_steady_; }

 private:
  double tolerance_;
  duration before_ = duration::max();
  duration fastest_ = duration::max();
  int count_ = 0;
  bool is_steady_ = false;
};

namespace detail {
/// The batch sizes with which a model is warmed up, ascending.
[[nodiscard]] std::vector<std::size_t> warm_up_sizes(const warm_up_options& options, const batch_options& batch);
}  // namespace detail

}  // namespace catena
