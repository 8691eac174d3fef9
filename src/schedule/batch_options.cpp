// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/batch_options.hpp>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>

namespace catena {
namespace {

void check_count(const char* member, std::size_t value, std::size_t least, std::size_t most) {
  if (value < least || value > most)
    throw std::invalid_argument("batch_options::" + std::string(member) + " must be " + std::to_string(least) + " to " +
                                std::to_string(most) + ", is " + std::to_string(value));
}

}  // namespace

std::size_t padded_size(const batch_options& options, std::size_t rows) noexcept {
  const auto next = std::ranges::lower_bound(options.allowed_sizes, rows);
  return rows == 0 || next == options.allowed_sizes.end() ? rows : *next;
}

void check(const batch_options& options) {
  check_count("max_size", options.max_size, 1, 65'536);
  check_count("max_shapes", options.max_shapes, 1, 1024);
  if (options.max_delay < duration{} || options.max_delay > std::chrono::hours(1))
    throw std::invalid_argument("batch_options::max_delay must be 0 to 1 hour");
  const auto& sizes = options.allowed_sizes;
  if (sizes.empty()) return;
  if (sizes.front() == 0 || std::ranges::adjacent_find(sizes, std::greater_equal{}) != sizes.end())
    throw std::invalid_argument("batch_options::allowed_sizes must be ascending and at least 1");
  if (sizes.back() < options.max_size)
    throw std::invalid_argument("batch_options::allowed_sizes must reach max_size (" + std::to_string(options.max_size) +
                                "), the last is " + std::to_string(sizes.back()));
}

}  // namespace catena
