// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The runtime's one alarm clock: any number of waiting moments behind a single alarm.
#include <catena/runtime/brief_mutex.hpp>
#include <catena/runtime/home_executor.hpp>
#include <catena/runtime/timer_heap.hpp>

#include <memory>

namespace catena {

/// Fires timer_nodes on the runtime's executor when their moment comes. While any waits, the executor has work.
/// \threads  safe
class timer_service : public std::enable_shared_from_this<timer_service> {
 public:
  timer_service(std::shared_ptr<time_source> time, boost::asio::any_io_executor executor);

  /// Calls node.fire(node, wake::resumed) on the executor once node.when has come, unless it is removed first.
  void add(timer_node& node);
  /// True if the node was still waiting and now never fires; false if it fires, is firing or was never added.
  [[nodiscard]] bool remove(timer_node& node) noexcept;
  /// The executor is about to be destroyed: what waits, and whatever comes later, is abandoned.
  void executor_gone() noexcept;

 private:
  void ring();
  void set_alarm_locked();
  /// Nothing waits any more: what kept the executor busy, to be let go of outside the lock, as an io_context may stop by it.
  [[nodiscard]] boost::asio::any_io_executor work_if_idle_locked() noexcept;

  std::shared_ptr<time_source> time_;
  home_executor executor_;
  brief_mutex mutex_;
  timer_heap heap_;
  time_point alarm_at_ = no_deadline;
  std::unique_ptr<alarm> alarm_;  ///< made when first needed
  boost::asio::any_io_executor work_;  ///< tracks outstanding work while anything waits
  bool gone_ = false;
};

}  // namespace catena
