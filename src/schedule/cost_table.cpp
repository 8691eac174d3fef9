// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/cost_table.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace catena {
namespace {

constexpr double longest_ns = 1e14;  // a day: what is computed from it is still a duration, whatever is measured
constexpr double memory = 512;
constexpr double much = 1.5;
constexpr int convincing = 3;
constexpr std::uint64_t often = 16;
constexpr double off_the_line = 0.02;
constexpr double clearly = 3;  // standard errors

/// A cost that can have been measured. What is learnt between two knots that differ a million times moves the nearer one by the
/// whole difference, each time: it stays in bounds.
double measurable(double ns) noexcept { return std::clamp(ns, 1.0, longest_ns); }

/// One more in a row, or the first in its direction; negative where batches are too quick.
int one_more(int in_a_row, double factor) noexcept {
  return factor > 1 ? std::max(in_a_row, 0) + 1 : std::min(in_a_row, 0) - 1;
}

}  // namespace

void cost_table::learn(std::size_t size, duration took) {
  if (size == 0) return;
  const std::size_t nearest = nearest_knot(size);
  if (nearest >= knots_.size()) knots_.resize(nearest + 1);
  knot& k = knots_[nearest];
  const double ns = measurable(std::chrono::duration<double, std::nano>(took).count());
  ++learnt_;
  if (k.count == 0) {
    k.learnt_at = learnt_;
    k.mean = k.estimate = measurable(ns * static_cast<double>(size_of(nearest)) / static_cast<double>(size));
    k.count = 1;
    return;
  }
  const double factor = ns / cost(size) * k.estimate / k.mean;
  if (k.count < trusted_count) return learn_young(k, factor);
  if (factor > much || factor * much < 1) return learn_surprise(k, factor);
  k.learnt_at = learnt_;
  const double off = factor - 1;
  k.surprises = surprises_ = 0;
  k.mean = measurable(k.mean * (1 + off / std::min(memory, static_cast<double>(++k.count))));
  variance_ += (off * off - variance_) / std::min(memory, static_cast<double>(learnt_));
}

void cost_table::learn_young(knot& k, double factor) noexcept {
  ++k.count;
  k.learnt_at = learnt_;
  if (factor * much < 1) k.mean = measurable(k.mean * factor);
  else if (factor <= much) k.mean = measurable(k.mean * (1 + (factor - 1) / static_cast<double>(k.count)));
  k.estimate = k.mean;
}

void cost_table::learn_surprise(knot& k, double factor) noexcept {
  k.surprises = one_more(k.surprises, factor);
  if (std::abs(k.surprises) == 1) k.surprise = factor;
  else k.surprise = factor > 1 ? std::min(k.surprise, factor) : std::max(k.surprise, factor);
  if (k.count >= often) {
    surprises_ = one_more(surprises_, factor);
    surprise_ = std::abs(surprises_) == 1 ? factor : surprise_ * factor;
    if (std::abs(surprises_) == convincing) return change_everything(std::cbrt(surprise_));
  }
  if (std::abs(k.surprises) < convincing) return;
  k.mean = measurable(k.mean * k.surprise);
  k.estimate = k.mean;
  k.count = 1;
  k.surprises = 0;
}

void cost_table::change_everything(double factor) noexcept {
  surprises_ = 0;
  for (knot& k : knots_) {
    k.mean = measurable(k.mean * factor);
    k.estimate = measurable(k.estimate * factor);
    k.count = std::min(k.count, often - 1);  // it may not have changed as the others have, and learns quickly then
    k.surprises = 0;
  }
}

std::size_t cost_table::taught_below(std::size_t end) const noexcept {
  for (std::size_t i = std::min(end, knots_.size()); i-- > 0;)
    if (knots_[i].count != 0) return i;
  return none;
}

std::size_t cost_table::taught_above(std::size_t begin) const noexcept {
  for (std::size_t i = begin; i < knots_.size(); ++i)
    if (knots_[i].count != 0) return i;
  return none;
}

/// What the straight line through two knots says about a size.
double cost_table::line(std::size_t a, std::size_t b, double size) const noexcept {
  const auto from = static_cast<double>(size_of(a)), to = static_cast<double>(size_of(b));
  return knots_[a].estimate + (knots_[b].estimate - knots_[a].estimate) * (size - from) / (to - from);
}

double cost_table::cost(std::size_t size) const noexcept {
  if (size == 0) return 0;
  const std::size_t floor = knot_below(size);
  const std::size_t below = taught_below(floor + 1);
  if (below == floor && size_of(floor) == size) return knots_[floor].estimate;
  const std::size_t above = taught_above(floor + 1);
  if (below == none) return above == none ? 0 : knots_[above].estimate;
  const auto n = static_cast<double>(size);
  if (above == none) return knots_[below].estimate * n / static_cast<double>(size_of(below));
  return line(below, above, n);
}

void cost_table::smooth() noexcept {
  // There and back, so that what one knot knows reaches all.
  for (std::size_t i = 0; i < knots_.size(); ++i) lean_on_neighbours(i);
  for (std::size_t i = knots_.size(); i-- > 0;) lean_on_neighbours(i);
}

void cost_table::lean_on_neighbours(std::size_t i) noexcept {
  knot& k = knots_[i];
  if (k.count == 0) return;
  k.estimate = k.mean;
  std::size_t below = taught_below(i), above = taught_above(i + 1);
  // The first and the last lean on the line through the next two.
  if (below == none && above != none) below = std::exchange(above, taught_above(above + 1));
  else if (above == none && below != none) above = std::exchange(below, taught_below(below));
  if (below == none || above == none) return;
  const double off = std::max(line(below, above, static_cast<double>(size_of(i))) / k.mean, 1 / much) - 1;
  const double weight = std::min(memory, static_cast<double>(k.count));
  // What it was taught says clearly that the line is wrong here.
  if (off * off * weight > clearly * clearly * variance_) return;
  k.estimate *= 1 + off * variance_ / (variance_ + off_the_line * off_the_line * weight);
}

}  // namespace catena
