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

const catena::batch_options& options_of(const std::string& policy) {
  for (const auto& [name, options] : all())
    if (name == policy) return options;
  throw std::logic_error("no policy " + policy);
}

}  // namespace

std::vector<std::string> policies() {
  std::vector<std::string> names;
  for (const auto& [name, options] : all()) names.push_back(name);
  return names;
}

catena::torch::script_options script_with(const bench::network& net, const std::string& policy, std::size_t queue_capacity) {
  catena::torch::script_options script = bench::script_of(net);
  script.warm_up.max_runs = 0;  // it would teach the policy what batches cost, and to learn that is a part of each run
  script.batch = options_of(policy);
  script.queue.capacity = queue_capacity;
  return script;
}

std::vector<bench::reading> learning_readings(const catena::model_stats& stats) {
  if (stats.learning_time == catena::duration{}) return {};
  return {{"learnt_ms", std::chrono::duration<double, std::milli>(stats.learning_time).count()}};
}

}  // namespace batching
