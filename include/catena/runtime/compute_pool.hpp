// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The threads on which models compute; the caller's executor is never used for that.
#include <catena/time.hpp>

#include <cstddef>
#include <memory>

namespace catena {

/// One piece of computing, a part of whatever submits it.
struct compute_job {
  compute_job* next = nullptr;
  /// The job may free or resubmit itself; it must not throw.
  void (*run)(compute_job&) noexcept = nullptr;
};

/// Whether threads leave the cores to others that want them.
enum class thread_urgency : bool { background, normal };

/// A fixed number of threads taking jobs first in, first out. Threads start with the first job.
/// In virtual time there are none: a job is a piece of the executor's work, so that a test decides when it runs.
/// \threads  safe
/// \lifetime destroying the pool waits for the jobs that run; jobs that have not begun are run first
class compute_pool {
 public:
  /// \param spin     how long a thread looks for work before it sleeps; on one core it never looks
  /// \param instead  where jobs run instead of on threads, if not null
  explicit compute_pool(std::size_t thread_count, duration spin = {}, const boost::asio::any_io_executor* instead = nullptr,
                        thread_urgency urgency = thread_urgency::normal);
  ~compute_pool();
  compute_pool(const compute_pool&) = delete;
  compute_pool& operator=(const compute_pool&) = delete;

  void submit(compute_job& job);
  [[nodiscard]] std::size_t thread_count() const noexcept;

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace catena
