// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A model that is loaded or compiled, on its device.
#include "loaded_model.hpp"

#include <catena/error.hpp>

#include <exception>
#include <memory>
#include <mutex>
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
  model_log say;

  /// What can be known of the options before the model is loaded.
  /// \errors catena::error: errc::model_not_found, device_unavailable; std::invalid_argument: a bad option
  static void check(const script_options& options);
  /// \errors as check(), and catena::error: errc::model_invalid, unsupported
  [[nodiscard]] static script_program load(const script_options& options, const log_hook& log);

  /// An error of this model: "model 'risk': " and the text.
  [[nodiscard]] error refusal(errc code, std::string_view text, std::exception_ptr cause = {}) const;
};

/// Loads a model for whoever asks first, and keeps it for as long as anybody has it.
/// \threads  safe
class script_source {
 public:
  /// \errors as script_program::check()
  script_source(const script_options& options, log_hook log);

  [[nodiscard]] const script_options& options() const noexcept { return options_; }
  /// \errors as script_program::load()
  [[nodiscard]] std::shared_ptr<const script_program> get();

 private:
  const script_options options_;
  const log_hook log_;
  std::mutex mutex_;
  std::weak_ptr<const script_program> loaded_;
};

/// The device that the options name.
/// \errors catena::error: errc::device_unavailable
[[nodiscard]] c10::Device device_of(const script_options& options);

}  // namespace catena::torch
