// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What belongs to a call from when it has been let in until it has ended.
#include <catena/http/message.hpp>
#include <catena/llm/budget.hpp>
#include <catena/llm/chat_model.hpp>
#include <catena/schedule/concurrency_limit.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

namespace catena::llm::detail {

/// What calls have come to.
/// \threads  safe
class call_counts {
 public:
  void answered(const answer& a) noexcept {
    const std::lock_guard lock(mutex_);
    ++stats_.answered;
    if (a.usage) stats_.used += *a.usage;
    stats_.cost += a.cost;
  }
  void failed() noexcept {
    const std::lock_guard lock(mutex_);
    ++stats_.failed;
  }
  [[nodiscard]] chat_stats so_far() const noexcept {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  mutable std::mutex mutex_;
  chat_stats stats_;
};

/// A call that has been let in, until it has ended: its place at the limit, and what it may cost.
class call_in_flight {
 public:
  call_in_flight(concurrency_slot slot, std::shared_ptr<call_counts> counts) noexcept
      : slot_(std::move(slot)), began_(slot_.entered()), counts_(std::move(counts)) {}
  call_in_flight(call_in_flight&&) noexcept = default;
  call_in_flight& operator=(call_in_flight&&) = delete;
  ~call_in_flight() {
    if (fate_ && costs_nothing(*fate_)) cost_.release();
    if (counts_) counts_->failed();
  }

  /// Under a budget: what it may cost, and what shows whether the server can know of it.
  void reserve(budget_reservation most, std::shared_ptr<http::request_fate> fate) noexcept {
    cost_ = std::move(most);
    fate_ = std::move(fate);
  }
  void ended(const answer& a) {
    slot_.leave(request_outcome::answered);
    if (const auto counts = std::exchange(counts_, nullptr)) counts->answered(a);
    if (a.usage) cost_.settle({a.usage->total(), a.cost});
    else cost_.keep();
  }
  /// How long answers take is up to who asks: only a server that has no time says anything about the limit.
  void failed(const failure& why) { slot_.leave(why.is(errc::busy) ? request_outcome::overloaded : request_outcome::ignored); }
  [[nodiscard]] time_point began() const noexcept { return began_; }

 private:
  /// What never reached the server, and what it has refused before it began. Of everything else, also of what failed behind a gateway (5xx
  /// but 503), it is taken to have been billed in full.
  static bool costs_nothing(const http::request_fate& fate) noexcept {
    const int status = fate.status.load(std::memory_order_relaxed);
    return !fate.sent.load(std::memory_order_relaxed) || (status >= 400 && status < 500) || status == 503;
  }

  concurrency_slot slot_;
  time_point began_;
  budget_reservation cost_;
  std::shared_ptr<http::request_fate> fate_;
  std::shared_ptr<call_counts> counts_;  ///< until it has been counted
};

}  // namespace catena::llm::detail
