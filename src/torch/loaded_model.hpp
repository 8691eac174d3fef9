// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a model file becomes: something that makes functions from tensors to tensors. One file for each kind of model.
#include "torch.hpp"
#include "whole_file.hpp"

#include <catena/error.hpp>
#include <catena/log.hpp>
#include <catena/torch/script_options.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace catena::torch {

/// Called by one thread at a time.
/// \errors  std::exception: the model threw; catena::error: what it answered are no tensors
using tensor_function = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>;

class loaded_model {
 public:
  virtual ~loaded_model() = default;
  /// One for each instance; they share the weights and nothing else.
  [[nodiscard]] virtual tensor_function make_function() = 0;
  /// \errors what LibTorch throws at a model that it cannot write; std::system_error
  virtual void save(whole_file& to) const = 0;

  /// Gives its weights back and keeps its code, for which it takes longer to be loaded; false: there is none worth keeping. There
  /// must be no functions of it.
  [[nodiscard]] virtual bool sleep() { return false; }
  /// Has its weights again, as though it were loaded now; false: it must be loaded anew.
  /// \param hash  as load_script() has it
  /// \errors as load_script()
  [[nodiscard]] virtual bool wake([[maybe_unused]] const std::string& hash) { return false; }
};

/// A model's archive in host memory, or mapped into it, from where it is loaded onto devices without its file.
class host_model {
 public:
  virtual ~host_model() = default;
  /// \errors as load_script()
  [[nodiscard]] virtual std::unique_ptr<loaded_model> place(c10::Device device) const = 0;
};

/// Says something of one model in the log.
using model_log = std::function<void(log_level, const std::string&)>;

/// A TorchScript archive, or text.
/// \param hash  what the archive's manifest says that it is known by; empty: there is none
/// \errors catena::error: errc::model_not_found, model_invalid
[[nodiscard]] std::unique_ptr<loaded_model> load_script(const script_options& options, const std::string& hash, c10::Device device,
                                                        const model_log& log);
/// The same for several places, or for the same one again.
[[nodiscard]] std::unique_ptr<host_model> read_script(const script_options& options, const std::string& hash);

/// A package of AOTInductor.
/// \errors catena::error: errc::model_not_found, model_invalid; errc::unsupported: this LibTorch has no loader for it
[[nodiscard]] std::unique_ptr<loaded_model> load_package(const script_options& options, c10::Device device);

/// An error of a model: "model 'risk': " and the text.
[[nodiscard]] error refusal_of(const script_options& options, errc code, std::string_view text, std::exception_ptr cause = {});

/// \errors catena::error: errc::model_not_found: no such file; errc::model_invalid: a folder
void expect_file(const script_options& options);

/// The inputs and outputs, one or several.
[[nodiscard]] std::vector<input_options> inputs_of(const script_options& options);
[[nodiscard]] std::vector<output_options> outputs_of(const script_options& options);

}  // namespace catena::torch
