// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The subjects that are catena: ways in which it serves. A new one is a line in ways.cpp.
#include <catena/torch/script_options.hpp>

#include <functional>
#include <string>
#include <vector>

namespace cuda {

struct way {
  std::string name;
  std::function<void(catena::torch::script_options& script)> choose;  ///< what of the script is not as usual
};

[[nodiscard]] const std::vector<way>& ways();

}  // namespace cuda
