// SPDX-License-Identifier: BSL-1.0
#include "script_program.hpp"
#include "tensor_spec.hpp"

#include <catena/torch/manifest.hpp>

#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/jit/passes/tensorexpr_fuser.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>
#include <stdexcept>

namespace catena::torch {
namespace {

void check_extents(const std::string& member, const std::vector<std::int64_t>& shape) {
  for (const std::int64_t extent : shape)
    if (extent < 1 && extent != any_extent)
      throw std::invalid_argument("script_options::" + member + ".shape must have extents of at least 1, or any_extent, has " +
                                  std::to_string(extent));
}

template <class Spec>
void check_specs(const std::string& member, const Spec& one, const std::vector<Spec>& several) {
  check_extents(member, one.shape);
  if (several.empty()) return;
  if (one != Spec{}) throw std::invalid_argument("script_options: give either " + member + " or " + member + "s");
  std::set<std::string> names;
  for (const Spec& spec : several) {
    check_extents(member + "s", spec.shape);
    if (spec.name.empty()) throw std::invalid_argument("script_options::" + member + "s must have names");
    if (!names.insert(spec.name).second)
      throw std::invalid_argument("script_options::" + member + "s has two of the name '" + spec.name + "'");
  }
}

bool is_package(const std::string& file) { return std::filesystem::path(file).extension() == ".pt2"; }

void check_loading(const script_options& options) {
  if (options.file.empty() == options.source.empty())
    throw std::invalid_argument("script_options of '" + options.name + "': give either file or source");
  if (options.load == loading::mapped && options.file.empty())
    throw std::invalid_argument("script_options::load is loading::mapped, which needs a file");
  if (is_package(options.file) && (options.load == loading::mapped || options.optimise != optimisation::none ||
                                   options.compute_in != precision::as_saved))
    throw std::invalid_argument("script_options of '" + options.name + "': load, optimise and compute_in are for TorchScript, not for a .pt2");
}

void check_graphs(const script_options& options) {
  if (options.graphs == graph_use::none) return;
  const std::string needs = "script_options::graphs is graph_use::allowed_sizes, which needs ";
  if (options.batch.allowed_sizes.empty()) throw std::invalid_argument(needs + "batch.allowed_sizes");
  if (is_package(options.file)) throw std::invalid_argument(needs + "TorchScript, not a .pt2");
  if (std::ranges::any_of(inputs_of(options), [](const input_options& input) { return is_open(input.shape); }))
    throw std::invalid_argument(needs + "inputs of fixed shapes, without any_extent");
}

void check_recorder(const script_options& options, const c10::Device& device) {
  if (options.graphs == graph_use::none || recorder_of(device.type())) return;
  throw refusal_of(options, errc::unsupported,
                   device.is_cuda() ? "graphs: this build records none; it needs a LibTorch with CUDA, 2.3 or later"
                                    : "graphs: device '" + device.str() + "' has none; expected cuda or cuda:N");
}

void check_options(const script_options& options) {
  check(model_options{.name = options.name, .version = options.version, .batch = options.batch, .instances = options.instances,
                      .batches_under_way = options.batches_under_way});
  check_loading(options);
  if (options.method.empty()) throw std::invalid_argument("script_options::method must not be empty");
  if (options.intra_op_threads > 1024)
    throw std::invalid_argument("script_options::intra_op_threads must be 0 to 1024, is " + std::to_string(options.intra_op_threads));
  if (options.warm_up_extents.empty() || std::ranges::any_of(options.warm_up_extents, [](std::int64_t extent) { return extent < 1; }))
    throw std::invalid_argument("script_options::warm_up_extents must have one or more, each at least 1");
  check_specs("input", options.input, options.inputs);
  check_specs("output", options.output, options.outputs);
  check_graphs(options);
}

c10::Device device_named(const script_options& options, const std::string& name) {
  c10::Device device(c10::kCPU);
  try {
    device = c10::Device(name);
  } catch (const std::exception&) {
    throw refusal_of(options, errc::device_unavailable, "there is no device '" + name + "'; expected cpu, cuda or cuda:N");
  }
  if (device.is_cpu()) return c10::Device(c10::kCPU);
  const std::string unavailable = "device '" + name + "' is not available: ";
  if (!c10::impl::hasDeviceGuardImpl(device.type()))
    throw refusal_of(options, errc::device_unavailable, unavailable + "this LibTorch has none of its kind");
  const int count = c10::impl::VirtualGuardImpl(device.type()).deviceCount();
  const auto index = device.has_index() ? device.index() : c10::DeviceIndex{0};
  if (index >= count)
    throw refusal_of(options, errc::device_unavailable, unavailable + "there are " + std::to_string(count) + " of its kind");
  return c10::Device(device.type(), index);
}

/// LibTorch has one number of them for all models. To change it while a model computes would be a race.
void use_threads(const script_options& options) {
  static std::size_t said = 0;
  if (options.intra_op_threads == 0) return;
  if (said != 0 && said != options.intra_op_threads)
    throw std::invalid_argument("script_options::intra_op_threads of '" + options.name + "' is " +
                                std::to_string(options.intra_op_threads) + "; another model of this process has said " +
                                std::to_string(said) + ", and LibTorch has one number for all");
  if (said == 0) at::set_num_threads(static_cast<int>(options.intra_op_threads));
  said = options.intra_op_threads;
}

void use_fusion(const script_options& options) {
  static kernel_fusion said = kernel_fusion::unchanged;
  if (options.fusion == kernel_fusion::unchanged) return;
  if (said != kernel_fusion::unchanged && said != options.fusion)
    throw std::invalid_argument("script_options::fusion of '" + options.name + "' is " +
                                (options.fusion == kernel_fusion::on ? "on" : "off") +
                                "; another model of this process has said the contrary, and LibTorch has one switch for all");
  if (said == kernel_fusion::unchanged) ::torch::jit::setTensorExprFuserEnabled(options.fusion == kernel_fusion::on);
  said = options.fusion;
}

/// What LibTorch has one of for the whole process.
void settle_process(const script_options& options) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  use_threads(options);
  use_fusion(options);
}

/// What the manifest beside the file says is as good as what the options say: both must agree.
/// \return what the file is known by; empty: there is no manifest
std::string hash_in_manifest(const script_options& options) {
  if (options.file.empty()) return {};
  const auto saved = read_manifest(options.file);
  if (!saved) return {};
  const std::string difference = difference_between(*saved, options);
  if (!difference.empty())
    throw refusal_of(options, errc::model_invalid, "'" + options.file + "' is not what its options say: " + difference);
  return saved->content_hash;
}

}  // namespace

error refusal_of(const script_options& options, errc code, std::string_view text, std::exception_ptr cause) {
  return error(failure(code, "model '" + options.name + "': " + std::string(text)).with_cause(std::move(cause)));
}

void expect_file(const script_options& options) {
  std::error_code ec;
  const auto status = std::filesystem::status(options.file, ec);
  if (!std::filesystem::exists(status))
    throw refusal_of(options, errc::model_not_found, "there is no file '" + options.file + "'");
  if (std::filesystem::is_directory(status))
    throw refusal_of(options, errc::model_invalid, "'" + options.file + "' is a folder, expected a TorchScript file");
}

std::vector<input_options> inputs_of(const script_options& options) {
  return options.inputs.empty() ? std::vector{options.input} : options.inputs;
}

std::vector<output_options> outputs_of(const script_options& options) {
  return options.outputs.empty() ? std::vector{options.output} : options.outputs;
}

error script_program::refusal(errc code, std::string_view text, std::exception_ptr cause) const {
  return refusal_of(options, code, text, std::move(cause));
}

std::vector<c10::Device> devices_of(const script_options& options) {
  const auto bad = [&](const std::string& text) {
    throw std::invalid_argument("script_options::devices of '" + options.name + "' " + text);
  };
  if (options.devices.empty()) bad("must not be empty");
  std::vector<c10::Device> devices;
  for (const std::string& name : options.devices) {
    const c10::Device device = device_named(options, name);
    if (!devices.empty() && devices.front().type() != device.type())
      bad("must be of one kind, has '" + options.devices.front() + "' and '" + name + "'");
    if (std::ranges::find(devices, device) != devices.end()) bad("has '" + device.str() + "' twice");
    devices.push_back(device);
  }
  return devices;
}

bool is_on_cpu(const script_options& options) { return devices_of(options).front().is_cpu(); }

void script_program::check(const script_options& options) {
  check_options(options);
  check_recorder(options, devices_of(options).front());
  if (!options.file.empty() && !is_package(options.file)) expect_file(options);
}

script_program script_program::load(const script_options& options, c10::Device device, std::unique_ptr<loaded_model> asleep,
                                    const host_model* host, const model_log& say) {
  try {
    auto model = asleep && asleep->wake(hash_in_manifest(options)) ? std::move(asleep)
                 : is_package(options.file)                        ? load_package(options, device)
                 : host                                            ? host->place(device)
                                                                   : load_script(options, hash_in_manifest(options), device, say);
    // Weights that were cast or folded there may still be under way, on this thread's stream; batches have streams of their own.
    if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).getStream(device).synchronize();
    return {options, device, inputs_of(options), outputs_of(options), std::move(model), say};
  } catch (const error& e) {
    if (!is_out_of_memory(e)) throw;
    throw error(failure(errc::device_memory, e.why().message()).with_cause(e.why().cause()));
  } catch (const std::exception& e) {
    throw refusal_of(options, is_out_of_memory(e) ? errc::device_memory : errc::model_invalid,
                     "it cannot be brought to device '" + device.str() + "': " + text_of(e), std::current_exception());
  }
}

script_source::script_source(const script_options& options, const log_hook& log)
    : options_(options), say_([log, component = "model/" + options.name](log_level level, const std::string& text) {
        if (log) log(level, component, text);
      }) {
  script_program::check(options);
  for (const c10::Device device : devices_of(options)) places_.push_back({device, {}, {}, {}});
}

bool script_source::has_host() const noexcept { return !places_.front().device.is_cpu() && !is_package(options_.file); }

std::shared_ptr<const script_program> script_source::get(std::size_t device) {
  const std::lock_guard lock(mutex_);
  place& there = places_.at(device);
  if (auto program = there.loaded.lock()) return program;
  settle_process(options_);
  const auto host = there.host.lock();
  auto made = std::make_unique<script_program>(
      script_program::load(options_, there.device, std::move(there.asleep), host.get(), say_));
  const std::shared_ptr<const script_program> program(made.release(), [self = weak_from_this(), device](script_program* leaving) {
    const std::unique_ptr<script_program> dropped(leaving);
    if (const auto source = self.lock()) source->left(device, std::move(dropped->model));
  });
  there.loaded = program;
  return program;
}

void script_source::left(std::size_t device, std::unique_ptr<loaded_model> model) {
  if (!model->sleep()) return;
  const std::lock_guard lock(mutex_);
  places_[device].asleep = std::move(model);
}

std::shared_ptr<const host_model> script_source::get_host(std::size_t device) {
  const std::lock_guard lock(mutex_);
  place& there = places_.at(device);
  auto host = there.host.lock();
  if (!host) there.host = host = read_script(options_, hash_in_manifest(options_));
  return host;
}

}  // namespace catena::torch
