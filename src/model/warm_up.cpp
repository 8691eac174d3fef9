// SPDX-License-Identifier: BSL-1.0
#include <catena/model/warm_up.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace catena {

void check(const warm_up_options& options) {
  const auto bad = [](const std::string& text) { throw std::invalid_argument("warm_up_options::" + text); };
  if (!(options.tolerance >= 0 && options.tolerance <= 1)) bad("tolerance must be 0 to 1");
  if (options.max_runs > 10'000) bad("max_runs must be 0 to 10000, is " + std::to_string(options.max_runs));
  if (options.max_time <= duration{}) bad("max_time must be greater than zero");
  if (std::ranges::find(options.sizes, 0U) != options.sizes.end()) bad("sizes must be at least 1");
}

void steadiness::ran(duration took) noexcept {
  constexpr int at_once = 3;
  fastest_ = std::min(fastest_, took);
  if (++count_ % at_once != 0) return;
  if (count_ > at_once) {
    const double faster_by = 1 - std::chrono::duration<double>(fastest_) / std::max(before_, duration(1));
    is_steady_ = faster_by < tolerance_ || fastest_ >= before_;
  }
  before_ = std::exchange(fastest_, duration::max());
}

namespace detail {

std::vector<std::size_t> warm_up_sizes(const warm_up_options& options, const batch_options& batch) {
  if (options.max_runs == 0) return {};
  std::vector<std::size_t> sizes = options.sizes.empty() ? batch.allowed_sizes : options.sizes;
  if (sizes.empty()) {
    for (std::size_t n = 1; n < batch.max_size; n *= 2) sizes.push_back(n);
    sizes.push_back(batch.max_size);
  }
  std::ranges::sort(sizes);
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

}  // namespace detail
}  // namespace catena
