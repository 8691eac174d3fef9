// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A chain for whoever looks at what chains there are.
#include <catena/graph/plan.hpp>

#include <mutex>

namespace catena::graph {

/// A plan that may have gone: it holds this, and not the other way round.
/// \threads  safe
class known_chain {
 public:
  explicit known_chain(const plan& p) noexcept : plan_(&p) {}

  /// Null: it has gone, or is about to.
  [[nodiscard]] plan_ptr lock() const noexcept {
    const std::lock_guard held(mutex_);
    if (!plan_) return nullptr;
    std::uint32_t n = plan_->references.load(std::memory_order_relaxed);
    do {
      if (n == 0) return nullptr;
    } while (!plan_->references.compare_exchange_weak(n, n + 1, std::memory_order_relaxed));
    return {plan_, false};
  }
  /// The plan is being destroyed.
  void forget() noexcept {
    const std::lock_guard held(mutex_);
    plan_ = nullptr;
  }

 private:
  mutable std::mutex mutex_;
  const plan* plan_;
};

}  // namespace catena::graph
