// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// TorchScript modules whose weights lie in a mapped file.
#include "mapped_form.hpp"
#include "torch.hpp"

#include <c10/core/Storage.h>

#include <string>
#include <vector>

namespace catena::torch {

/// Where the weights of a module lie in a mapped file. They can leave, and what stays is code, which takes milliseconds to parse.
class mapped_weights {
 public:
  explicit mapped_weights(const mapped_form& form);

  [[nodiscard]] const std::vector<c10::Storage>& storages() const noexcept { return storages_; }
  /// Until they come back the module must not be called.
  void leave() const;
  /// False: the file has other ones.
  [[nodiscard]] bool come_back(const mapped_form& form) const;

 private:
  std::string source_hash_;
  std::vector<weights_range> ranges_;
  std::vector<c10::Storage> storages_;  ///< of those
};

/// Writes the mapped form of a module.
/// \errors what LibTorch throws at a module that it cannot write; std::system_error: the file cannot be written
void write_mapped(const ::torch::jit::Module& module, const std::string& path, const mapped_origin& origin,
                  const std::string& source_hash);

/// The module of a mapped form. Each of its weights keeps the mapping, by itself.
/// \errors what LibTorch throws
[[nodiscard]] ::torch::jit::Module module_of(const mapped_form& form, const mapped_weights& weights, c10::Device device);

}  // namespace catena::torch
