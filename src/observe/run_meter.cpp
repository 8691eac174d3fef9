// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/metric_families.hpp>
#include <catena/observe/run_meter.hpp>
#include <catena/observe/stage_path.hpp>

#include <algorithm>
#include <utility>

namespace catena::detail {

namespace families = metric_families;

run_meter::run_meter(subject of, slo promised, std::span<const duration> bounds)
    : of_(std::move(of)),
      promised_(promised),
      bounds_(bounds.begin(), bounds.end()),
      words_(first_histogram + (of_.stages.size() + 1) * histogram_words),
      errors_(of_.is_chain ? of_.stages.size() + 1 : 0) {}

void run_meter::ended(bool is_whole, stage_span run, std::span<const stage_span> stages, const failure* why, bool is_degraded) noexcept {
  const auto mine = words_.mine();
  for (std::size_t i = 0; i < std::min(stages.size(), of_.stages.size()); ++i)
    if (stages[i].ended != time_point{}) [[likely]] add(mine, i + 1, stages[i].ended - stages[i].began);
    else if (stages[i].began != time_point{}) add(mine, i + 1, run.ended - stages[i].began);  // it was told to stop
  if (!of_.is_chain || !is_whole) return;
  const run_ending how = !why                          ? (is_degraded ? run_ending::degraded : run_ending::answered)
                         : why->is(errc::cancelled) ? run_ending::cancelled
                                                       : run_ending::failed;
  mine.add(first_ending + static_cast<std::size_t>(how), 1);
  if (how == run_ending::cancelled) return;
  const duration took = run.ended - run.began;
  add(mine, 0, took);
  if (why) count_error(*why);
  else if (took <= promised_.p99) mine.add(within_p99, 1);
}

void run_meter::take_over(const run_meter& from) noexcept {
  const auto mine = words_.mine();
  for (std::size_t at = 0; at < first_histogram + histogram_words; ++at) mine.add(at, from.words_.sum(at));
  for (const auto& of_stage : from.errors_)
    for (std::size_t code = 0; code < codes; ++code)
      errors_.back()[code].fetch_add(of_stage[code].load(std::memory_order_relaxed), std::memory_order_relaxed);
}

void run_meter::count_error(const failure& why) noexcept {
  const bool is_ours = why.code().category() == error_category() && why.code().value() > 0 && why.code().value() < int(codes);
  errors_[stage_of(why.path())][is_ours ? static_cast<std::size_t>(why.code().value()) : 0].fetch_add(1, std::memory_order_relaxed);
}

/// The one that a path begins with, as in `each[17]/summarise`.
std::size_t run_meter::stage_of(std::string_view path) const noexcept {
  return static_cast<std::size_t>(std::ranges::find_if(of_.stages, [&](const std::string& s) { return begins_with_stage(path, s); }) - of_.stages.begin());
}

duration_histogram run_meter::histogram(std::size_t which) const {
  const std::size_t at = first_histogram + which * histogram_words;
  duration_histogram h;
  h.add_sum(duration_histogram::total(static_cast<double>(words_.sum(at))));
  for (std::size_t b = 0; b < duration_buckets::count; ++b) h.add(b, words_.sum(at + 1 + b));
  return h;
}

void run_meter::collect(metric_set& to) const {
  if (of_.is_chain) collect_runs(to);
  for (std::size_t i = 0; i < of_.stages.size(); ++i)
    if (!of_.stages[i].empty()) to.add(families::stage_duration, {{"chain", of_.chain}, {"stage", of_.stages[i]}}, histogram(i + 1), bounds_);
}

void run_meter::collect_runs(metric_set& to) const {
  std::uint64_t ended_count = 0;
  for (const auto& [how, name] : {std::pair{run_ending::answered, "answered"}, std::pair{run_ending::degraded, "degraded"},
                                  std::pair{run_ending::failed, "failed"}, std::pair{run_ending::cancelled, "cancelled"}}) {
    ended_count += count_of(how);
    to.add(families::runs, {{"chain", of_.chain}, {"outcome", name}}, static_cast<double>(count_of(how)));
  }
  const std::uint64_t begun_count = words_.sum(begun_word);  // last: it is never behind
  to.add(families::runs_in_flight, {{"chain", of_.chain}}, static_cast<double>(begun_count - std::min(begun_count, ended_count)));
  to.add(families::run_duration, {{"chain", of_.chain}}, histogram(0), bounds_);
  collect_errors(to);
  collect_slo(to);
}

void run_meter::collect_errors(metric_set& to) const {
  for (std::size_t i = 0; i < errors_.size(); ++i)
    for (std::size_t code = 0; code < codes; ++code) {
      const std::uint64_t count = errors_[i][code].load(std::memory_order_relaxed);
      if (count == 0) continue;
      const std::string_view stage = i < of_.stages.size() ? std::string_view(of_.stages[i]) : "";
      const std::string_view name = name_of(static_cast<errc>(code));
      to.add(families::run_errors, {{"chain", of_.chain}, {"stage", stage}, {"code", name.empty() ? "other" : name}}, static_cast<double>(count));
    }
}

void run_meter::collect_slo(metric_set& to) const {
  const auto tell = [&](std::string_view objective, std::uint64_t good, std::uint64_t all, double target) {
    to.add(families::slo_good_events, {{"chain", of_.chain}, {"objective", objective}}, static_cast<double>(good));
    to.add(families::slo_events, {{"chain", of_.chain}, {"objective", objective}}, static_cast<double>(all));
    to.add(families::slo_target, {{"chain", of_.chain}, {"objective", objective}}, target);
  };
  const std::uint64_t within = words_.sum(within_p99);
  const std::uint64_t answered = count_of(run_ending::answered) + count_of(run_ending::degraded);
  if (promised_.success > 0) tell("success", answered, answered + count_of(run_ending::failed), promised_.success);
  if (promised_.p99 <= duration{}) return;
  tell("latency", within, answered, 0.99);
  to.add(families::slo_bound, {{"chain", of_.chain}}, std::chrono::duration<double>(promised_.p99).count());
}

}  // namespace catena::detail
