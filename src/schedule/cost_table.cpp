// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/cost_table.hpp>

#include <algorithm>
#include <cmath>

namespace catena {

void cost_table::learn(std::size_t size, duration took) {
  if (size == 0) return;
  if (size >= entries_.size()) entries_.resize(size + 1);
  entry& e = entries_[size];
  const auto ns = static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
  ++e.count;
  e.learnt_at = ++learnt_;
  if (e.count <= trusted_count) {
    // The first runs of a size are slow: a compiler specialises, caches are cold. The quickest counts.
    e.mean = e.count == 1 ? ns : std::min(e.mean, ns);
    return;
  }
  // Then the plain mean, until it has become an exponentially weighted one.
  const double weight = std::max(smoothing_, 1.0 / static_cast<double>(e.count - trusted_count + 1));
  // A thread that lost its core is no cost of the model: one measurement weighs four times the mean at most.
  const double off = std::min(ns, 4 * e.mean) - e.mean;
  e.mean += weight * off;
  e.variance = (1 - weight) * (e.variance + weight * off * off);
}

double cost_table::cost(std::size_t size) const noexcept {
  if (measured(size)) return entries_[size].mean;
  std::size_t below = std::min(size, entries_.size());
  while (below > 0 && !measured(below)) --below;
  std::size_t above = size + 1;
  while (above < entries_.size() && !measured(above)) ++above;
  const bool has_above = above < entries_.size();
  if (below == 0 && !has_above) return 0;
  // Nothing smaller was measured: a batch costs no more for being smaller.
  if (below == 0) return entries_[above].mean;
  if (!has_above) return entries_[below].mean * static_cast<double>(size) / static_cast<double>(below);
  const double share = static_cast<double>(size - below) / static_cast<double>(above - below);
  return entries_[below].mean + share * (entries_[above].mean - entries_[below].mean);
}

double cost_table::error(std::size_t size) const noexcept {
  if (!measured(size) || entries_[size].mean <= 0) return 0;
  const entry& e = entries_[size];
  if (e.count <= trusted_count) return 0;
  // An exponentially weighted mean remembers about 2 / weight measurements.
  const double remembered = std::min(static_cast<double>(e.count - trusted_count), 2 / smoothing_);
  return std::sqrt(e.variance / remembered) / e.mean;
}

}  // namespace catena
