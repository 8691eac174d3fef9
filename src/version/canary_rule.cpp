// SPDX-License-Identifier: BSL-1.0
#include <catena/version/canary_rule.hpp>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace catena {
namespace {

constexpr double slower_at_worst = 0.6;  ///< the share of pairs at which the canary is taken for slower

/// A ratio of rates that are estimated comes to a bound up to four times as often as one of known rates, by simulation for
/// rates up to 30 %, shares of 5 and 50 % and the errors that may be asked for.
const double for_estimating = std::log(4.0);

/// How many of so many runs failed.
struct tally {
  double runs;
  double failures;

  [[nodiscard]] double rate() const noexcept { return runs > 0 ? failures / runs : 0; }
  /// Of runs that fail at this rate.
  [[nodiscard]] double log_likelihood(double rate) const noexcept {
    const double of_failures = failures > 0 ? failures * std::log(rate) : 0;
    const double of_answers = runs > failures ? (runs - failures) * std::log1p(-rate) : 0;
    return of_failures + of_answers;
  }
  /// Its slope there.
  [[nodiscard]] double slope(double rate) const noexcept {
    const double of_failures = failures > 0 ? failures / rate : 0;
    const double of_answers = runs > failures ? (runs - failures) / (1 - rate) : 0;
    return of_failures - of_answers;
  }
};

[[nodiscard]] double at_their_best(const tally& canary, const tally& stable) noexcept {
  return canary.log_likelihood(canary.rate()) + stable.log_likelihood(stable.rate());
}

/// The best that can be said for "the canary fails no more often".
[[nodiscard]] double as_good(const tally& canary, const tally& stable) noexcept {
  if (canary.rate() <= stable.rate()) return at_their_best(canary, stable);
  const tally both{canary.runs + stable.runs, canary.failures + stable.failures};
  return both.log_likelihood(both.rate());
}

/// The best that can be said for "it fails more often by at least so much".
[[nodiscard]] double worse(const tally& canary, const tally& stable, double by) noexcept {
  if (canary.rate() >= stable.rate() + by) return at_their_best(canary, stable);
  // Where the canary's rate is stable's and so much more, the sum is concave: its slope says on which side of the best rate one is.
  double low = 0, high = 1 - by;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (canary.slope(middle + by) + stable.slope(middle) > 0 ? low : high) = middle;
  }
  const double rate = (low + high) / 2;
  return canary.log_likelihood(rate + by) + stable.log_likelihood(rate);
}

[[nodiscard]] std::string range_error(const char* member, const char* range) {
  return std::string("canary_rule_options::") + member + " must be " + range;
}

void expect(bool holds, const char* member, const char* range) {
  if (!holds) throw std::invalid_argument(range_error(member, range));
}

[[nodiscard]] const canary_rule_options& checked(const canary_rule_options& options) {
  check(options);
  return options;
}

}  // namespace

void check(const canary_rule_options& o) {
  expect(o.worse_by > 0 && o.worse_by <= 0.5, "worse_by", "more than 0 to 0.5");
  expect(o.slower_by >= 1 && o.slower_by <= 10, "slower_by", "1 to 10");
  expect(o.noise >= duration{}, "noise", "zero or more");
  expect(o.alpha > 0 && o.alpha <= 0.25, "alpha", "more than 0 to 0.25");
  expect(o.beta > 0 && o.beta <= 0.25, "beta", "more than 0 to 0.25");
  expect(o.min_runs >= 1, "min_runs", "at least 1");
  expect(o.max_runs >= o.min_runs, "max_runs", "at least min_runs");
  expect(o.min_time >= duration{}, "min_time", "zero or more");
}

canary_rule::canary_rule(const canary_rule_options& options, time_point began)
    : options_(checked(options)),
      bad_(std::log((1 - options.beta) / (options.alpha / 2))),
      fine_(std::log(options.beta / (1 - options.alpha / 2))),
      began_(began) {}

canary_verdict canary_rule::answered(version by, duration latency, time_point now) noexcept {
  (by == version::canary ? canary_latency_ : stable_latency_) = latency;
  compare_latencies();
  ++(by == version::canary ? seen_.canary_runs : seen_.stable_runs);
  if (by == version::canary) decide(now);
  return verdict_;
}

canary_verdict canary_rule::failed(version by, time_point now) noexcept {
  ++(by == version::canary ? seen_.canary_runs : seen_.stable_runs);
  ++(by == version::canary ? seen_.canary_failures : seen_.stable_failures);
  if (by == version::canary) decide(now);
  return verdict_;
}

void canary_rule::compare_latencies() noexcept {
  if (!canary_latency_ || !stable_latency_) return;
  const double fine = options_.slower_by * static_cast<double>(stable_latency_->count()) + static_cast<double>(options_.noise.count());
  const bool slower = static_cast<double>(canary_latency_->count()) > fine;
  canary_latency_.reset();
  stable_latency_.reset();
  ++seen_.pairs;
  seen_.slower_pairs += slower;
  seen_.latency += slower ? std::log(slower_at_worst / 0.5) : std::log((1 - slower_at_worst) / 0.5);
}

/// A ratio that was once below its bound was so rightly, but for beta; one that is ever above it, but for alpha / 2. So both
/// may be looked at as often as one likes.
void canary_rule::decide(time_point now) noexcept {
  if (verdict_ != canary_verdict::undecided) return;
  const tally canary{static_cast<double>(seen_.canary_runs), static_cast<double>(seen_.canary_failures)};
  const tally stable{static_cast<double>(seen_.stable_runs), static_cast<double>(seen_.stable_failures)};
  seen_.errors = worse(canary, stable, options_.worse_by) - as_good(canary, stable);
  if (seen_.canary_runs < options_.min_runs) return;
  const finding errors = look(seen_.errors, for_estimating, errors_fine_);
  const finding latency = look(seen_.latency, 0, latency_fine_);
  if (errors == finding::bad || latency == finding::bad) verdict_ = canary_verdict::roll_back;
  else if (errors == finding::fine && latency == finding::fine && now - began_ >= options_.min_time) verdict_ = canary_verdict::promote;
}

canary_rule::finding canary_rule::look(double ratio, double margin, bool& was_fine) const noexcept {
  if (ratio >= bad_ + margin) return finding::bad;
  was_fine = was_fine || ratio <= fine_ - margin;
  if (was_fine) return finding::fine;
  if (seen_.canary_runs < options_.max_runs) return finding::open;
  return ratio > 0 ? finding::bad : finding::fine;
}

}  // namespace catena
