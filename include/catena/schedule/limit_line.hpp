// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Who is let in when only so many may be in flight, and who waits. A policy: no lock and no clock inside.
#include <catena/runtime/timer_heap.hpp>
#include <catena/schedule/decided_list.hpp>
#include <catena/schedule/limit_policy.hpp>
#include <catena/schedule/refusal.hpp>
#include <catena/schedule/waiting_list.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace catena::detail {

/// One who wants to be let in, a part of whatever asks. While it waits it stays where it is.
struct limit_request : timer_node {
  list_hook<limit_request> in_line;
  std::uint64_t ticket = 0;
  time_point deadline = no_deadline;
  catena::priority priority = priority::normal;
  bool in_a_line = false;
  bool let_in = false;   ///< the decision, once it is made: this or `why`
  time_point entered{};  ///< when it was let in
  refusal why{};
  limit_request* next_decided = nullptr;
  // For the driver: what to do when it is decided, and when its executor is gone before that.
  void (*decided)(limit_request&) = nullptr;
  void (*abandon)(limit_request&) noexcept = nullptr;
};

/// The places, and all that those need to know who find one free.
/// \threads  safe, lock-free
struct limit_places {
  /// Takes a place, unless all are taken or somebody waits who goes before.
  [[nodiscard]] bool try_take(priority p) noexcept {
    return highest_waiting.load() <= static_cast<std::uint8_t>(p) && try_take();
  }
  [[nodiscard]] bool try_take() noexcept {
    std::size_t taken = in_flight.load();
    do {
      if (taken >= limit.load(std::memory_order_relaxed)) return false;
    } while (!in_flight.compare_exchange_weak(taken, taken + 1));
    return true;
  }
  /// True: somebody waits, and must be told to look.
  [[nodiscard]] bool give_back() noexcept {
    in_flight.fetch_sub(1);
    return highest_waiting.load() != 0;
  }
  /// Learns how long a request takes, smoothed; one that was given up counts where it took longer than that.
  void note(const ended_request& r) noexcept;
  /// What a request has taken lately; zero: unknown.
  [[nodiscard]] duration latency() const noexcept { return duration(mean.load(std::memory_order_relaxed)); }
  /// In how much time nearly all were answered.
  [[nodiscard]] duration enough() const noexcept { return latency() + 2 * duration(deviation.load(std::memory_order_relaxed)); }
  /// How long it takes until a place is free.
  [[nodiscard]] duration turn() const noexcept;

  alignas(64) std::atomic<std::size_t> in_flight{0};
  std::atomic<duration::rep> mean{0};       ///< of the latencies, smoothed
  std::atomic<duration::rep> deviation{0};  ///< the mean distance from it
  alignas(64) std::atomic<std::size_t> limit{1};
  std::atomic<std::uint8_t> highest_waiting{0};  ///< 1 + the highest priority of those who wait, 0 if nobody does
};

/// A limit, and a bounded line in front of it.
///
/// Places go to higher priorities first, within one to whoever came first. Where the line is full, one of a higher priority
/// takes the place of the last in it. One who cannot be answered before its deadline, as far as what others took tells, is
/// refused: on arrival where those before it take too long, and in line as soon as too little time is left. So places go to
/// requests that are worth the work.
/// \threads  unsafe, but for the places, which others may take and give back at any time
/// \cost     O(log n) per request, n: who waits; no allocation
class limit_line {
 public:
  using request = limit_request;

  limit_line(limit_policy policy, std::size_t capacity);

  [[nodiscard]] limit_places& places() noexcept { return places_; }
  [[nodiscard]] const limit_places& places() const noexcept { return places_; }
  /// Whether it wants to know how requests end, through ended().
  [[nodiscard]] bool learns() const noexcept { return policy_.learns(); }

  [[nodiscard]] std::span<const std::string_view> option_names() const noexcept { return policy_.option_names(); }
  [[nodiscard]] gate_options options() const noexcept;
  /// From now on other options hold. Those who wait stay, also if they are more than may by now.
  void set_options(const gate_options& options, time_point now) noexcept;

  /// Decides the request, or lets it wait.
  void enter(limit_request& r, time_point now) noexcept;
  /// Takes out one that waits, undecided; false if it does not wait.
  [[nodiscard]] bool leave(limit_request& r, time_point now) noexcept;
  /// Time has passed.
  void advance(time_point now) noexcept;
  /// One that was let in has ended; its place has not been given back yet.
  void ended(const ended_request& r, time_point now);
  /// Places were given back.
  void look(time_point now) noexcept;

  /// When advance() is next needed; no_deadline if it is not.
  [[nodiscard]] time_point next_moment() const noexcept { return moments_.earliest(); }
  /// Who was decided since, in that order, linked by next_decided; to be told by the caller.
  [[nodiscard]] limit_request* take_decided() noexcept { return decided_.take(); }
  /// Takes out all that wait, undecided, linked by next_decided.
  [[nodiscard]] limit_request* take_all() noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// How long a request that arrives now would wait for a place; zero: unknown.
  [[nodiscard]] duration expected_wait(priority p) const noexcept;

 private:
  void join(limit_request& r) noexcept;
  void take_out(limit_request& r) noexcept;
  void admit(limit_request& r, time_point now) noexcept;
  void refuse(limit_request& r, refusal why) noexcept;
  [[nodiscard]] bool is_late(const limit_request& r, time_point now) const noexcept;
  /// Refuses one in line that cannot be answered in time any more.
  [[nodiscard]] bool refuse_late(limit_request& r, time_point now) noexcept;
  void note_highest() noexcept;

  limit_places places_;
  limit_policy policy_;
  std::size_t capacity_;
  waiting_list<limit_request, &limit_request::in_line> line_;
  std::array<std::size_t, 4> count_{};  ///< of those in line, by priority
  std::size_t size_ = 0;
  timer_heap moments_;  ///< when those in line have too little time left
  decided_list<limit_request> decided_;
  std::uint64_t last_ticket_ = 0;
};

}  // namespace catena::detail
