// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A small number for each thread, so that each can count for itself.
#include <cstddef>
#include <cstdint>

namespace catena::detail {

/// A number below `count` that no other thread has while this one lives; where there are more threads than numbers, those that came
/// too late have the number `shared` together.
class thread_slot {
 public:
  static constexpr std::size_t count = 64;
  static constexpr std::size_t shared = count - 1;

  [[nodiscard]] static std::size_t mine() noexcept {
    const std::uint8_t known = slot_;
    return known != 0 ? known - 1U : claim();
  }

 private:
  class owner;
  [[gnu::cold, gnu::noinline]] static std::size_t claim() noexcept;

  static constinit inline thread_local std::uint8_t slot_ = 0;  ///< and one; zero: not known yet
};

}  // namespace catena::detail
