// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The context of one run: who asks, until when, how urgently, and whether anybody still wants the answer.
#include <catena/time.hpp>

#include <array>
#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace catena {
struct run_notes;
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
};

/// What one run may ask for. Trivially destructible, so that it can stand in a co_await expression under g++ 12.
struct run_options {
  time_point deadline = no_deadline;           ///< absolute, by the runtime's time source
  catena::priority priority = priority::normal;
  std::uint32_t tenant = 0;                    ///< for whom, as the service numbers its tenants; zero: for nobody in particular
  std::uint64_t id = 0;                        ///< zero: the runtime gives one
  const trace_context* trace_parent = nullptr; ///< copied when the run begins
  run_notes* notes = nullptr;                  ///< written before its answer comes; must live until then
  /// The run it is a part of, set by call::options(): then it begins also while the runtime drains.
  const graph::call_context* part_of = nullptr;
};
static_assert(std::is_trivially_destructible_v<run_options>);

/// What a run says beside its answer.
struct run_notes {
  bool degraded = false;  ///< something in it was answered by a fallback
};

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
  const trace_context* trace = nullptr;
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
  explicit call(const graph::call_context& context) noexcept : context_(&context) {}

  [[nodiscard]] std::uint64_t id() const noexcept { return context_->id; }
  [[nodiscard]] time_point deadline() const noexcept { return context_->deadline; }
  [[nodiscard]] catena::priority priority() const noexcept { return context_->priority; }
  [[nodiscard]] std::uint32_t tenant() const noexcept { return context_->tenant; }
  [[nodiscard]] bool cancelled() const noexcept { return context_->stop.load(std::memory_order_relaxed) != 0; }
  /// Null when the caller gave none.
  [[nodiscard]] const trace_context* trace_parent() const noexcept { return context_->trace; }
  /// The options with which what this stage calls belongs to the same request.
  [[nodiscard]] run_options options() const noexcept {
    return {.deadline = deadline(), .priority = priority(), .tenant = tenant(), .id = id(), .trace_parent = trace_parent(),
            .part_of = context_};
  }

 private:
  const graph::call_context* context_;
};
static_assert(std::is_trivially_copyable_v<call> && sizeof(call) == sizeof(void*));

}  // namespace catena
