// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A file as memory.
#include <cstddef>
#include <span>
#include <string>

namespace catena::torch {

/// A file mapped privately: all processes that map it share its pages, and a page that is written to becomes this process's own.
class mapped_file {
 public:
  /// \errors std::system_error: it cannot be opened or mapped
  explicit mapped_file(const std::string& path);
  ~mapped_file();
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

}  // namespace catena::torch
