// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A few numbers that are read all the time and replaced now and then.
#include <algorithm>
#include <array>
#include <atomic>
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
    T value;
    std::uint32_t version;
    do {
      version = version_.load(std::memory_order_acquire);
      read(places_[version % 2], value);
      std::atomic_thread_fence(std::memory_order_acquire);
    } while (version_.load(std::memory_order_relaxed) != version);
    return value;
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
  [[nodiscard]] static constexpr std::size_t size_of_word(std::size_t i) noexcept {
    return std::min(sizeof(std::uint64_t), sizeof(T) - i * sizeof(std::uint64_t));
  }

  /// Each word to its place at once: a processor waits where it copies in larger pieces what it has just written in smaller ones.
  static void read(const words& from, T& to) noexcept {
    auto* bytes = reinterpret_cast<std::byte*>(&to);
    for (std::size_t i = 0; i < word_count; ++i) {
      const std::uint64_t word = from[i].load(std::memory_order_relaxed);
      std::memcpy(bytes + i * sizeof word, &word, size_of_word(i));
    }
  }
  static void write(words& to, const T& value) noexcept {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    for (std::size_t i = 0; i < word_count; ++i) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + i * sizeof word, size_of_word(i));
      to[i].store(word, std::memory_order_relaxed);
    }
  }

  std::atomic<std::uint32_t> version_{0};
  std::array<words, 2> places_{};
};

}  // namespace catena
