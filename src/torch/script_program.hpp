// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A TorchScript module loaded or compiled, on its device.
#include <torch/script.h>

#include <catena/error.hpp>
#include <catena/torch/script_options.hpp>

#include <exception>
#include <string>
#include <string_view>

namespace catena::torch {

/// What all instances of one model share.
struct script_program {
  script_options options;
  c10::Device device;
  ::torch::jit::Module module;

  /// \errors catena::error: errc::model_not_found, model_invalid, device_unavailable; std::invalid_argument: a bad option
  [[nodiscard]] static script_program load(const script_options& options);

  /// An error of this model: "model 'risk': " and the text.
  [[nodiscard]] error refusal(errc code, std::string_view text, std::exception_ptr cause = {}) const;
};

[[nodiscard]] c10::ScalarType to_torch(dtype type);

/// What Torch says, without the C++ backtrace.
[[nodiscard]] std::string text_of(const std::exception& e);

}  // namespace catena::torch
