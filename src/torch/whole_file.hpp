// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A file that appears whole, or not at all.
#include <cstddef>
#include <cstdint>
#include <string>

namespace catena::torch {

/// Written beside its place under a name of its own, and renamed when it is complete: readers see the old file or the new one,
/// whoever has the old one open keeps it, and of several writers the last one wins.
class whole_file {
 public:
  /// \errors std::system_error: it cannot be made there
  explicit whole_file(std::string path);
  ~whole_file();  ///< removes what did not appear
  whole_file(const whole_file&) = delete;
  whole_file& operator=(const whole_file&) = delete;

  /// Where it is being written.
  [[nodiscard]] const std::string& temporary() const noexcept { return temporary_; }
  /// \errors std::system_error: the disk is full
  void write(std::uint64_t offset, const void* data, std::size_t size);
  /// Puts it in its place, once the disk has it.
  /// \errors std::system_error
  void appear();

 private:
  std::string path_;
  std::string temporary_;
  int fd_ = -1;
};

}  // namespace catena::torch
