// SPDX-License-Identifier: BSL-1.0
// Packages of AOTInductor, where LibTorch has a loader for them (2.6). Unproven: written from its headers, never run.
#include "loaded_model.hpp"
#include "mapped_file.hpp"

#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

namespace catena::torch {
namespace {

/// All instances share one runner, which computes one batch at a time.
class package final : public loaded_model {
 public:
  explicit package(std::string file) : file_(std::move(file)), loader_(std::make_shared<loader>(file_)) {}

  tensor_function make_function() override {
    return [shared = loader_](const std::vector<at::Tensor>& inputs) { return shared->run(inputs); };
  }

  void save(whole_file& to) const override {
    const mapped_file from(file_);
    to.write(0, from.bytes().data(), from.bytes().size());
  }

 private:
  using loader = ::torch::inductor::AOTIModelPackageLoader;
  std::string file_;
  std::shared_ptr<loader> loader_;
};

}  // namespace

std::unique_ptr<loaded_model> load_package(const script_options& options, c10::Device) {
  expect_file(options);
  try {
    return std::make_unique<package>(options.file);
  } catch (const std::exception& e) {
    throw refusal_of(options, errc::model_invalid, "'" + options.file + "' is no package of AOTInductor: " + text_of(e),
                     std::current_exception());
  }
}

}  // namespace catena::torch
