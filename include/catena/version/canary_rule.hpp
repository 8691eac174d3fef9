// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// When a canary has shown enough: promoted or rolled back by how its runs end, beside those of the stable version.
#include <catena/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace catena {

struct canary_rule_options {
  double worse_by = 0.02;    ///< so much more of its runs fail: that must be noticed, more than 0 to 0.5
  double slower_by = 1.25;   ///< so many times stable's latency is fine, 1 to 10
  duration noise = std::chrono::microseconds(100);  ///< and so much on top, zero or more: what runs seldom runs in cold caches
  double alpha = 0.05;       ///< how often one as good as stable may be rolled back, more than 0 to 0.25
  double beta = 0.01;        ///< how often one that is worse by that much may be promoted, more than 0 to 0.25
  std::size_t min_runs = 100;     ///< of the canary, before anything is decided, at least 1
  std::size_t max_runs = 20'000;  ///< of the canary, after which it is decided by what speaks for more, at least min_runs
  duration min_time = {};    ///< nothing is promoted sooner; zero: as soon as it has shown enough
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const canary_rule_options& options);

enum class canary_verdict : std::uint8_t { undecided, promote, roll_back };

/// What was seen of both versions, and how much it says.
struct canary_evidence {
  std::size_t canary_runs = 0;
  std::size_t canary_failures = 0;
  std::size_t stable_runs = 0;
  std::size_t stable_failures = 0;
  std::size_t pairs = 0;         ///< one answer of each, whose latencies were compared
  std::size_t slower_pairs = 0;  ///< in which the canary took more than slower_by times as long
  double errors = 0;             ///< log likelihood ratio, above zero: more of the canary's runs fail
  double latency = 0;            ///< the same for: the canary is slower
};

/// Two sequential tests, one of error rates and one of latencies, each of which may roll the canary back; both must be
/// content before it is promoted. They look at it after every run, so that a bad one leaves early, and their errors are
/// those that were asked for all the same.
///
/// Error rates: "the canary fails no more often than stable" against "more often by at least worse_by", by a sequential
/// probability ratio test in which each hypothesis is given the rates that suit it best. With no failures at all it promotes after
/// about -log(beta / 4) / worse_by runs of the canary.
/// Latencies: an answer of the canary and the latest one of stable are a pair, in which the canary is slower by more than is
/// fine or not. "In at most half of the pairs" against "in at least 60 %", by the same test: no assumption on how
/// latencies are distributed. A slower tail alone does not show in it; let it fail by a timeout.
///
/// Each test may roll back one as good as stable in alpha / 2 of all cases. For latencies that is Wald's theorem, for error
/// rates, which are estimated while they are tested, a matter of simulation. Both take runs to be independent: with few keys a
/// canary is compared on few customers, and what is wrong with those is taken for its fault.
/// \threads  unsafe
/// \cost     O(1), about a microsecond for a run of the canary
/// \source   Wald: Sequential Analysis (1947); the maximised ratio as in Kulldorff et al.: A Maximized Sequential
///           Probability Ratio Test for Drug and Vaccine Safety Surveillance (2011), the rates that suit a difference
///           as in Farrington and Manning (1990), found by bisection; the sign test of pairs after Wald, chapter 6
class canary_rule {
 public:
  enum class version : std::uint8_t { stable, canary };

  /// \errors std::invalid_argument naming the member that is out of range, and the range
  canary_rule(const canary_rule_options& options, time_point began);

  /// A run has answered, or failed by its own fault. What is decided stays decided.
  canary_verdict answered(version by, duration latency, time_point now) noexcept;
  canary_verdict failed(version by, time_point now) noexcept;

  [[nodiscard]] canary_verdict verdict() const noexcept { return verdict_; }
  [[nodiscard]] const canary_evidence& evidence() const noexcept { return seen_; }

 private:
  enum class finding : std::uint8_t { open, fine, bad };

  void compare_latencies() noexcept;
  void decide(time_point now) noexcept;
  /// What a ratio says; `margin`: so much further out are its bounds.
  [[nodiscard]] finding look(double ratio, double margin, bool& was_fine) const noexcept;

  canary_rule_options options_;
  double bad_;   ///< a log likelihood ratio above: worse than stable
  double fine_;  ///< below: as good
  time_point began_;
  canary_verdict verdict_ = canary_verdict::undecided;
  canary_evidence seen_;
  std::optional<duration> stable_latency_;  ///< of the latest answer that is in no pair
  std::optional<duration> canary_latency_;
  bool errors_fine_ = false;   ///< once it was below its bound
  bool latency_fine_ = false;
};

}  // namespace catena
