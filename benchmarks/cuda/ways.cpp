// SPDX-License-Identifier: BSL-1.0
#include "ways.hpp"

namespace cuda {
namespace {

/// 1, 2, 4, ... and as many as a batch may have.
void pad(catena::torch::script_options& script) {
  std::vector<std::size_t>& sizes = script.batch.allowed_sizes;
  for (std::size_t size = 1; size < script.batch.max_size; size *= 2) sizes.push_back(size);
  sizes.push_back(script.batch.max_size);
}

}  // namespace

const std::vector<way>& ways() {
  static const std::vector<way> all{
      {"catena", [](catena::torch::script_options&) {}},
      {"catena_no_overlap", [](catena::torch::script_options& script) { script.batches_under_way = 1; }},
      {"catena_padded", pad},
      {"catena_graphs",
       [](catena::torch::script_options& script) {
         pad(script);
         script.graphs = catena::torch::graph_use::allowed_sizes;
       }},
  };
  return all;
}

}  // namespace cuda
