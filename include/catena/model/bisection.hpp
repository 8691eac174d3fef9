// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Which parts of a batch that threw are computed again to find the rows it was about.
#include <bit>
#include <cstddef>
#include <optional>
#include <vector>

namespace catena::detail {

/// Halves what threw, and halves again what threw of that, until rows stand alone or it has cost enough: one bad row of n is
/// found with 2 * log2(n) further batches, and for all bad rows together there are twice as many. What is not parted then
/// fails as it is.
/// \threads  unsafe
class bisection {
 public:
  struct part {
    std::size_t first = 0;
    std::size_t count = 0;
  };

  bisection() { parts_.reserve(most_parts); }

  /// The whole batch is about to be computed.
  void begin(std::size_t count) {
    parts_.clear();
    batches_left_ = count > 1 ? 4 * static_cast<std::size_t>(std::bit_width(count - 1)) : 0;
  }
  /// These rows threw. True if their halves come next; false if they are to fail.
  [[nodiscard]] bool split(part threw) {
    if (threw.count < 2 || batches_left_ < 2) return false;
    batches_left_ -= 2;
    const std::size_t half = threw.count / 2;
    parts_.push_back({threw.first + half, threw.count - half});
    parts_.push_back({threw.first, half});
    return true;
  }
  /// What is to be computed again next, if anything is.
  [[nodiscard]] std::optional<part> next() {
    if (parts_.empty()) return std::nullopt;
    const part last = parts_.back();
    parts_.pop_back();
    return last;
  }

 private:
  static constexpr std::size_t most_parts = 64;  ///< wait at once, of any batch there can be
  std::vector<part> parts_;  ///< to be computed, last first
  std::size_t batches_left_ = 0;
};

}  // namespace catena::detail
