// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A model that is loaded or compiled, on its device.
#include "loaded_model.hpp"

#include <catena/error.hpp>

#include <exception>
#include <memory>
#include <string_view>
#include <vector>

namespace catena::torch {

/// What all instances of one model share.
struct script_program {
  script_options options;
  c10::Device device;
  std::vector<input_options> inputs;    ///< one or several
  std::vector<output_options> outputs;  ///< one or several
  std::unique_ptr<loaded_model> model;

  /// \errors catena::error: errc::model_not_found, model_invalid, device_unavailable, unsupported; std::invalid_argument: a bad option
  [[nodiscard]] static script_program load(const script_options& options, const log_hook& log);

  /// An error of this model: "model 'risk': " and the text.
  [[nodiscard]] error refusal(errc code, std::string_view text, std::exception_ptr cause = {}) const;
};

}  // namespace catena::torch
