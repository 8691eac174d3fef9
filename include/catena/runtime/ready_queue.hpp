// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Brings work to an executor in groups: one Asio operation resumes many waiting runs.
#include <catena/runtime/brief_mutex.hpp>
#include <catena/runtime/ready_list.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>

namespace catena {

/// A queue of ready_nodes in front of one executor.
///
/// The first node that comes posts a drainer; a drainer takes a share of what waits, lets another drainer take the next
/// share, and resumes its own. Little work is taken one by one, so that no node waits behind a long one while a thread
/// is idle; much work is taken in groups of up to 64.
/// \order    first in, first taken
/// \threads  safe
/// \cost     push: one uncontended lock, or none from inside a drainer; no allocation
/// \source   guided self-scheduling, Polychronopoulos and Kuck (1987), for the size of the shares
class ready_queue : public std::enable_shared_from_this<ready_queue> {
 public:
  static constexpr std::size_t max_share = 64;

  explicit ready_queue(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {
    drainer_.queue = this;
    drainer_.resume = &drainer_resumed;
  }

  void push(ready_node& node);
  /// The same for all of a list, which wakes the executor once.
  void push(ready_list&& nodes);
  [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_.get(); }
  [[nodiscard]] const home_executor& home() const noexcept { return executor_; }
  /// Keeps the executor from running out of work until as many drop_work() have come. It may be destroyed before.
  void hold_work() noexcept;
  void drop_work() noexcept;
  /// Nobody will say any more when the executor is destroyed: waits until other threads that are posting to it have done so.
  void let_go_of_executor() const noexcept;
  /// The executor is about to be destroyed: what waits, and whatever comes later, is abandoned.
  void executor_gone() noexcept;

 private:
  class drain_scope;
  struct drainer_node : ready_node {
    ready_queue* queue = nullptr;
  };

  void drain();
  /// Appends the nodes and posts a drainer if none is on its way; unlocks.
  void append_and_post(std::unique_lock<brief_mutex> lock, ready_list&& nodes) noexcept;
  void close() noexcept;
  [[nodiscard]] boost::asio::any_io_executor let_go_of_work_locked() noexcept;
  static void drainer_resumed(ready_node& node, wake how);

  static thread_local const ready_queue* posting_here_;  ///< the one whose drainer this thread is posting
  home_executor executor_;
  brief_mutex mutex_;
  ready_list waiting_;
  drainer_node drainer_;
  memory_slot drainer_memory_;
  std::shared_ptr<ready_queue> pin_;  ///< set while the drainer is posted: there is never more than one on its way
  std::atomic<int> posting_{0};  ///< how many threads are posting a drainer: until they have, the executor must stay
  bool gone_ = false;
  static constexpr std::size_t is_busy = 1, one_held = 2;
  std::atomic<std::size_t> held_{0};   ///< how many times, and whether the executor is kept busy
  boost::asio::any_io_executor work_;  ///< tracks outstanding work while any is held
};

}  // namespace catena
