// SPDX-License-Identifier: BSL-1.0
#define XXH_STATIC_LINKING_ONLY  // for the size of its state
#include <catena/cache/hasher.hpp>

#include <xxhash.h>

#include <cstring>
#include <new>

namespace catena {

std::string to_hex(const cache_key& key) {
  std::string text;
  for (const std::uint64_t bits : {key.high, key.low})
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[bits >> shift & 15];
  return text;
}

hash_secret::hash_secret(const std::array<std::uint64_t, 2>& key) noexcept {
  static_assert(sizeof bytes_ >= XXH3_SECRET_SIZE_MIN);
  std::array<std::uint64_t, 3> numbered{key[0], key[1], 0};
  for (std::size_t at = 0; at < sizeof bytes_; at += sizeof(XXH128_hash_t), ++numbered[2]) {
    const XXH128_hash_t part = XXH3_128bits_withSeed(numbered.data(), sizeof numbered, key[0] ^ numbered[2]);
    std::memcpy(bytes_.data() + at, &part, sizeof part);
  }
}

void hasher::append_streaming(const void* data, std::size_t size) noexcept {
  static_assert(sizeof(XXH3_state_t) <= sizeof state_ && alignof(XXH3_state_t) <= 64);
  auto* state = reinterpret_cast<XXH3_state_t*>(state_);
  if (!streaming_) {
    ::new (static_cast<void*>(state_)) XXH3_state_t;
    if (secret_) XXH3_128bits_reset_withSecret(state, secret_->bytes().data(), secret_->bytes().size());
    else XXH3_128bits_reset(state);
    XXH3_128bits_update(state, memory_, used_);
    streaming_ = true;
  }
  XXH3_128bits_update(state, data, size);
}

cache_key hasher::finish() noexcept {
  const XXH128_hash_t hash = streaming_ ? XXH3_128bits_digest(reinterpret_cast<const XXH3_state_t*>(state_))
                             : secret_  ? XXH3_128bits_withSecret(memory_, used_, secret_->bytes().data(), secret_->bytes().size())
                                        : XXH3_128bits(memory_, used_);
  return {hash.low64, hash.high64};
}

}  // namespace catena
