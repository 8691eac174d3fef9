// SPDX-License-Identifier: BSL-1.0
#include "policies.hpp"

#include <stdexcept>
#include <utility>

namespace batching {
namespace {

using named_options = std::pair<std::string, catena::batch_options>;

const std::vector<named_options>& all() {
  static const std::vector<named_options> known{
      {"none", {.max_size = 1}},
      {"greedy", {.max_size = max_batch}},
  };
  return known;
}

}  // namespace

std::vector<std::string> policies() {
  std::vector<std::string> names;
  for (const auto& [name, options] : all()) names.push_back(name);
  return names;
}

catena::batch_options options_of(const std::string& policy, std::size_t queue_capacity) {
  for (auto [name, options] : all()) {
    if (name != policy) continue;
    options.queue_capacity = queue_capacity;
    return options;
  }
  throw std::logic_error("no policy " + policy);
}

std::vector<bench::reading> learning_readings(const catena::model_stats&) { return {}; }

}  // namespace batching
