// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// TorchScript archives for tests, and a folder for them.
#include <torch/script.h>

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace catena::test {

/// Removed in the end.
class scratch_folder {
 public:
  explicit scratch_folder(const std::string& of)
      : path_(std::filesystem::temp_directory_path() / ("catena_" + of + "_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~scratch_folder() { std::filesystem::remove_all(path_); }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::string& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

/// Two linear layers with random weights of a seed, a buffer and a constant of the code.
inline void save_layers(const std::string& file, std::int64_t in, std::int64_t hidden, std::int64_t out, std::uint64_t seed = 1) {
  at::manual_seed(seed);
  ::torch::jit::Module module("layers");
  module.register_parameter("first", at::randn({hidden, in}), false);
  module.register_parameter("second", at::randn({out, hidden}), false);
  module.register_buffer("offset", at::randn({out}));
  module.define(
      "def forward(self, x: Tensor) -> Tensor:\n"
      "    return torch.linear(torch.relu(torch.linear(x, self.first)), self.second) + self.offset * torch.arange(1, 2, device=x.device)\n");
  module.save(file);
}

}  // namespace catena::test
