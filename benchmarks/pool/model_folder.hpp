// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Where the large model lies while the program runs.
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

#include "big_model.hpp"

namespace pool {

/// A folder in the build tree, with the model in it; removed when the program ends.
class model_folder {
 public:
  explicit model_folder(std::int64_t width)
      : path_(std::filesystem::read_symlink("/proc/self/exe").parent_path() / ("pool_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
    write_big_model(file(), width);
  }
  ~model_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  model_folder(const model_folder&) = delete;
  model_folder& operator=(const model_folder&) = delete;
  [[nodiscard]] std::string file() const { return (path_ / "big.pt").string(); }
  [[nodiscard]] std::string mapped_file() const { return file() + ".mapped"; }

 private:
  std::filesystem::path path_;
};

/// The width of its layers: 537 MB, or half of one when quick.
[[nodiscard]] constexpr std::int64_t big_width(bool quick) noexcept { return quick ? 128 : 4096; }

/// The one folder of this program, made when it is asked for first.
[[nodiscard]] inline const model_folder& the_folder(bool quick) {
  static const model_folder folder(big_width(quick));
  return folder;
}

}  // namespace pool
