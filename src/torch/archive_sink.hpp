// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Where LibTorch's archive writer writes to.
#include "whole_file.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>

namespace catena::torch {

/// Appends to a file. A disk that is full is told in the end: the writer's destructor writes as well, and ends the process if it
/// finds that it cannot.
class archive_sink {
 public:
  archive_sink(whole_file& to, std::uint64_t offset) noexcept : to_(to), offset_(offset) {}

  std::size_t write(const void* data, std::size_t size) noexcept {
    try {
      if (!failed_) to_.write(offset_ + size_, data, size);
    } catch (...) {
      failed_ = std::current_exception();
    }
    size_ += size;
    return size;
  }

  /// How much was written.
  /// \errors std::system_error: not all of it
  [[nodiscard]] std::uint64_t finish() const {
    if (failed_) std::rethrow_exception(failed_);
    return size_;
  }

 private:
  whole_file& to_;
  std::uint64_t offset_;
  std::uint64_t size_ = 0;
  std::exception_ptr failed_;
};

}  // namespace catena::torch
