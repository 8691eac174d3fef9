// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A sink that keeps what it is told.
#include <catena/observe/sink.hpp>

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace catena::testing {

/// One ended run, as an owned copy of its run_record.
struct recorded_run {
  struct stage {
    std::string name;
    stage_span span;
    [[nodiscard]] bool began() const noexcept { return span.began != time_point{}; }
    [[nodiscard]] bool ended() const noexcept { return span.ended != time_point{}; }
  };
  std::string chain;
  std::uint64_t id = 0;
  std::optional<trace_context> trace_parent;
  std::vector<stage> stages;
  failure why;  ///< null when the run answered
  bool degraded = false;
};

/// Keeps a copy of every record, in the order in which runs ended.
/// \threads  safe
class recording_sink final : public sink {
 public:
  void run_ended(const run_record& record) override;

  [[nodiscard]] std::vector<recorded_run> records() const;
  [[nodiscard]] std::size_t count() const;
  void clear();

 private:
  mutable std::mutex mutex_;
  std::vector<recorded_run> records_;
};

}  // namespace catena::testing
