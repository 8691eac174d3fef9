// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What there is of something by now, each as long as somebody else holds it.
#include <memory>
#include <mutex>
#include <vector>

namespace catena {

/// \threads  safe
template <class T>
class registry {
 public:
  void add(std::weak_ptr<T> one) {
    const std::lock_guard lock(mutex_);
    if (all_.size() == all_.capacity()) std::erase_if(all_, [](const auto& w) { return w.expired(); });
    all_.push_back(std::move(one));
  }
  /// In the order in which they came. Whoever gets them may be the last to hold one.
  [[nodiscard]] std::vector<std::shared_ptr<T>> all() const {
    std::vector<std::shared_ptr<T>> held;
    const std::lock_guard lock(mutex_);
    for (const auto& weak : all_)
      if (auto one = weak.lock()) held.push_back(std::move(one));
    return held;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<T>> all_;
};

}  // namespace catena
