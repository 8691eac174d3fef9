// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Records requests, keeps those worth looking at, and hands them to sinks.
#include <catena/observe/request_trace.hpp>
#include <catena/observe/sharded_words.hpp>
#include <catena/observe/trace.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace catena {

class metric_set;

/// Takes traces that were kept.
/// \threads  called from any thread, concurrently, by whoever ended the run: it must not wait, and must not throw
class trace_sink {
 public:
  virtual ~trace_sink() = default;
  virtual void take(std::shared_ptr<const trace> t) noexcept = 0;
  /// Tells what it has measured of itself; among the metrics of each runtime whose tracer has it as a sink.
  virtual void collect(metric_set&) const {}
};

struct tracer_options {
  std::vector<std::shared_ptr<trace_sink>> sinks = {};
  /// The share of requests that is kept whatever becomes of them, 0 to 1. Whose caller has decided already, by the flag in
  /// run_options::trace_parent, is kept if that says so, and otherwise as all others are.
  double sample_share = 0.01;
  /// Requests that took longer are kept; zero: none for that.
  duration keep_slower_than = {};
  std::map<std::string, duration> keep_chain_slower_than = {};  ///< the same for some chains, by name
  bool keep_failed = true;                                      ///< those that were cancelled are none
  /// Of those that are kept for being slow or failed, so that a time when all fail is not one when all is spent on traces; zero: all.
  std::uint32_t max_kept_per_second = 100;
  std::size_t max_runs = 1000;                                  ///< runs inside of one request, 1 to 100 000, each with its stages; more are counted and dropped
  std::uint64_t seed = 0;                                       ///< of ids, for tests; zero: one that nobody can guess
  /// Of the hashes that `.trace_hash()` leaves: services that have the same see that they have the same values. Zero: one that nobody can
  /// guess, and hashes of this tracer can be compared with each other alone.
  std::array<std::uint64_t, 2> hash_key = {};
};

/// What runtime_options::tracer is given.
/// \threads  safe
/// \cost     of a request that is not kept: a clock read for each stage, 100 ns for itself, as much for each run inside it
/// \errors   std::invalid_argument naming the option that is out of range
class tracer : public std::enable_shared_from_this<tracer> {
 public:
  [[nodiscard]] static std::shared_ptr<tracer> create(tracer_options options);
  ~tracer();

  struct counts {
    std::uint64_t kept = 0;
    std::uint64_t dropped = 0;  ///< not worth keeping
    std::uint64_t limited = 0;  ///< slow or failed beyond tracer_options::max_kept_per_second
  };
  [[nodiscard]] counts seen() const noexcept;
  [[nodiscard]] const tracer_options& options() const noexcept { return options_; }

  // ---- for runs ----

  [[nodiscard]] std::uint64_t new_span() noexcept;
  [[nodiscard]] std::array<std::byte, 16> new_id() noexcept;
  /// \param own  of the outermost run; the flag says whether it is kept whatever becomes of it
  /// \returns null where nothing that becomes of the request would have it kept, or there is no memory
  [[nodiscard]] boost::intrusive_ptr<detail::request_trace> begin(const trace_context& own) noexcept;
  [[nodiscard]] bool samples(const std::array<std::byte, 16>& id) const noexcept;
  /// Why a request is kept whose outermost run has ended like that; nothing: it is not, and has been counted.
  [[nodiscard]] std::optional<kept_for> worth(const detail::request_trace& t, const detail::run_record_of_trace& outermost) noexcept;
  /// It is closed, and all that was recorded of it is there.
  void deliver(detail::request_trace& t, kept_for why) noexcept;
  [[nodiscard]] const hash_secret& hashes_keyed_with() const noexcept { return *hash_secret_; }
  void count_dropped() noexcept { words_.mine().add(dropped_word, 1); }

 private:
  explicit tracer(tracer_options options);
  /// How it did, not by its share.
  [[nodiscard]] std::optional<kept_for> notable(const detail::run_record_of_trace& outermost) const noexcept;
  [[nodiscard]] bool takes_one_more(time_point now) noexcept;

  const tracer_options options_;
  const std::uint64_t seed_;
  const std::unique_ptr<const hash_secret> hash_secret_;
  enum word : std::size_t { kept_word, dropped_word, limited_word, drawn_word, word_count };
  detail::sharded_words words_{word_count};
  std::atomic<std::uint64_t> kept_in_second_{0};  ///< which second, and how many in it, in 32 bits each
};

}  // namespace catena
