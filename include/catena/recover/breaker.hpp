// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Whether somebody who did badly is to be left alone for a while.
#include <catena/error.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace catena {

/// What the end of an attempt says about whoever made it.
enum class attempt_end : std::uint8_t {
  answered,     ///< good, unless it took too long
  failed,       ///< bad
  out_of_time,  ///< bad if it had as much time as an answer may take; otherwise the deadline was too short to begin with
  no_fault,     ///< nothing: it was refused before it began, was cancelled, or asked for something impossible
};

/// What a failure says; one that is not set is an answer. condition::retry_elsewhere blames whoever made the attempt, and so
/// do errc::timed_out, as the limit was its own, and an error of another library, such as a connection that is refused. Who
/// else is told to try later found a queue or a budget of its own exhausted, and an input that fails everywhere is nobody's fault.
[[nodiscard]] attempt_end attempt_end_of(const failure& why) noexcept;

struct breaker_options {
  std::size_t consecutive = 5;     ///< bad attempts in a row that open it, up to 1000; zero: they do not count
  double bad_share = 0.5;          ///< bad ones among those of the window that open it, up to 1; zero: they do not count
  std::size_t least_count = 20;    ///< attempts in the window before their share counts, 1 to 1000000
  duration window = std::chrono::seconds(10);       ///< how long an attempt counts, more than 0 to 1 day
  duration slow = {};                               ///< an answer that took longer is bad; zero: none is too slow
  duration patience = std::chrono::seconds(1);      ///< how long an answer may take until some have shown how long, more than 0
  duration first_wait = std::chrono::seconds(1);    ///< how long it is open the first time, more than 0 to longest_wait
  duration longest_wait = std::chrono::minutes(1);  ///< opening again soon, twice as long each time up to this, up to 1 day
  std::size_t probes = 3;                           ///< good attempts in a row that close it, 1 to 1000
  duration ramp = std::chrono::seconds(10);         ///< how long its share grows then, up to 1 day; zero: all at once
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const breaker_options& options);

enum class breaker_state : std::uint8_t { closed, open, half_open };

/// Opens after bad attempts, in a row or as a share of the last ones, and lets none through for a while; then one at a time,
/// its probes. It closes when they do well, and stays open twice as long when one does not.
///
///     if (auto pass = b.try_enter(now)) {
///       ...
///       b.ended(*pass, attempt_end_of(why), took, now);
///     }
///
/// Attempts that began before it opened or closed say nothing any more. An attempt that runs out of time counts only if it
/// had the time that an answer may take: their mean and four mean deviations. A probe that is not heard of is followed by
/// another one after as long a wait.
/// \threads  unsafe; a value whose time is an argument
/// \cost     O(1), no allocation
/// \source   Nygard: Release It! (2007), and the outlier detection of Envoy for consecutive errors and growing waits; how long
///           an answer may take is the retransmission timeout of RFC 6298; the share that grows is Envoy's slow start
class breaker {
 public:
  /// What an attempt was let in on.
  struct pass {
    std::uint32_t period = 0;  ///< the breaker's, when it began; 0: its end says nothing
  };

  /// \errors std::invalid_argument: an option is out of range
  explicit breaker(const breaker_options& options = {});

  [[nodiscard]] breaker_state state() const noexcept { return state_; }
  [[nodiscard]] bool allows(time_point now) const noexcept { return state_ == breaker_state::closed || now >= next_probe_; }
  /// From when on one that is not closed lets the next probe through.
  [[nodiscard]] time_point next_probe() const noexcept { return next_probe_; }

  /// An attempt begins, if it is allowed.
  [[nodiscard]] std::optional<pass> try_enter(time_point now) noexcept {
    if (!allows(now)) return std::nullopt;
    return enter(now);
  }
  /// An attempt begins, allowed or not; of one that is not, the end says nothing.
  [[nodiscard]] pass enter(time_point now) noexcept {
    if (state_ != breaker_state::closed) return enter_not_closed(now);
    return {period_};
  }
  /// It has ended. `took` is how long it was, or had been when it was given up.
  void ended(pass p, attempt_end how, duration took, time_point now) noexcept;

  /// From now on other options hold. Whether it is open, what was counted and what it has learnt of latencies stay as they are.
  /// \errors std::invalid_argument: an option is out of range
  void set_options(const breaker_options& options);

  /// Whoever is behind it is new: its share grows as if it had just closed.
  void begin_ramp(time_point now) noexcept { ramp_end_ = detail::later(now, options_.ramp); }
  [[nodiscard]] bool is_ramping(time_point now) const noexcept { return now < ramp_end_; }
  /// How much of its usual load it should be given: 1, or less, from 0.1 on, while it ramps.
  [[nodiscard]] double share(time_point now) const noexcept;

 private:
  enum class verdict : std::uint8_t { good, bad, none };
  struct tally {
    std::uint32_t count = 0;
    std::uint32_t bad = 0;
  };

  [[nodiscard]] pass enter_not_closed(time_point now) noexcept;
  [[nodiscard]] verdict judge(attempt_end how, duration took) noexcept;
  void learn(duration took) noexcept;
  [[nodiscard]] bool had_time(duration took) const noexcept;
  void count(verdict v, time_point now) noexcept;
  void roll_window(time_point now) noexcept;
  [[nodiscard]] bool is_bad_enough() const noexcept;
  void probed(verdict v, time_point now) noexcept;
  void open(duration wait, time_point now) noexcept;
  void close(time_point now) noexcept;
  [[nodiscard]] duration longer_wait() const noexcept;

  breaker_options options_;
  breaker_state state_ = breaker_state::closed;
  std::uint32_t period_ = 1;    ///< counts the changes of state, but for those from open to half-open
  std::size_t row_ = 0;         ///< bad attempts in a row, or, half-open, good ones
  tally current_, previous_;    ///< of the two halves of the window
  time_point half_end_ = time_point::min();
  duration wait_{};             ///< of the last time it opened
  time_point next_probe_ = time_point::min();
  time_point calm_from_ = time_point::min();  ///< opening before means that it has not recovered
  time_point ramp_end_ = time_point::min();
  duration mean_{};             ///< of good answers; zero: none yet
  duration deviation_{};
};

}  // namespace catena
