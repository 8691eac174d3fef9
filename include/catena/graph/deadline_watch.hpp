// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How often a walk over cheap stages looks at the clock.
#include <catena/time.hpp>

#include <algorithm>
#include <cstdint>

#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

namespace catena::graph {

/// A counter that grows with time, far cheaper than a clock; zero where there is none.
[[nodiscard]] inline std::uint64_t cycle_count() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  return __rdtsc();
#elif defined(__aarch64__)
  std::uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks * 32;  // the counter runs at 24 MHz to 100 MHz, the constants below are in cycles
#else
  return 0;
#endif
}

/// As many cycles as pass in 5 to 20 us on machines of today.
inline constexpr std::uint64_t resolution_cycles = 20'000;

/// Whether a deadline has passed. A deadline that is far from this thread's last reading of the clock is not past while
/// few cycles have gone by since: then the clock is not read.
/// \param now  a reading of cycle_count(), or zero where time does not pass by itself
[[nodiscard]] inline bool is_past(time_point deadline, const time_source& time, std::uint64_t now) noexcept {
  constexpr std::chrono::milliseconds far{1};
  struct reading {
    const time_source* source = nullptr;
    std::uint64_t cycles = 0;
    time_point at{};
  };
  static thread_local reading last;
  if (now != 0 && last.source == &time && now - last.cycles < resolution_cycles && deadline > detail::later(last.at, far)) return false;
  last = {&time, now, time.now()};
  return last.at >= deadline;
}

/// Says when to look whether the deadline has passed, without reading the clock for it: a cycle counter is read after every
/// block of stages, and the clock only when enough cycles have gone by that time can have moved.
/// \cost  reading the counter takes 10 ns on a virtual machine: a block has up to 16 stages while they are cheap, and one
///        while they are long
class deadline_watch {
 public:
  static constexpr std::uint32_t longest_stride = 16;

  /// \param now  a reading of cycle_count() from when the deadline was last looked at
  deadline_watch(std::uint32_t stride, std::uint64_t now) noexcept : stride_(stride), checked_(now), block_began_(now) {}

  /// How many stages to run until the next look.
  [[nodiscard]] std::uint32_t stride() const noexcept { return stride_; }

  /// After a block of stride() stages, with a reading of cycle_count(): whether the clock must be read.
  [[nodiscard]] bool due(std::uint64_t now) noexcept {
    const std::uint64_t per_stage = (now - block_began_) / stride_ + 1;
    stride_ = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(block_cycles / per_stage, 1, longest_stride));
    block_began_ = now;
    if (now != 0 && now - checked_ < resolution_cycles) return false;
    checked_ = now;
    return true;
  }

 private:
  static constexpr std::uint64_t block_cycles = 8'000;

  std::uint32_t stride_;
  std::uint64_t checked_;
  std::uint64_t block_began_;
};

}  // namespace catena::graph
