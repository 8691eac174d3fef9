// SPDX-License-Identifier: BSL-1.0
// In place of package.cpp where LibTorch has no loader for packages of AOTInductor.
#include "loaded_model.hpp"

namespace catena::torch {

std::unique_ptr<loaded_model> load_package(const script_options& options, c10::Device) {
  throw refusal_of(options, errc::unsupported,
                   "'" + options.file + "' is a package of AOTInductor; LibTorch loads those from 2.6 on, this is " TORCH_VERSION);
}

}  // namespace catena::torch
