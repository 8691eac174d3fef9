// SPDX-License-Identifier: BSL-1.0
#include <catena/testing/recording_sink.hpp>

#include <utility>

namespace catena::testing {

void recording_sink::run_ended(const run_record& record) {
  recorded_run copy{.chain = std::string(record.chain), .id = record.id, .trace_parent = {}, .stages = {}, .why = {}, .degraded = record.degraded};
  if (record.trace_parent) copy.trace_parent = *record.trace_parent;
  for (std::size_t i = 0; i < record.stages.size(); ++i)
    copy.stages.push_back({std::string(record.stages[i]), record.spans[i]});
  if (record.why) copy.why = *record.why;
  std::lock_guard lock(mutex_);
  records_.push_back(std::move(copy));
}

std::vector<recorded_run> recording_sink::records() const {
  std::lock_guard lock(mutex_);
  return records_;
}

std::size_t recording_sink::count() const {
  std::lock_guard lock(mutex_);
  return records_.size();
}

void recording_sink::clear() {
  std::lock_guard lock(mutex_);
  records_.clear();
}

}  // namespace catena::testing
