// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a batch of each size costs, learnt from the batches that were computed.
#include <catena/time.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena {

/// The cost of batches by size: straight lines between knots. A single line through all sizes would be wrong: a batch of 3
/// may cost as much as one of 8, and five times one of 2. A value for every size would be learnt slowly, and the luckiest of
/// many uncertain ones would look like the best. So every size up to 8 is a knot, and above them every fourth part of a power
/// of two: 10, 12, 14, 16, 20, 24, 28, 32, 40, ...
///
/// A batch teaches the knot nearest to its size, whose mean is that of the last 512 or so. The first three count differently,
/// as the first runs of a size are slow in many frameworks: what is much quicker than the mean replaces it, what is much
/// slower is not believed. "Much" is by half, in both directions.
///
/// Later, what is much too quick or slow teaches nothing: a thread that lost its core is no cost of the model. But three in a
/// row are believed. Three in a row at one knot: it begins anew. Three in a row at any knots that were taught at least 16 times:
/// the machine has become slower or quicker, and all knots are multiplied by what the three say.
///
/// Where costs are noisy, a knot that was taught seldom leans on the line through its neighbours, as though that were within
/// 2 % of the truth, unless what it was taught is three standard errors off. How noisy costs are is learnt for all sizes together.
/// \units    rows and nanoseconds
/// \cost     learn() and cost() O(1), or O(knots) where few have been taught; smooth() O(knots). No allocation once a size has
///           been seen. There are 20 knots up to a size of 64, 60 up to 65536
/// \threads  unsafe
class cost_table {
 public:
  void learn(std::size_t size, duration took);
  /// Brings cost() up to date; until then it hardly changes with what is learnt.
  void smooth() noexcept;

  /// The expected cost of a batch, in nanoseconds; zero when nothing was learnt. Beyond the largest knot a row costs as much
  /// as there; below the smallest, a batch does.
  [[nodiscard]] double cost(std::size_t size) const noexcept;

  // ---- knots, by number: 0 is the smallest ----

  [[nodiscard]] static constexpr std::size_t size_of(std::size_t i) noexcept {
    if (i < 8) return i + 1;
    const std::size_t octave = (i + 1) / 4 - 1;
    return (i + 1 - 4 * octave) << octave;
  }
  /// The largest that is not larger than this size, which is at least 1.
  [[nodiscard]] static constexpr std::size_t knot_below(std::size_t size) noexcept {
    if (size < 8) return size - 1;
    const auto octave = static_cast<std::size_t>(std::bit_width(size)) - 3;
    return 4 * octave + (size >> octave) - 1;
  }
  /// The nearest to this size, which is at least 1; the larger one if there are two.
  [[nodiscard]] static constexpr std::size_t nearest_knot(std::size_t size) noexcept {
    if (size < 8) return size - 1;
    const auto octave = static_cast<std::size_t>(std::bit_width(size)) - 3;
    return 4 * octave + ((size + (std::size_t{1} << (octave - 1))) >> octave) - 1;
  }

  /// One more than the largest that was ever taught.
  [[nodiscard]] std::size_t knot_count() const noexcept { return knots_.size(); }
  /// So often must a knot be taught to be trusted.
  static constexpr std::uint64_t trusted_count = 3;
  [[nodiscard]] bool trusted(std::size_t i) const noexcept { return i < knots_.size() && knots_[i].count >= trusted_count; }
  /// How many batches have been learnt since this knot was taught; a batch that was much too quick or slow did not teach it.
  [[nodiscard]] std::uint64_t age(std::size_t i) const noexcept { return learnt_ - knots_[i].learnt_at; }
  [[nodiscard]] std::uint64_t learnt() const noexcept { return learnt_; }

 private:
  struct knot {
    double mean = 0;      ///< of what it was taught
    double estimate = 0;  ///< the mean, leaning on its neighbours
    std::uint64_t count = 0;
    std::uint64_t learnt_at = 0;
    int surprises = 0;    ///< in a row; negative: too quick
    double surprise = 1;  ///< the least of them, as a factor
  };
  static constexpr std::size_t none = ~std::size_t{0};

  void learn_young(knot& k, double factor) noexcept;
  void learn_surprise(knot& k, double factor) noexcept;
  void change_everything(double factor) noexcept;
  [[nodiscard]] std::size_t taught_below(std::size_t end) const noexcept;
  [[nodiscard]] std::size_t taught_above(std::size_t begin) const noexcept;
  [[nodiscard]] double line(std::size_t a, std::size_t b, double size) const noexcept;
  void lean_on_neighbours(std::size_t i) noexcept;

  std::vector<knot> knots_;
  std::uint64_t learnt_ = 0;
  double variance_ = 0;   ///< of what is learnt, relative to what was expected
  int surprises_ = 0;     ///< in a row, of any knots that were taught often
  double surprise_ = 1;   ///< their product
};

}  // namespace catena
