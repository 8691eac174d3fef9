// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What all of catena::torch includes of LibTorch, which takes seconds to compile.
#include <torch/script.h>
#include <torch/version.h>

#include <catena/torch/dtype.hpp>

#include <exception>
#include <optional>
#include <string>

namespace catena::torch {

[[nodiscard]] c10::ScalarType to_torch(dtype type);
[[nodiscard]] std::optional<dtype> from_torch(c10::ScalarType type);

/// A device has no memory for what was asked.
[[nodiscard]] bool is_out_of_memory(const std::exception& e);

/// What Torch says, without the C++ backtrace.
[[nodiscard]] std::string text_of(const std::exception& e);
[[nodiscard]] std::string text_of(const std::exception_ptr& e);

}  // namespace catena::torch
