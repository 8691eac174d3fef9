// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Whoever has something measured, and who asks for it.
#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

namespace catena {

class metric_set;

/// Something that has measured itself: a model, a cache, a pool.
class metric_source {
 public:
  virtual ~metric_source() = default;
  /// \threads  any, one at a time for each runtime; must not wait for runs
  virtual void collect(metric_set& to) const = 0;
};

/// The sources of a runtime.
/// \threads  safe
class metric_sources {
 public:
  /// It is one of them as long as somebody else holds it.
  void add(std::weak_ptr<const metric_source> source) {
    const std::lock_guard lock(mutex_);
    if (sources_.size() == sources_.capacity()) std::erase_if(sources_, [](const auto& s) { return s.expired(); });
    sources_.push_back(std::move(source));
  }
  void collect(metric_set& to) const {
    std::vector<std::shared_ptr<const metric_source>> all;  // asked, and perhaps destroyed, under no lock
    {
      const std::lock_guard lock(mutex_);
      for (const auto& weak : sources_)
        if (auto source = weak.lock()) all.push_back(std::move(source));
    }
    for (const auto& source : all) source->collect(to);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<const metric_source>> sources_;
};

}  // namespace catena
