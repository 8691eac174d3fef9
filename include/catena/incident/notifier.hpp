// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How a person is told that a run went wrong.
#include <catena/incident/incident.hpp>
#include <catena/incident/json_lines.hpp>
#include <catena/incident/notice_options.hpp>
#include <catena/runtime/state.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace catena {

/// Where a sink is called: one that may wait for a disk keeps a loading thread of the runtime's, and not its executor.
enum class sink_place : std::uint8_t { on_the_executor, where_it_may_block };

/// Somebody who takes incidents: a function, or a file. What it throws is logged.
class incident_sink {
 public:
  template <class F>
    requires(std::invocable<F&, const incident&> && !std::same_as<std::decay_t<F>, incident_sink>)
  incident_sink(F f, sink_place where = sink_place::on_the_executor) : take(std::move(f)), place(where) {}  // NOLINT
  incident_sink(json_lines_file file) : take(std::move(file)), place(sink_place::where_it_may_block) {}         // NOLINT

  std::function<void(const incident&)> take;
  sink_place place;
};

struct notifier_options {
  std::vector<incident_sink> sinks = {};  ///< who is told
  notice_options notices = {};       ///< of how much of it
  /// What becomes of an input before anybody is told; empty: it stays as it is. If it throws, the input is left out.
  std::function<std::string(std::string_view)> redactor = {};
  /// Who keeps the failed runs for replay: every one of them, with its inputs as they are, since what was redacted cannot be
  /// replayed. They lie as safe as you put them.
  std::vector<incident_sink> dead_letters = {};
  std::size_t capacity = 1000;  ///< incidents that may wait for a slow sink, at least 1; the next one is lost, and the log says so
};

/// What became of incidents.
struct notifier_stats {
  std::uint64_t told = 0;        ///< to all sinks, at least once tried
  std::uint64_t suppressed = 0;  ///< by rate and window
  std::uint64_t lost = 0;        ///< a sink was too slow for them, or failed
  std::uint64_t failed = 0;      ///< those of them of which a sink threw
  std::uint64_t taken = 0;       ///< by a sink, dead letters too
  std::size_t waiting = 0;       ///< for a sink
};

/// Tells a person of incidents, not too many of them. A cheap shared handle, for any number of stages and chains.
///
///     const notifier to_us({.sinks = {page_somebody, json_lines_file("incidents.jsonl")}});
///     in >> stage("pay", pay).retry().fallback(pay_later).notify(to_us)
///
/// Sinks are called one after the other, never by the run that failed and never two at once at the same place. None of them can
/// fail or delay a run. What became of incidents is among the metrics of each runtime that has a chain with such a stage.
/// \threads  safe
class notifier {
 public:
  /// \errors std::invalid_argument: an option is out of range, or there is no sink at all
  explicit notifier(notifier_options options);

  [[nodiscard]] notifier_stats stats() const noexcept;

  // ---- for those who have something to tell ----

  /// Tells it, unless it is like one that was told lately or there are too many. One that is parked is always told: nobody could
  /// decide otherwise.
  void tell(const std::shared_ptr<runtime_state>& runtime, incident what) const noexcept;
  /// Keeps it for replay.
  void bury(const std::shared_ptr<runtime_state>& runtime, incident what) const noexcept;
  [[nodiscard]] bool keeps_dead_letters() const noexcept;
  /// From now on it is told of in the runtime's metrics, once, however often that is said.
  void add_to_metrics(const std::shared_ptr<runtime_state>& runtime) const;

 private:
  class core;
  std::shared_ptr<core> core_;
};

}  // namespace catena
