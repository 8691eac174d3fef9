// SPDX-License-Identifier: BSL-1.0
#include "whole_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace catena::torch {
namespace {

[[noreturn]] void cannot_write(const std::string& path) { throw std::system_error(errno, std::generic_category(), path); }

std::string temporary_beside(const std::string& path) {
  static std::atomic<unsigned> count{0};
  return path + "." + std::to_string(::getpid()) + "." + std::to_string(count++) + ".tmp";
}

}  // namespace

whole_file::whole_file(std::string path) : path_(std::move(path)), temporary_(temporary_beside(path_)) {
  // One that a process of this number left behind when it was killed is overwritten.
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) cannot_write(temporary_);
}

whole_file::~whole_file() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void whole_file::write(std::uint64_t offset, const void* data, std::size_t size) {
  const auto* from = static_cast<const std::byte*>(data);
  while (size != 0) {
    const ssize_t written = ::pwrite(fd_, from, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) cannot_write(temporary_);
    const auto step = static_cast<std::size_t>(written);
    from += step;
    offset += step;
    size -= step;
  }
}

void whole_file::appear() {
  if (::fdatasync(fd_) != 0) cannot_write(temporary_);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) cannot_write(path_);
  ::close(std::exchange(fd_, -1));
}

}  // namespace catena::torch
