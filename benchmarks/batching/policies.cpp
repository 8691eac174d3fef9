// SPDX-License-Identifier: BSL-1.0
#include "policies.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>

namespace batching {
namespace {

using namespace std::chrono_literals;
using named_options = std::pair<std::string, catena::batch_options>;

const std::vector<named_options>& all() {
  static const std::vector<named_options> known{
      {"default", {.max_size = max_batch}},
      {"none", {.max_size = 1}},
      {"greedy", {.max_size = max_batch, .policy = catena::greedy_batching{}}},
      {"preferred8_1ms", {.max_size = max_batch, .max_delay = 1ms, .policy = catena::preferred_batching({8})}},
      {"window_8_100ms", {.max_size = max_batch, .policy = catena::window_batching(8, 100ms)}},
  };
  return known;
}

}  // namespace

std::vector<std::string> policies() {
  std::vector<std::string> names;
  for (const auto& [name, options] : all()) names.push_back(name);
  return names;
}

const catena::batch_options& options_of(const std::string& policy) {
  for (const auto& [name, options] : all())
    if (name == policy) return options;
  throw std::logic_error("no policy " + policy);
}

std::vector<bench::reading> learning_readings(const catena::model_stats& stats) {
  if (stats.learning_time == catena::duration{}) return {};
  return {{"learnt_ms", std::chrono::duration<double, std::milli>(stats.learning_time).count()}};
}

}  // namespace batching
