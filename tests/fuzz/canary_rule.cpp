// SPDX-License-Identifier: BSL-1.0
/// \file
/// The canary's rule agrees with a few lines that look for the best rates by trying, decides in its bounds, and stays with it.
#include <catena/version/canary_rule.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

#include "fuzz/fuzz.hpp"

namespace catena::fuzz::canary_rule_target {

/// What the rule says of itself, in a few lines.
struct plain_rule {
  double canary = 0, canary_failed = 0, stable = 0, stable_failed = 0, pairs = 0, slower = 0;
  std::optional<duration> latest_canary, latest_stable;

  void add(bool of_canary, bool failed, duration latency, const canary_rule_options& o) {
    (of_canary ? canary : stable) += 1;
    if (failed) {
      (of_canary ? canary_failed : stable_failed) += 1;
      return;
    }
    (of_canary ? latest_canary : latest_stable) = latency;
    if (!latest_canary || !latest_stable) return;
    pairs += 1;
    if (static_cast<double>(latest_canary->count()) >
        o.slower_by * static_cast<double>(latest_stable->count()) + static_cast<double>(o.noise.count()))
      slower += 1;
    latest_canary = latest_stable = std::nullopt;
  }

  static double says(double of, double failed, double rate) {
    if ((failed > 0 && rate <= 0) || (of > failed && rate >= 1)) return -1e300;
    return (failed > 0 ? failed * std::log(rate) : 0) + (of > failed ? (of - failed) * std::log(1 - rate) : 0);
  }
  double both(double canary_rate, double stable_rate) const {
    return says(canary, canary_failed, canary_rate) + says(stable, stable_failed, stable_rate);
  }
  /// The best where the canary's rate is stable's and `more`: by halving and halving again what lies around the best of a few.
  double best(double more) const {
    double low = 0, high = 1 - more;
    for (int i = 0; i < 90; ++i) {
      const double a = low + (high - low) / 3, b = high - (high - low) / 3;
      if (both(a + more, a) < both(b + more, b)) low = a;
      else high = b;
    }
    return std::max({both(low + more, low), both(high + more, high), both((low + high) / 2 + more, (low + high) / 2)});
  }
  double errors(double worse_by) const {
    const double canary_rate = canary_failed / canary, stable_rate = stable > 0 ? stable_failed / stable : 0;
    const double free = both(canary_rate, stable_rate);
    const double as_good = canary_rate <= stable_rate ? free : best(0);
    const double worse = canary_rate >= stable_rate + worse_by ? free : best(worse_by);
    return worse - as_good;
  }
  double latency() const { return slower * std::log(1.2) + (pairs - slower) * std::log(0.8); }
};

canary_rule_options options_of(input& in) {
  canary_rule_options o;
  o.worse_by = 0.001 + static_cast<double>(in.below(499)) / 1000;
  o.slower_by = 1 + static_cast<double>(in.below(91)) / 10;
  o.noise = in.below(2) ? in.span() : duration{};
  o.alpha = static_cast<double>(1 + in.below(250)) / 1000;
  o.beta = static_cast<double>(1 + in.below(250)) / 1000;
  o.min_runs = 1 + in.below(50);
  o.max_runs = o.min_runs + in.below(1000);
  if (in.below(2)) o.min_time = in.span();
  return o;
}

bool is_near(double a, double b) { return std::abs(a - b) <= 1e-6 * (1 + std::abs(a)); }

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, std::min<std::size_t>(size, 600));
  const canary_rule_options o = options_of(in);
  const double bad = std::log((1 - o.beta) / (o.alpha / 2)), fine = std::log(o.beta / (1 - o.alpha / 2));
  canary_rule rule(o, start);
  plain_rule plain;
  time_point now = start;
  bool errors_were_fine = false, latency_was_fine = false;
  while (!in.empty()) {
    const std::uint8_t what = in.byte();
    const duration latency = in.span(), step = what & 4 ? in.span() : duration(1);
    // The same for a while, so that the rule comes to a decision with few bytes.
    for (std::size_t count = 1 + in.below(what & 8 ? 200 : 4); count > 0; --count) {
      const bool of_canary = what & 1, failed = what & 2;
      now += step;
      const canary_verdict before = rule.verdict();
      const auto by = of_canary ? canary_rule::version::canary : canary_rule::version::stable;
      const canary_verdict verdict = failed ? rule.failed(by, now) : rule.answered(by, latency, now);
      plain.add(of_canary, failed, latency, o);
      const canary_evidence& seen = rule.evidence();
      require(verdict == rule.verdict());
      require(static_cast<double>(seen.canary_runs) == plain.canary && static_cast<double>(seen.canary_failures) == plain.canary_failed);
      require(static_cast<double>(seen.stable_runs) == plain.stable && static_cast<double>(seen.stable_failures) == plain.stable_failed);
      require(static_cast<double>(seen.pairs) == plain.pairs && static_cast<double>(seen.slower_pairs) == plain.slower);
      if (before != canary_verdict::undecided || !of_canary) {
        require(verdict == before);
        if (before != canary_verdict::undecided) return;
        continue;
      }
      require(is_near(seen.errors, plain.errors(o.worse_by)));
      require(is_near(seen.latency, plain.latency()));
      const bool enough = seen.canary_runs >= o.min_runs, last = seen.canary_runs >= o.max_runs;
      if (!enough) {
        require(verdict == canary_verdict::undecided);
        continue;
      }
      const double margin = std::log(4.0);
      errors_were_fine = errors_were_fine || seen.errors <= fine - margin;
      latency_was_fine = latency_was_fine || seen.latency <= fine;
      if (seen.errors >= bad + margin || seen.latency >= bad) require(verdict == canary_verdict::roll_back);
      else if (errors_were_fine && latency_was_fine) require(verdict == (now - start >= o.min_time ? canary_verdict::promote : canary_verdict::undecided));
      else if (!last) require(verdict == canary_verdict::undecided);
      else require(verdict != canary_verdict::undecided || now - start < o.min_time);
    }
  }
}

const target registered("canary_rule", on_input);

}  // namespace catena::fuzz::canary_rule_target
