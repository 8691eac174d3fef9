// SPDX-License-Identifier: BSL-1.0
#include "content_hash.hpp"

#include <xxhash.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <new>
#include <system_error>
#include <vector>

namespace catena::torch {
namespace {

[[noreturn]] void cannot_read(const std::string& file) { throw std::system_error(errno, std::generic_category(), file); }

std::string in_hexadecimal(const XXH128_hash_t& hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  std::string text;
  for (const unsigned char byte : canonical.digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace

std::string content_hash(const std::string& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.c_str(), "rb"), &std::fclose);
  if (!in) cannot_read(file);
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  if (!state) throw std::bad_alloc();
  XXH3_128bits_reset(state.get());
  std::vector<std::byte> part(1 << 20);
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), in.get())) XXH3_128bits_update(state.get(), part.data(), size);
  if (std::ferror(in.get()) != 0) cannot_read(file);
  return in_hexadecimal(XXH3_128bits_digest(state.get()));
}

}  // namespace catena::torch
