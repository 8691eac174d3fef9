// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How a TorchScript archive becomes a module: copied into memory, or mapped.
#include "loaded_model.hpp"
#include "mapped_module.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace catena::torch {

/// A module as it was loaded.
struct loaded_module {
  ::torch::jit::Module module;
  std::optional<mapped_weights> weights = {};  ///< nothing: they are not mapped
};

/// \param hash  what the archive's manifest says that it is known by; empty: there is none
/// \errors catena::error: errc::model_not_found, model_invalid
[[nodiscard]] loaded_module load_archive(const script_options& options, const std::string& hash, c10::Device device,
                                         const model_log& log);

/// The mapped form that is there; null: there is none, or it cannot be used.
/// \errors catena::error: errc::model_not_found; model_invalid: it is of another archive than the manifest
[[nodiscard]] std::shared_ptr<const mapped_form> open_mapped_form(const script_options& options, const std::string& hash,
                                                                  std::string& why_not);

/// Reads an archive, or maps its form, from where it is loaded again and again without its file.
/// \errors catena::error: errc::model_not_found, model_invalid; what LibTorch throws
[[nodiscard]] std::function<::torch::jit::Module(c10::Device)> read_archive(const script_options& options, const std::string& hash);

}  // namespace catena::torch
