// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A model that is loaded or compiled, on its device.
#include "batch_graphs.hpp"
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
  std::shared_ptr<unrecorded_sizes> unrecorded = std::make_shared<unrecorded_sizes>();

  /// What can be known of the options before the model is loaded.
  /// \errors catena::error: errc::model_not_found, device_unavailable; std::invalid_argument: a bad option
  static void check(const script_options& options);
  /// \param asleep  what is left of it from when it was there before; null: nothing
  /// \param host    where the archive is in host memory; null: nowhere
  /// \errors catena::error: errc::model_not_found, model_invalid, unsupported, device_memory
  [[nodiscard]] static script_program load(const script_options& options, c10::Device device, std::unique_ptr<loaded_model> asleep,
                                           const host_model* host, const model_log& say);

  /// An error of this model: "model 'risk': " and the text.
  [[nodiscard]] error refusal(errc code, std::string_view text, std::exception_ptr cause = {}) const;
};

/// Loads a model onto a device for whoever asks first, and keeps it there for as long as anybody has it.
/// \threads  safe
class script_source : public std::enable_shared_from_this<script_source> {
 public:
  /// \errors as script_program::check()
  script_source(const script_options& options, const log_hook& log);

  [[nodiscard]] const script_options& options() const noexcept { return options_; }
  [[nodiscard]] std::size_t device_count() const noexcept { return places_.size(); }
  [[nodiscard]] c10::Device device(std::size_t i) const { return places_.at(i).device; }
  /// Whether the archive may be kept in host memory, for a device.
  [[nodiscard]] bool has_host() const noexcept;
  /// \param device  its place among the options' devices
  /// \errors as script_program::load()
  [[nodiscard]] std::shared_ptr<const script_program> get(std::size_t device = 0);
  /// The archive in host memory, for this device.
  /// \errors catena::error: errc::model_not_found, model_invalid
  [[nodiscard]] std::shared_ptr<const host_model> get_host(std::size_t device);

 private:
  struct place {
    c10::Device device;
    std::weak_ptr<const host_model> host;
    std::weak_ptr<const script_program> loaded;
    std::unique_ptr<loaded_model> asleep;
  };

  void left(std::size_t device, std::unique_ptr<loaded_model> model);

  const script_options options_;
  const model_log say_;
  std::mutex mutex_;
  std::vector<place> places_;
};

/// The devices that the options name.
/// \errors catena::error: errc::device_unavailable; std::invalid_argument: none, one twice, or of several kinds
[[nodiscard]] std::vector<c10::Device> devices_of(const script_options& options);

}  // namespace catena::torch
