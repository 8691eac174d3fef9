// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Adds up how long each stage took, from what the runtime reports.
#include <catena/observe/sink.hpp>

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "legal_document/report.hpp"

namespace legal {

/// \threads safe
class stage_clock final : public catena::sink {
 public:
  void run_ended(const catena::run_record& record) override {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < record.stages.size(); ++i)
      add_locked(record.stages[i].empty() ? record.chain : record.stages[i], record.spans[i]);
  }

  /// In the order in which they began first.
  [[nodiscard]] std::vector<stage_time> stages() const {
    std::lock_guard lock(mutex_);
    auto sorted = stages_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const entry& a, const entry& b) { return a.began < b.began; });
    std::vector<stage_time> times;
    for (auto& e : sorted) times.push_back(std::move(e.time));
    return times;
  }

 private:
  struct entry {
    stage_time time;
    catena::time_point began;
  };

  void add_locked(std::string_view name, const catena::stage_span& span) {
    auto found = std::find_if(stages_.begin(), stages_.end(), [&](const entry& e) { return e.time.stage == name; });
    if (found == stages_.end()) found = stages_.insert(stages_.end(), {{std::string(name), 0, {}}, span.began});
    found->began = std::min(found->began, span.began);
    ++found->time.runs;
    found->time.total += std::chrono::duration_cast<std::chrono::nanoseconds>(span.ended - span.began);
  }

  mutable std::mutex mutex_;
  std::vector<entry> stages_;
};

}  // namespace legal
