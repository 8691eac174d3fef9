// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Where threads sleep until they are woken, as cheaply as the system allows.
#include <atomic>
#include <climits>
#include <cstdint>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace catena {

/// An event count: who wants to sleep takes a ticket, looks once more whether there is a reason not to, and sleeps until a
/// call of wake that comes after the ticket was taken. It may also wake without one.
/// \threads  safe
/// \cost     one system call to sleep and one to wake; half of what a condition variable costs, which has a mutex to take again
class parking_place {
 public:
  using ticket = std::uint32_t;

  [[nodiscard]] ticket take_ticket() const noexcept { return wakes_.load(std::memory_order_acquire); }
  void sleep(ticket since) noexcept {
#ifdef __linux__
    if (wakes_.load(std::memory_order_acquire) == since) (void)futex(FUTEX_WAIT_PRIVATE, since);
#else
    wakes_.wait(since, std::memory_order_acquire);
#endif
  }
  void wake_one() noexcept {
    wakes_.fetch_add(1, std::memory_order_release);
#ifdef __linux__
    (void)futex(FUTEX_WAKE_PRIVATE, 1);
#else
    wakes_.notify_one();
#endif
  }
  void wake_all() noexcept {
    wakes_.fetch_add(1, std::memory_order_release);
#ifdef __linux__
    (void)futex(FUTEX_WAKE_PRIVATE, INT_MAX);
#else
    wakes_.notify_all();
#endif
  }

 private:
#ifdef __linux__
  long futex(int operation, std::uint32_t value) noexcept {
    static_assert(sizeof(wakes_) == sizeof(std::uint32_t));
    return ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&wakes_), operation, value, nullptr, nullptr, 0);
  }
#endif

  std::atomic<std::uint32_t> wakes_{0};
};

}  // namespace catena
