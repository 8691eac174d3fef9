// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is counted of the runs of one chain, or of what a stage consists of.
#include <catena/error.hpp>
#include <catena/observe/histogram.hpp>
#include <catena/observe/sharded_words.hpp>
#include <catena/observe/sink.hpp>
#include <catena/observe/slo.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace catena {
class metric_set;
}

namespace catena::detail {

/// How a run ended, as it is counted.
enum class run_ending : std::uint8_t { answered, degraded, failed, cancelled };
inline constexpr std::size_t run_ending_count = 4;

/// Counts the runs of one plan, and how long each of its stages took.
/// \threads  safe
/// \cost     ended(): some 5 ns a stage, no lock, no allocation after a thread's first run; of a failure, a search for its stage
class run_meter {
 public:
  /// What is counted, and under which names.
  struct subject {
    std::string chain;
    std::vector<std::string> stages;  ///< their paths inside the chain, in the order of the plan's steps; empty: it is not told
    bool is_chain = false;            ///< else a part of a stage: only its stages are told
    auto operator<=>(const subject&) const = default;
  };

  run_meter(subject of, slo promised, std::span<const duration> bounds);

  void began() noexcept { words_.mine().add(begun_word, 1); }
  /// \param is_whole  it began(); else only its stages count
  /// \param run     from its first stage until it was answered
  /// \param stages  one for each of its subject's, or none; those that have begun count, until the run's end at most
  /// \param why     null when it answered
  void ended(bool is_whole, stage_span run, std::span<const stage_span> stages, const failure* why, bool is_degraded) noexcept;

  [[nodiscard]] bool counts_runs() const noexcept { return of_.is_chain; }
  /// Counts on from what another one has counted of runs, which counts no more; nothing of its stages.
  void take_over(const run_meter& from) noexcept;
  void collect(metric_set& to) const;

 private:
  static constexpr std::size_t codes = 64;  ///< those of errc, and at zero all others
  enum word : std::size_t { begun_word, within_p99, first_ending, first_histogram = first_ending + run_ending_count };
  /// A histogram's sum, and its buckets.
  static constexpr std::size_t histogram_words = 1 + duration_buckets::count;

  static void add(const sharded_words::shard& to, std::size_t histogram, duration took) noexcept {
    const std::size_t at = first_histogram + histogram * histogram_words;
    to.add(at, static_cast<std::uint64_t>(took.count()));
    to.add(at + 1 + duration_buckets::of(took), 1);
  }
  void count_error(const failure& why) noexcept;
  [[nodiscard]] std::uint64_t count_of(run_ending how) const noexcept { return words_.sum(first_ending + static_cast<std::size_t>(how)); }
  [[nodiscard]] duration_histogram histogram(std::size_t which) const;
  [[nodiscard]] std::size_t stage_of(std::string_view path) const noexcept;
  void collect_runs(metric_set& to) const;
  void collect_errors(metric_set& to) const;
  void collect_slo(metric_set& to) const;

  const subject of_;
  const slo promised_;
  const std::vector<duration> bounds_;
  sharded_words words_;  ///< the first histogram is the runs', then there is one for each stage
  /// Failures by stage, those that are of no stage behind all others, and by code.
  std::vector<std::array<std::atomic<std::uint64_t>, codes>> errors_;
};

}  // namespace catena::detail
