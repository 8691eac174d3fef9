// SPDX-License-Identifier: BSL-1.0
#include "mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace catena::torch {
namespace {

[[noreturn]] void cannot_map(const std::string& path) { throw std::system_error(errno, std::generic_category(), path); }

/// Open while it is being mapped.
struct open_file {
  int fd;
  explicit open_file(const std::string& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd < 0) cannot_map(path);
  }
  ~open_file() { ::close(fd); }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
};

}  // namespace

mapped_file::mapped_file(const std::string& path) {
  const open_file file(path);
  struct stat status {};
  if (::fstat(file.fd, &status) != 0) cannot_map(path);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;  // nothing can be mapped, and there is nothing
  // Writable, since a model may write to its weights; no memory is set aside for the copies that hardly ever come to be.
  void* const begin = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.fd, 0);
  if (begin == MAP_FAILED) cannot_map(path);
  bytes_ = {static_cast<std::byte*>(begin), size};
}

/// Pages go piece by piece, because no other thread of the process can map or unmap anything meanwhile. The mapping goes at once,
/// because each time that one goes all threads are interrupted.
mapped_file::~mapped_file() {
  constexpr std::size_t piece = std::size_t{16} << 20;
  for (std::size_t from = 0; from < bytes_.size(); from += piece)
    ::madvise(bytes_.data() + from, std::min(piece, bytes_.size() - from), MADV_DONTNEED);
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace catena::torch
