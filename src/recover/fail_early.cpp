// SPDX-License-Identifier: BSL-1.0
#include <catena/recover/fail_early.hpp>

#include <algorithm>
#include <stdexcept>

namespace catena {

void check(const fail_early_options& o) {
  const auto expect = [](bool holds, const char* text) {
    if (!holds) throw std::invalid_argument(text);
  };
  expect(o.chance >= 0.001 && o.chance <= 0.5, "fail_early_options::chance must be 0.001 to 0.5");
  expect(o.least_count >= 10 && o.least_count <= 100'000, "fail_early_options::least_count must be 10 to 100000");
  expect(o.probe_share >= 0.001 && o.probe_share <= 1, "fail_early_options::probe_share must be 0.001 to 1");
  expect(o.probes >= 1 && o.probes <= 100, "fail_early_options::probes must be 1 to 100");
  expect(o.memory > duration{} && o.memory <= std::chrono::hours(24), "fail_early_options::memory must be more than 0 to 1 day");
}

// ---- the odds ---------------------------------------------------------------------------------------------------------------

finish_odds::finish_odds(const fail_early_options& options) : options_(options), random_(options.seed) { check(options); }

void finish_odds::set_options(const fail_early_options& options) noexcept {
  options_ = options;
  look();
}

early_verdict finish_odds::judge(duration left, time_point now) noexcept {
  if (left >= hopeless_below_) return early_verdict::goes;
  forget_what_is_old(now);
  // Also who has less than no time, as it is expected to wait for longer, is not judged by too few.
  if (left >= hopeless_below_ || count() < options_.least_count) return early_verdict::goes;
  return random_.share() < options_.probe_share ? early_verdict::probes : early_verdict::hopeless;
}

void finish_odds::ended(early_verdict as, call_end how, duration took, time_point now) noexcept {
  forget_what_is_old(now);
  last_ = now;
  if (as == early_verdict::probes) {
    row_ = how == call_end::answered ? row_ + 1 : 0;
    if (row_ >= options_.probes) return forget();
  }
  if (current_.count >= 2 * options_.least_count) {
    previous_ = current_;
    current_ = {};
  }
  ++(how == call_end::answered ? current_.answered : current_.cut_short)[buckets::of(took)];
  ++current_.count;
  constexpr std::size_t looks_each = 16;
  const bool was_unlikely = how == call_end::answered && took < hopeless_below_;
  if (++unseen_ % looks_each == 0 || was_unlikely || count() == options_.least_count) look();
}

void finish_odds::forget() noexcept {
  current_ = previous_ = {};
  row_ = unseen_ = 0;
  hopeless_below_ = {};
  usual_.reset();
}

void finish_odds::forget_what_is_old(time_point now) noexcept {
  if (last_ != time_point::min() && now - last_ >= options_.memory) forget();
}

void finish_odds::look() noexcept {
  unseen_ = 0;
  hopeless_below_ = {};
  usual_.reset();
  std::size_t at_risk = count(), told = count();  // who has lasted so far; and of them all, who was not cut short before
  double not_ended = 1;
  bool is_hopeless = true;
  for (std::size_t b = 0; b < buckets::count && at_risk > 0; ++b) {
    const std::size_t answered = current_.answered[b] + previous_.answered[b];
    const std::size_t cut_short = current_.cut_short[b] + previous_.cut_short[b];
    not_ended *= 1 - static_cast<double>(answered) / static_cast<double>(at_risk);
    is_hopeless = is_hopeless && 1 - not_ended < options_.chance && told >= options_.least_count;
    if (is_hopeless) hopeless_below_ = buckets::end_of(b);
    if (!usual_ && not_ended <= 0.5) usual_ = buckets::end_of(b);
    at_risk -= answered + cut_short;
    told -= cut_short;
  }
}

// ---- the wait ---------------------------------------------------------------------------------------------------------------

void expected_wait::began(duration waited, time_point now) noexcept {
  last_ = std::max(waited, duration{});
  mean_ = seen_ == time_point::min() ? last_ : mean_ + (last_ - mean_) / 4;
  seen_ = now;
}

duration expected_wait::at(time_point now) const noexcept {
  if (seen_ == time_point::min()) return {};
  return std::max(std::min(last_, mean_) - std::max(now - seen_, duration{}), duration{});
}

}  // namespace catena
