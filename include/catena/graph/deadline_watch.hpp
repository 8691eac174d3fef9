// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How often a walk over cheap stages looks at the clock.
#include <catena/time.hpp>

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
[[nodiscard]] inline bool is_past(time_point deadline, const time_source& time) noexcept {
  constexpr std::chrono::milliseconds far{1};
  struct reading {
    const time_source* source = nullptr;
    std::uint64_t cycles = 0;
    time_point at{};
  };
  static thread_local reading last;
  const std::uint64_t now = time.is_real() ? cycle_count() : 0;
  if (now != 0 && last.source == &time && now - last.cycles < resolution_cycles && deadline > detail::later(last.at, far)) return false;
  last = {&time, now, time.now()};
  return last.at >= deadline;
}

/// Says when to look whether the deadline has passed, without reading the clock for it: a cycle counter is read every
/// `stride` stages, and the clock only when enough cycles have gone by that time can have moved.
/// \cost  about 10 ns every 16th stage while stages are cheap; every stage is checked while they are long
class deadline_watch {
 public:
  static constexpr std::uint32_t cheap_stride = 16;

  explicit deadline_watch(std::uint32_t stride) noexcept : stride_(stride), checked_(cycle_count()), block_began_(checked_) {}

  /// How many stages to run until the next look.
  [[nodiscard]] std::uint32_t stride() const noexcept { return stride_; }

  /// After a block of stride() stages: whether the clock must be read.
  [[nodiscard]] bool due() noexcept {
    const std::uint64_t now = cycle_count();
    const std::uint64_t per_stage = (now - block_began_) / stride_;
    stride_ = per_stage > long_stage_cycles ? 1 : cheap_stride;
    block_began_ = now;
    if (now != 0 && now - checked_ < resolution_cycles) return false;
    checked_ = now;
    return true;
  }

 private:
  static constexpr std::uint64_t long_stage_cycles = 2'000;

  std::uint32_t stride_;
  std::uint64_t checked_;
  std::uint64_t block_began_;
};

}  // namespace catena::graph
