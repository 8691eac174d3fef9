// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// TorchScript modules whose weights lie in a mapped file.
#include "mapped_form.hpp"
#include "torch.hpp"

namespace catena::torch {

/// Writes the mapped form of a module.
/// \errors what LibTorch throws at a module that it cannot write; std::system_error: the file cannot be written
void write_mapped(const ::torch::jit::Module& module, const std::string& path, const mapped_origin& origin,
                  const std::string& source_hash);

/// The module of a mapped form. Each of its tensors keeps the mapping, by itself.
/// \errors what LibTorch throws
[[nodiscard]] ::torch::jit::Module module_of(const mapped_form& form, c10::Device device);

}  // namespace catena::torch
