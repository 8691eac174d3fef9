// SPDX-License-Identifier: BSL-1.0
#include "script_program.hpp"

#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <filesystem>
#include <mutex>
#include <stdexcept>

namespace catena::torch {
namespace {

error refusal_of(const script_options& options, errc code, std::string_view text, std::exception_ptr cause = {}) {
  return error(failure(code, "model '" + options.name + "': " + std::string(text)).with_cause(std::move(cause)));
}

void check_shape(const char* member, const std::vector<std::int64_t>& shape) {
  for (const std::int64_t extent : shape)
    if (extent < 1)
      throw std::invalid_argument("script_options::" + std::string(member) + ".shape must have extents of at least 1, has " +
                                  std::to_string(extent));
}

void check_options(const script_options& options) {
  check(model_options{.name = options.name, .version = options.version, .batch = options.batch, .instances = options.instances});
  if (options.file.empty() == options.source.empty())
    throw std::invalid_argument("script_options of '" + options.name + "': give either file or source");
  if (options.method.empty()) throw std::invalid_argument("script_options::method must not be empty");
  check_shape("input", options.input.shape);
  check_shape("output", options.output.shape);
}

c10::Device device_of(const script_options& options) {
  c10::Device device(c10::kCPU);
  try {
    device = c10::Device(options.device);
  } catch (const std::exception&) {
    throw refusal_of(options, errc::device_unavailable, "there is no device '" + options.device + "'; expected cpu, cuda or cuda:N");
  }
  if (device.is_cpu()) return c10::Device(c10::kCPU);
  const std::string unavailable = "device '" + options.device + "' is not available: ";
  if (!c10::impl::hasDeviceGuardImpl(device.type()))
    throw refusal_of(options, errc::device_unavailable, unavailable + "this LibTorch has none of its kind");
  const int count = c10::impl::VirtualGuardImpl(device.type()).deviceCount();
  const auto index = device.has_index() ? device.index() : c10::DeviceIndex{0};
  if (index >= count)
    throw refusal_of(options, errc::device_unavailable, unavailable + "there are " + std::to_string(count) + " of its kind");
  return c10::Device(device.type(), index);
}

::torch::jit::Module load_file(const script_options& options, c10::Device device) {
  std::error_code ec;
  const auto status = std::filesystem::status(options.file, ec);
  if (!std::filesystem::exists(status))
    throw refusal_of(options, errc::model_not_found, "there is no file '" + options.file + "'");
  if (std::filesystem::is_directory(status))
    throw refusal_of(options, errc::model_invalid, "'" + options.file + "' is a folder, expected a TorchScript file");
  try {
    return ::torch::jit::load(options.file, device);
  } catch (const std::exception& e) {
    throw refusal_of(options, errc::model_invalid, "'" + options.file + "' is not TorchScript: " + text_of(e), std::current_exception());
  }
}

::torch::jit::Module compile(const script_options& options, c10::Device device) {
  try {
    ::torch::jit::Module module("model");
    module.define(options.source);
    module.to(device);
    return module;
  } catch (const std::exception& e) {
    throw refusal_of(options, errc::model_invalid, "its source does not compile: " + text_of(e), std::current_exception());
  }
}

void expect_method(const script_options& options, const ::torch::jit::Module& module) {
  if (module.find_method(options.method)) return;
  std::string present;
  for (const auto& method : module.get_methods()) present += (present.empty() ? "" : ", ") + method.name();
  throw refusal_of(options, errc::model_invalid,
                   "there is no method '" + options.method + "' in it; it has " + (present.empty() ? "none" : present));
}

/// Parallelism comes from instances: a second pool of threads inside each batch would fight with them for the cores.
void use_one_thread_per_batch() {
  static std::once_flag once;
  std::call_once(once, [] { at::set_num_threads(1); });
}

}  // namespace

std::string text_of(const std::exception& e) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&e);
  std::string text = torch_error ? torch_error->what_without_backtrace() : e.what();
  const auto begin = text.find_first_not_of(" \n\t");
  const auto end = text.find_last_not_of(" \n\t");
  return begin == std::string::npos ? "no reason given" : text.substr(begin, end - begin + 1);
}

c10::ScalarType to_torch(dtype type) {
  switch (type) {
    case dtype::float32: return c10::kFloat;
    case dtype::float64: return c10::kDouble;
    case dtype::int8: return c10::kChar;
    case dtype::int16: return c10::kShort;
    case dtype::int32: return c10::kInt;
    case dtype::int64: return c10::kLong;
    case dtype::uint8: return c10::kByte;
    case dtype::boolean: return c10::kBool;
  }
  throw std::invalid_argument("script_options: no such dtype");
}

error script_program::refusal(errc code, std::string_view text, std::exception_ptr cause) const {
  return refusal_of(options, code, text, std::move(cause));
}

script_program script_program::load(const script_options& options) {
  check_options(options);
  use_one_thread_per_batch();
  const c10::Device device = device_of(options);
  auto module = options.file.empty() ? compile(options, device) : load_file(options, device);
  expect_method(options, module);
  module.eval();
  return {options, device, std::move(module)};
}

}  // namespace catena::torch
