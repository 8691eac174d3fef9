// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Adds up how long each stage took, from what the runtime reports.
#include <catena/observe/sink.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "legal_document/report.hpp"

namespace legal {

/// \threads safe
class stage_clock final : public catena::sink {
 public:
  void run_ended(const catena::run_record& record) override {
    std::lock_guard lock(mutex_);
    if (record.why) last_failure_ = record.why->to_string();
    for (std::size_t i = 0; i < record.stages.size(); ++i) {
      if (record.spans[i].ended == catena::time_point{}) continue;
      if (record.stages[i].empty()) add_locked(record.chain, record.spans[i], &entry::within);
      else add_locked(record.stages[i], record.spans[i], &entry::whole);
    }
  }

  /// Why the last run, or run within a run, has failed that did; empty if none did. Then it is forgotten.
  [[nodiscard]] std::string take_last_failure() {
    std::lock_guard lock(mutex_);
    return std::exchange(last_failure_, {});
  }

  /// In the order in which they began first.
  [[nodiscard]] std::vector<stage_time> stages() const {
    std::lock_guard lock(mutex_);
    auto sorted = stages_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const entry& a, const entry& b) { return a.began < b.began; });
    std::vector<stage_time> times;
    for (const auto& e : sorted) {
      const tally& t = e.whole.runs != 0 ? e.whole : e.within;
      times.push_back({e.stage, t.runs, t.total});
    }
    return times;
  }

 private:
  struct tally {
    std::size_t runs = 0;
    std::chrono::nanoseconds total{0};
  };
  /// What is said about a stage, a timeout or a retry, makes it a run whose stages have no names of their own, and so does each(). These
  /// count where the stage itself is in no run, as in each(): else they are parts of it.
  struct entry {
    std::string stage;
    catena::time_point began;
    tally whole = {};
    tally within = {};
  };

  void add_locked(std::string_view name, const catena::stage_span& span, tally entry::*of) {
    auto found = std::find_if(stages_.begin(), stages_.end(), [&](const entry& e) { return e.stage == name; });
    if (found == stages_.end()) found = stages_.insert(stages_.end(), {std::string(name), span.began});
    found->began = std::min(found->began, span.began);
    tally& to = (*found).*of;
    ++to.runs;
    to.total += std::chrono::duration_cast<std::chrono::nanoseconds>(span.ended - span.began);
  }

  mutable std::mutex mutex_;
  std::vector<entry> stages_;
  std::string last_failure_;
};

}  // namespace legal
