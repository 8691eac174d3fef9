// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A few numbers that are read all the time and replaced now and then.
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace catena {

/// Readers take a copy, of all numbers of one writing. Nothing is allocated, so nothing old is to be freed; and a reader waits for no
/// writer, not even for one that has lost its processor: the next value is written beside the one that is read.
/// \threads  load(): any; store(): one caller at a time
/// \cost     load(): an acquire load and a copy; again if it was overtaken by two writings meanwhile
template <class T>
class published {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit published(const T& value) noexcept { write(places_[0], value); }

  [[nodiscard]] T load() const noexcept {
    for (;;) {
      const std::uint32_t version = version_.load(std::memory_order_acquire);
      const T value = read(places_[version % 2]);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (version_.load(std::memory_order_relaxed) == version) return value;
    }
  }

  void store(const T& value) noexcept {
    const std::uint32_t next = version_.load(std::memory_order_relaxed) + 1;
    // Who reads a word of what is written now shall see that the version before is not the last one any more.
    std::atomic_thread_fence(std::memory_order_release);
    write(places_[next % 2], value);
    version_.store(next, std::memory_order_release);
  }

 private:
  static constexpr std::size_t word_count = (sizeof(T) + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
  using words = std::array<std::atomic<std::uint64_t>, word_count>;
  using copy = std::array<std::uint64_t, word_count>;

  static T read(const words& from) noexcept {
    copy taken;
    for (std::size_t i = 0; i < word_count; ++i) taken[i] = from[i].load(std::memory_order_relaxed);
    std::array<std::byte, sizeof(T)> bytes;
    std::memcpy(bytes.data(), taken.data(), sizeof(T));
    return std::bit_cast<T>(bytes);
  }
  static void write(words& to, const T& value) noexcept {
    copy given{};
    const auto bytes = std::bit_cast<std::array<std::byte, sizeof(T)>>(value);
    std::memcpy(given.data(), bytes.data(), sizeof(T));
    for (std::size_t i = 0; i < word_count; ++i) to[i].store(given[i], std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> version_{0};
  std::array<words, 2> places_{};
};

}  // namespace catena
