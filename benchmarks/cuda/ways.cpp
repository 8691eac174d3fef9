// SPDX-License-Identifier: BSL-1.0
#include "ways.hpp"

namespace cuda {

const std::vector<way>& ways() {
  static const std::vector<way> all{
      {"catena", [](catena::torch::script_options&) {}},
      {"catena_no_overlap", [](catena::torch::script_options& script) { script.batches_under_way = 1; }},
  };
  return all;
}

}  // namespace cuda
