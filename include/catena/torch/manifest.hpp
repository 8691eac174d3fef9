// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is written beside a saved model: which model it is, what its bytes are known by, what it takes and answers.
#include <catena/torch/script_options.hpp>

#include <optional>
#include <string>
#include <vector>

namespace catena::torch {

/// The file beside `risk.pt` is `risk.pt.json`.
struct manifest {
  std::string name = {};
  std::string version = {};
  std::string method = {};
  precision compute_in = precision::as_saved;
  std::vector<input_options> inputs = {};
  std::vector<output_options> outputs = {};
  std::string content_hash = {};  ///< XXH3-128 of the model's file, as 32 hexadecimal digits
  std::string libtorch = {};      ///< the version that saved it
};

/// The manifest of a model's file; nothing where there is none.
/// \errors catena::error: errc::model_invalid: it is no manifest
[[nodiscard]] std::optional<manifest> read_manifest(const std::string& file);

/// Options that load a saved model as it was saved, for the rest to be filled in:
///
///     auto options = catena::torch::saved_model("risk.pt");
///     options.instances = 2;
///
/// \errors catena::error: errc::model_not_found: it has no manifest; errc::model_invalid
[[nodiscard]] script_options saved_model(const std::string& file);

/// Where options and manifest contradict each other in what they say of method, types, inputs and outputs; empty: nowhere.
/// Name and version may differ.
[[nodiscard]] std::string difference_between(const manifest& saved, const script_options& options);

}  // namespace catena::torch
