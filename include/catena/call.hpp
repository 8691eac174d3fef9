// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The context of one run: who asks, until when, how urgently, and whether anybody still wants the answer.
#include <catena/time.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace catena {
struct run_notes;
namespace detail {
struct trace_place;
}
namespace graph {
struct call_context;
}

/// Which requests go first where requests wait.
enum class priority : std::uint8_t { low, normal, high, critical };

/// Where a run hangs in a distributed trace, as W3C Trace Context has it; all zero means "starts its own".
struct trace_context {
  std::array<std::byte, 16> trace_id{};
  std::array<std::byte, 8> span_id{};
  std::uint8_t flags = 0;

  [[nodiscard]] constexpr bool is_set() const noexcept {
    const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(trace_id);
    return (halves[0] | halves[1]) != 0;
  }
  [[nodiscard]] constexpr bool is_sampled() const noexcept { return (flags & 1U) != 0; }
  [[nodiscard]] constexpr std::uint64_t span_number() const noexcept {
    std::uint64_t number = 0;
    for (const std::byte b : span_id) number = number << 8 | static_cast<std::uint8_t>(b);
    return number;
  }
  constexpr void set_span(std::uint64_t number) noexcept {
    for (std::size_t i = span_id.size(); i-- > 0; number >>= 8) span_id[i] = static_cast<std::byte>(number & 0xff);
  }
};

/// What one run may ask for. Trivially destructible, so that it can stand in a co_await expression under g++ 12.
struct run_options {
  time_point deadline = no_deadline;           ///< absolute, by the runtime's time source
  catena::priority priority = priority::normal;
  std::uint32_t tenant = 0;                    ///< for whom, as the service numbers its tenants; zero: for nobody in particular
  std::uint64_t id = 0;                        ///< zero: the runtime gives one
  trace_context trace_parent = {};             ///< whose part it is of a distributed trace
  run_notes* notes = nullptr;                  ///< written before its answer comes; must live until then
  /// The run it is a part of, and of which of its steps, set by call::options(): then it begins also while the runtime drains.
  const graph::call_context* part_of = nullptr;
  std::uint32_t part_of_step = 0;
};
static_assert(std::is_trivially_destructible_v<run_options>);

/// What a run says beside its answer.
struct run_notes {
  bool degraded = false;  ///< something in it was answered by a fallback
};

namespace detail {

/// The number of a stage's span, which follows from its run's: so a stage that nobody looks at costs none.
/// \source  SplitMix64, Steele, Lea and Flood (2014)
[[nodiscard]] constexpr std::uint64_t span_of_stage(std::uint64_t run, std::uint32_t step) noexcept {
  std::uint64_t z = run + 0x9e37'79b9'7f4a'7c15U * (std::uint64_t{step} + 1);
  z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9U;
  z = (z ^ z >> 27) * 0x94d0'49bb'1331'11ebU;
  z ^= z >> 31;
  return z != 0 ? z : 1;
}

/// What a step of a recorded run hands on.
[[nodiscard]] trace_context handed_on(const trace_place& by, std::uint32_t step) noexcept;

}  // namespace detail

namespace graph {

/// Takes one of the retries that are left; false: there is none.
[[nodiscard]] inline bool take_retry(std::atomic<std::uint32_t>& left) noexcept {
  std::uint32_t n = left.load(std::memory_order_relaxed);
  do {
    if (n == 0) return false;
  } while (!left.compare_exchange_weak(n, n - 1, std::memory_order_relaxed));
  return true;
}

/// A deadline that may change while others read it: a run that waits for a person has none, and then another one.
class moving_deadline {
 public:
  explicit moving_deadline(time_point t) noexcept : ticks_(t.time_since_epoch().count()) {}
  moving_deadline& operator=(time_point t) noexcept {
    ticks_.store(t.time_since_epoch().count(), std::memory_order_relaxed);
    return *this;
  }
  operator time_point() const noexcept { return time_point(duration(ticks_.load(std::memory_order_relaxed))); }  // NOLINT

  friend bool operator==(const moving_deadline& a, time_point b) noexcept { return time_point(a) == b; }
  friend bool operator==(const moving_deadline& a, const moving_deadline& b) noexcept { return time_point(a) == time_point(b); }
  friend auto operator<=>(const moving_deadline& a, time_point b) noexcept { return time_point(a) <=> b; }
  friend auto operator<=>(const moving_deadline& a, const moving_deadline& b) noexcept { return time_point(a) <=> time_point(b); }

 private:
  std::atomic<duration::rep> ticks_;
};

/// What a run tells its stages; a base of graph::run.
struct call_context {
  std::uint64_t id = 0;
  moving_deadline deadline{no_deadline};
  /// What it hands on of a distributed trace; null: it knows of none.
  const trace_context* trace = nullptr;
  /// Where it is recorded; null: it is not.
  detail::trace_place* recording = nullptr;
  /// Zero while the run is wanted; see graph::stop_reason.
  std::atomic<std::uint8_t> stop{0};
  /// Something of its answer came from a fallback.
  std::atomic<bool> degraded{false};
  catena::priority priority = priority::normal;
  std::uint32_t tenant = 0;
  /// How many retries are left to what this run is a part of; null: nothing around it tries anything again.
  std::atomic<std::uint32_t>* retries_left = nullptr;
};

}  // namespace graph

/// A handle on the run that a stage works for; hand it on to keep what is called traced, bounded and cancelled.
/// \lifetime  until the stage has answered; \threads  safe
class call {
 public:
  /// \param step  of the run, whose stage it is
  call(const graph::call_context& context, std::uint32_t step) noexcept : context_(&context), step_(step) {}

  [[nodiscard]] std::uint64_t id() const noexcept { return context_->id; }
  [[nodiscard]] time_point deadline() const noexcept { return context_->deadline; }
  [[nodiscard]] catena::priority priority() const noexcept { return context_->priority; }
  [[nodiscard]] std::uint32_t tenant() const noexcept { return context_->tenant; }
  [[nodiscard]] bool cancelled() const noexcept { return context_->stop.load(std::memory_order_relaxed) != 0; }
  /// What the stage hands on to what it calls; not set where the runtime has no tracer and the caller gave none.
  [[nodiscard]] trace_context trace_parent() const noexcept {
    if (context_->recording) return detail::handed_on(*context_->recording, step_);
    return context_->trace ? *context_->trace : trace_context{};
  }
  /// The options with which what this stage calls belongs to the same request.
  [[nodiscard]] run_options options() const noexcept {
    return {.deadline = deadline(), .priority = priority(), .tenant = tenant(), .id = id(), .trace_parent = trace_parent(),
            .part_of = context_, .part_of_step = step_};
  }

 private:
  const graph::call_context* context_;
  std::uint32_t step_;
};
static_assert(std::is_trivially_copyable_v<call> && sizeof(call) <= 2 * sizeof(void*));

}  // namespace catena
