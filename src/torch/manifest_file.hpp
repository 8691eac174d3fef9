// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Writing manifests.
#include <catena/torch/manifest.hpp>

namespace catena::torch {

/// Writes the manifest of a model's file.
/// \errors std::system_error
void write_manifest(const std::string& file, const manifest& m);

}  // namespace catena::torch
