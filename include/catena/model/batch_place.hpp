// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One request for a model, and the place where an instance has its batch of them. Types are erased.
#include <catena/model/bisection.hpp>
#include <catena/observe/request_trace.hpp>
#include <catena/result.hpp>
#include <catena/runtime/compute_pool.hpp>
#include <catena/runtime/ready_list.hpp>
#include <catena/schedule/batch_former.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace catena::detail {

class batcher;
struct batch_place;

/// One request for a model, a part of whatever asks. It stays where it is until it is ended, exactly once.
struct pending_request : queued_request {
  const void* input = nullptr;
  std::uint32_t locality = 0;  ///< of its input; see request_measures
  bool unwanted = false;  ///< withdrawn, perhaps before it was submitted; guarded by the batcher's lock
  bool expired = false;   ///< its deadline passed while it was queued: it is failed, and was not computed
};

/// How requests end that are not answered.
struct request_operations {
  /// The lock of the place is held.
  void (*fail)(batch_place&, pending_request&, failure);
  /// It was taken out of the queue, and nothing was computed.
  void (*evict)(pending_request&, failure);
  /// Its executor is gone while it was queued.
  void (*abandon)(pending_request&) noexcept;
  /// Its executor is gone while it is computed: whoever asked will go without it, the request itself is ended later. True:
  /// abandon_given_up must follow, under no lock, because what it destroys is the user's.
  bool (*give_up)(pending_request&) noexcept;
  void (*abandon_given_up)(pending_request&) noexcept;
};

/// Answers for runs on one executor other than the runtime's.
struct journey {
  boost::asio::any_io_executor executor;
  ready_list answers = {};
  explicit journey(boost::asio::any_io_executor to) noexcept : executor(std::move(to)) {}
};

/// One instance's place: the batch it has, if any.
///
/// `mutex` guards the rows from when the batch is formed: an answer on its way home holds it, so that an executor is not
/// destroyed meanwhile. The submit path never takes it.
struct batch_place : compute_job {
  batch_place() noexcept { run = &run_job; }

  batcher* owner = nullptr;
  std::size_t index = 0;               ///< of the instance
  std::mutex mutex;
  std::vector<queued_request*> taken;  ///< as they came out of the queue
  std::vector<pending_request*> rows;  ///< null: ended
  std::size_t first = 0;               ///< row of the batch, which is a part of the rows when it is computed again
  std::size_t size = 0;                ///< of the batch
  formed_batch formed;                 ///< as it was taken out of the queue
  bool open = false;                   ///< the batch is not done
  bool called = false;                 ///< the instance's function has not returned
  bool gathers = false;                ///< answers wait for each other although it has returned
  bool failed = false;                 ///< the instance threw: how long it took says nothing
  std::optional<failure> thrown;       ///< by the instance for this part, with rows not answered yet
  bisection repeats;                   ///< of rows that threw
  std::size_t wasted = 0;              ///< answers that nobody waited for
  bool timed = true;                   ///< how long the batch takes is measured
  std::uint32_t untimed_count = 0;     ///< batches since one was
  time_point began{};                  ///< when the instance was free for it and requests waited
  time_point formed_at{};              ///< when its rows were taken out of the queue; where somebody measures it
  std::shared_ptr<batch_record> traced;  ///< null: the runtime has no tracer
  bool follows = false;                ///< on a batch, at once: `began` is known before it is formed
  std::shared_ptr<batcher> pin;        ///< set from when the place is scheduled until it is idle
  ready_list homeward;                 ///< ended while the function runs, on their way to the runtime's executor together
  ready_list onward;                   ///< the same, whose runs go on with another model, from this thread
  std::vector<journey> abroad;         ///< the same, to other executors
  std::atomic<int> handing_over{0};    ///< threads in hand_over(): the executor must stay

  /// Takes row i of the batch out, to be ended by the caller; null, and a line in the log, if it has been ended or never was.
  [[nodiscard]] pending_request* take_locked(std::size_t i) noexcept;
  /// With the others when the instance's function returns; at once if it has returned and they are not gathered.
  void send_home_locked(ready_node& node) noexcept;
  void send_abroad_locked(ready_node& node, const boost::asio::any_io_executor& to);
  /// Sends what has been ended so far on its way. The lock must not be held: runs may end by it, and what they own.
  void hand_over() noexcept;
  /// So many rows from this one on fail, those that are not ended.
  void fail_rows(std::size_t from, std::size_t count, const failure& why) noexcept;

  // ---- for the batch ----

  /// For traces: it is computed from now on, or has been.
  void note_computing() noexcept;
  void note_computed() noexcept;
  /// The instance threw: what is unanswered fails with it, or is computed again in parts.
  void threw(std::exception_ptr cause) noexcept;
  /// The batch is done: what is unanswered fails, and the instance is free once its function has returned.
  void finish() noexcept;

 private:
  static void run_job(compute_job& job) noexcept;
  [[nodiscard]] bool compute_part() noexcept;
  [[nodiscard]] bool next_part() noexcept;
  /// Moves what is not ended of the batch to its front; returns how many those are.
  [[nodiscard]] std::size_t close_ranks_locked() noexcept;
  void fail_unanswered_locked() noexcept;
};

}  // namespace catena::detail
