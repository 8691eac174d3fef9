// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Traces as Perfetto and Chrome show them.
#include <catena/observe/tracer.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace catena {

/// An array of trace events: a process for each chain and each model, in it lanes of spans that lie in each other as they were, and in a
/// span what it spent its time on; an arrow from a request to each batch that it was in. Times are those of the steady clock.
/// \source  "Trace Event Format", Google; read by ui.perfetto.dev and chrome://tracing
[[nodiscard]] std::string chrome_trace_json(std::span<const std::shared_ptr<const trace>> traces);

struct chrome_trace_options {
  std::uint64_t max_bytes = 256 << 20;        ///< of the file, 4096 or more: what comes later is dropped
  std::size_t max_waiting_bytes = 16 << 20;   ///< of traces that wait to be written, about, 1 or more
};
/// \errors std::invalid_argument naming the member that is out of range
void check(const chrome_trace_options& options);

struct chrome_trace_stats {
  std::uint64_t written = 0;             ///< traces
  std::uint64_t dropped_waiting = 0;     ///< they came quicker than they could be written
  std::uint64_t dropped_full = 0;        ///< the file was as long as it may be
  std::uint64_t dropped_failed = 0;      ///< it could not be written to; from then on nothing is
  std::uint64_t bytes = 0;
};

/// A sink that writes them into a file, on a thread of its own. Where the process dies the array has no end, which its readers take.
///
///     auto by = tracer::create({.sinks = {std::make_shared<chrome_trace_file>("trace.json")}});
///
/// \threads  safe
class chrome_trace_file final : public trace_sink {
 public:
  /// Begins the file anew.
  /// \errors std::invalid_argument: an option is out of range; std::system_error: it cannot be written
  explicit chrome_trace_file(const std::string& path, const chrome_trace_options& options = {});
  /// Writes what waits, and the end of the array.
  ~chrome_trace_file() override;
  chrome_trace_file(const chrome_trace_file&) = delete;
  chrome_trace_file& operator=(const chrome_trace_file&) = delete;

  void take(std::shared_ptr<const trace> t) noexcept override;
  [[nodiscard]] chrome_trace_stats stats() const;

 private:
  class writer;
  std::unique_ptr<writer> writer_;
};

}  // namespace catena
