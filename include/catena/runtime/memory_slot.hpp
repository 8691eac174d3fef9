// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Memory for the one handler that an owner has posted at a time, so that posting it allocates nothing.
#include <boost/asio/recycling_allocator.hpp>

#include <cstddef>

namespace catena {

/// Room for one Asio operation. Asio gives an operation's memory back before it calls the handler, so who posts again
/// from there finds the room free.
/// \threads  one allocation at a time, ordered by the owner
struct memory_slot {
  static constexpr std::size_t size = 192;
  alignas(std::max_align_t) std::byte bytes[size];
  [[nodiscard]] bool& used() noexcept { return used_; }

 private:
  bool used_ = false;
};

/// Takes memory from a slot, a memory_slot or what is like one; what does not fit, or comes while the slot is used, is Asio's recycled memory.
template <class T, class Slot = memory_slot>
class slot_allocator {
 public:
  using value_type = T;
  explicit slot_allocator(Slot& slot) noexcept : slot_(&slot) {}
  template <class U>
  slot_allocator(const slot_allocator<U, Slot>& other) noexcept : slot_(other.slot_) {}  // NOLINT

  [[nodiscard]] T* allocate(std::size_t count) {
    if (!slot_->used() && count * sizeof(T) <= Slot::size && alignof(T) <= alignof(std::max_align_t)) {
      slot_->used() = true;
      return reinterpret_cast<T*>(slot_->bytes);
    }
    return boost::asio::recycling_allocator<T>().allocate(count);
  }
  void deallocate(T* memory, std::size_t count) noexcept {
    if (reinterpret_cast<std::byte*>(memory) == slot_->bytes) slot_->used() = false;
    else boost::asio::recycling_allocator<T>().deallocate(memory, count);
  }
  friend bool operator==(const slot_allocator&, const slot_allocator&) noexcept = default;

 private:
  template <class, class>
  friend class slot_allocator;
  Slot* slot_;
};

}  // namespace catena
