// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a stream is apart from its items: who is there, who waits, until when, and how it ended.
#include <catena/call.hpp>
#include <catena/observe/request_trace.hpp>
#include <catena/result.hpp>
#include <catena/runtime/brief_mutex.hpp>
#include <catena/runtime/pinned_timer.hpp>
#include <catena/runtime/state.hpp>
#include <catena/stream/stream_options.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace catena::detail {

/// Somebody who waits at a stream.
struct stream_waiter {
  /// Called once by whoever has taken it out, under no lock: it posts.
  void (*told)(stream_waiter&) = nullptr;
};

/// Those who are to be told once the lock is released.
class told_waiters {
 public:
  told_waiters() = default;
  told_waiters(const told_waiters&) = delete;
  told_waiters& operator=(const told_waiters&) = delete;
  ~told_waiters() {
    for (stream_waiter* w : all_)
      if (w) w->told(*w);
    if (stop_) stop_();
  }
  void add(stream_waiter*& waiter) noexcept { all_[count_++] = std::exchange(waiter, nullptr); }
  void stop(std::function<void()>& producer) noexcept { stop_.swap(producer); }

 private:
  stream_waiter* all_[3] = {};
  std::size_t count_ = 0;
  std::function<void()> stop_;
};

/// The driver of a stream, for one writer and one reader.
/// \threads  safe
/// \lifetime pinned by the stream, its writer, those who wait, and its timer
class stream_core : public executor_user, public std::enable_shared_from_this<stream_core> {
 public:
  /// \param deadline  when the stream fails with errc::deadline_exceeded if it has not ended
  stream_core(std::shared_ptr<runtime_state> runtime, const stream_options& options, time_point deadline);
  stream_core(const stream_core&) = delete;
  stream_core& operator=(const stream_core&) = delete;

  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept { return runtime_; }
  [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
  /// The run that it comes from, once, before anybody else knows it.
  void comes_from(const call& c) noexcept {
    from_ = {.priority = c.priority(), .tenant = c.tenant(), .id = c.id(), .trace_parent = c.trace_parent()};
    if (const trace_place* const place = c.options().part_of->recording) recorded_in_ = place->log;
  }
  /// Where that run is recorded; null: nowhere.
  [[nodiscard]] const boost::intrusive_ptr<request_trace>& recorded_in() const noexcept { return recorded_in_; }
  /// Options of what is called for it; they hold as long as it.
  [[nodiscard]] run_options options_within() const noexcept {
    run_options o = from_;
    o.deadline = deadline_;
    return o;
  }
  /// Once, before anybody else knows it: from now on it can fail by time.
  void begin();

  /// Called when nobody wants the items any more: the reader has gone, the time is over. At most once.
  void on_stop(std::function<void()> stop);
  [[nodiscard]] bool is_wanted() const noexcept;

  /// The reader waits for an item or the end. False: it need not.
  [[nodiscard]] bool wait_to_read(stream_waiter& w);
  /// Its stage waits for the first item or the end.
  [[nodiscard]] bool wait_for_first(stream_waiter& w);
  /// Takes one out; false: it is being told.
  [[nodiscard]] bool withdraw(stream_waiter& w);
  /// Whether another one waits for the same already.
  [[nodiscard]] bool is_read() const noexcept;

  void reader_left() noexcept;
  /// \param why  not set: all has been written
  void writer_left(failure why) noexcept;
  void executor_gone() noexcept override;

 protected:
  ~stream_core() = default;

  [[nodiscard]] bool has_ended_locked() const noexcept { return !open_; }
  [[nodiscard]] bool is_full_locked() const noexcept { return count_ == options_.capacity; }
  void came_locked(told_waiters& told) noexcept;       ///< an item
  void was_taken_locked(told_waiters& told) noexcept;  ///< room for another one
  void wait_to_write_locked(stream_waiter& w);

  mutable brief_mutex mutex_;
  const stream_options options_;
  std::size_t count_ = 0;            ///< items that wait for the reader
  bool reader_here_ = true;
  failure why_;                      ///< why it has ended, if not well
  stream_waiter* writer_ = nullptr;  ///< waits for room

 private:
  void end_locked(failure why, told_waiters& told) noexcept;
  void set_timer_locked();
  static void time_has_come(timer_node& node, wake how);

  const std::shared_ptr<runtime_state> runtime_;
  const time_point deadline_;
  run_options from_ = {};
  boost::intrusive_ptr<request_trace> recorded_in_;
  bool open_ = true;                 ///< more may come
  stream_waiter* reader_ = nullptr;
  stream_waiter* first_ = nullptr;
  time_point idle_end_ = no_deadline;  ///< of the writer's wait
  pinned_timer<stream_core> timer_;
  std::function<void()> stop_;
};

}  // namespace catena::detail
