// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Whether a module has changed.
#include "torch.hpp"

#include <optional>
#include <string>

namespace catena::torch {

/// What there is in a module but its weights' values: while that is the same, only writing into weights can have changed what it
/// computes. Nothing: it has something that cannot be looked into.
[[nodiscard]] std::optional<std::string> state_of(const ::torch::jit::Module& module);

}  // namespace catena::torch
