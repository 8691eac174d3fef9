// SPDX-License-Identifier: BSL-1.0
#define XXH_STATIC_LINKING_ONLY  // for the size of its state
#include <catena/cache/hasher.hpp>

#include <xxhash.h>

#include <new>

namespace catena {

void hasher::append_streaming(const void* data, std::size_t size) noexcept {
  static_assert(sizeof(XXH3_state_t) <= sizeof state_ && alignof(XXH3_state_t) <= 64);
  auto* state = reinterpret_cast<XXH3_state_t*>(state_);
  if (!streaming_) {
    ::new (static_cast<void*>(state_)) XXH3_state_t;
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, memory_, used_);
    streaming_ = true;
  }
  XXH3_128bits_update(state, data, size);
}

cache_key hasher::finish() noexcept {
  const XXH128_hash_t hash = streaming_ ? XXH3_128bits_digest(reinterpret_cast<const XXH3_state_t*>(state_))
                                        : XXH3_128bits(memory_, used_);
  return {hash.low64, hash.high64};
}

}  // namespace catena
