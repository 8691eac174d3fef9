// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the erased graph must know of a value's type: its size, how it dies, its name.
#include <catena/type_name.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>

namespace catena {
namespace graph {

/// Values that need destroying carry the count of consumers still to come, right behind them in the frame, and behind
/// the pointer that stands in the slot of an input that is lent.
using live_count = std::atomic<std::uint32_t>;

template <class T>
inline constexpr bool needs_count = !std::is_trivially_destructible_v<T>;

template <class T>
inline constexpr std::size_t live_offset =
    (std::max(sizeof(T), sizeof(void*)) + alignof(live_count) - 1) / alignof(live_count) * alignof(live_count);

/// Frames come from operator new, or from a handler's allocator, which align for every ordinary type.
template <class T>
consteval std::size_t alignment_in_frame() {
  static_assert(alignof(T) <= alignof(std::max_align_t), "catena: a value with a wider alignment than std::max_align_t goes behind a pointer");
  return std::max(alignof(T), needs_count<T> ? alignof(live_count) : 1);
}

/// A value's type, erased. One object per type: two values have the same type if the addresses are equal.
struct value_type {
  std::size_t slot_size;  ///< the value and its count
  std::size_t alignment;
  std::size_t count_offset;                 ///< zero: trivially destructible, not counted
  void (*destroy)(void* value) noexcept;    ///< null: trivially destructible
  std::string_view name;
};

template <class T>
inline constexpr value_type value_type_of{
    needs_count<T> ? live_offset<T> + sizeof(live_count) : sizeof(T),
    alignment_in_frame<T>(),
    needs_count<T> ? live_offset<T> : 0,
    needs_count<T> ? +[](void* value) noexcept { std::destroy_at(static_cast<T*>(value)); } : nullptr,
    type_name<T>(),
};

template <class T>
[[nodiscard]] live_count& live_count_of(T* value) noexcept {
  return *reinterpret_cast<live_count*>(reinterpret_cast<std::byte*>(value) + live_offset<T>);
}

/// One consumer is done with the value; the last one destroys it.
template <class T>
void release_value(T* value) noexcept {
  if constexpr (needs_count<T>) {
    live_count& live = live_count_of(value);
    if (live.load(std::memory_order_acquire) == 1) {
      live.store(0, std::memory_order_relaxed);
      std::destroy_at(value);
    } else if (live.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      std::destroy_at(value);
    }
  }
}

}  // namespace graph
}  // namespace catena
