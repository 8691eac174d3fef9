// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Whether there is any point in beginning what must end by a deadline.
#include <catena/recover/latency_buckets.hpp>
#include <catena/runtime/random_numbers.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace catena {

struct fail_early_options {
  double chance = 0.05;           ///< who has less of a chance to end in time fails at once, 0.001 to 0.5
  std::size_t least_count = 100;  ///< calls that must have shown lately whether they end in that time, 10 to 100000
  double probe_share = 0.01;      ///< so many of those that would fail go on all the same: recovery is noticed by them, 0.001 to 1
  std::size_t probes = 3;         ///< probes in a row that end in time before all that was seen is forgotten, 1 to 100
  duration memory = std::chrono::minutes(10);  ///< after so long without a call nothing is known any more, more than 0 to 1 day
  std::uint64_t seed = 1;         ///< the same probes for the same seed
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const fail_early_options& options);

/// What becomes of a call that would begin now.
enum class early_verdict : std::uint8_t {
  goes,      ///< it has a chance, or too little is known
  probes,    ///< it has none, and goes on all the same
  hopeless,  ///< it has none
};

/// How a call ended that had begun.
enum class call_end : std::uint8_t {
  answered,
  cut_short,  ///< cancelled, out of time or failed: it would have taken longer than it did
};

/// How long calls take, and the chance of one more to end within the time that is left to it.
///
/// Those that were cut short are not left out, which would make a target look the quicker the more calls are cut short at it: they
/// count as having taken longer than they did (the product-limit estimate over the buckets of latency_buckets; within one they are
/// taken to have lasted to its end). A time is hopeless where the chance to end within it is too small by as many calls as are asked
/// for that ended in it or lasted longer. The last two to four times as many calls count.
/// \threads  unsafe; a value whose time is an argument
/// \cost     judge() O(1); ended() O(1), every 16th time, and when the verdict may change, O(buckets); 4 KB, no allocation
/// \source   Kaplan, Meier: Nonparametric Estimation from Incomplete Observations (1958)
class finish_odds {
 public:
  /// \errors std::invalid_argument: an option is out of range
  explicit finish_odds(const fail_early_options& options = {});

  /// From now on other options hold, but for the seed; what was seen stays known. They have been checked.
  void set_options(const fail_early_options& options) noexcept;

  /// \param left  the time that the call itself may take: what it waits before is not a part of it
  [[nodiscard]] early_verdict judge(duration left, time_point now) noexcept;
  /// One that had begun has ended, after so long.
  void ended(early_verdict as, call_end how, duration took, time_point now) noexcept;

  /// Brings what follows up to date, which it is every 16th call: O(buckets).
  void look() noexcept;
  /// The time within which fewer than fail_early_options::chance end; zero: none is known.
  [[nodiscard]] duration hopeless_below() const noexcept { return hopeless_below_; }
  /// The time within which half of them end; nothing: unknown, or so many were not seen to end.
  [[nodiscard]] std::optional<duration> usual() const noexcept { return usual_; }
  [[nodiscard]] std::size_t count() const noexcept { return current_.count + previous_.count; }

 private:
  using buckets = detail::latency_buckets;
  struct half {
    std::array<std::uint32_t, buckets::count> answered{}, cut_short{};
    std::size_t count = 0;
  };

  void forget() noexcept;
  void forget_what_is_old(time_point now) noexcept;

  fail_early_options options_;
  detail::random_numbers random_;
  half current_, previous_;
  time_point last_ = time_point::min();  ///< when one has ended
  std::size_t unseen_ = 0;               ///< that have ended since look()
  std::size_t row_ = 0;                  ///< probes in a row that ended in time
  duration hopeless_below_{};
  std::optional<duration> usual_;
};

/// How long whoever comes now will have to wait, as far as those tell who began lately: as long as they did, less the time since. Where
/// nobody has begun for that long, nobody waits any more, and so it never tells too much for long.
/// \threads  unsafe; a value whose time is an argument
class expected_wait {
 public:
  void began(duration waited, time_point now) noexcept;
  [[nodiscard]] duration at(time_point now) const noexcept;

 private:
  duration last_{}, mean_{};
  time_point seen_ = time_point::min();
};

}  // namespace catena
