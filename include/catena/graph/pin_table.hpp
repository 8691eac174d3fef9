// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a request has chosen once for all that is a part of it.
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace catena::graph {

/// What each chooser has answered for one request, kept with its chooser until the last run of the request has ended.
/// \threads  safe: stages side by side may ask for the first time at once, and one of them chooses
/// \cost     linear in the number of choosers, of which a request has one or two
class pin_table {
 public:
  pin_table() = default;
  pin_table(const pin_table&) = delete;
  pin_table& operator=(const pin_table&) = delete;

  /// What `by` has chosen; null: nothing yet.
  [[nodiscard]] void* find(const void* by) const {
    const std::lock_guard lock(mutex_);
    return find_locked(by);
  }

  /// What `by` has chosen; if nothing yet, what `choose()` answers, a std::shared_ptr. Null is not kept.
  template <class Choose>
  [[nodiscard]] void* pin(const std::shared_ptr<void>& by, Choose choose) {
    const std::lock_guard lock(mutex_);
    if (void* earlier = find_locked(by.get())) return earlier;
    std::shared_ptr<void> chosen = choose();
    if (!chosen) return nullptr;
    return pins_.emplace_back(by, std::move(chosen)).second.get();
  }

 private:
  [[nodiscard]] void* find_locked(const void* by) const noexcept {
    for (const auto& [chooser, chosen] : pins_)
      if (chooser.get() == by) return chosen.get();
    return nullptr;
  }

  mutable std::mutex mutex_;
  std::vector<std::pair<std::shared_ptr<void>, std::shared_ptr<void>>> pins_;
};

}  // namespace catena::graph
