// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The streams and events of a fake accelerator: who does what when, without a thread of its own.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace catena::test {

using fake_clock = std::chrono::steady_clock;

/// What a stream did, from when to when.
struct fake_work {
  int device = 0;
  std::int64_t stream = 0;  ///< 0: the device's default stream
  std::string what;         ///< a copy's direction, or the operator's name
  fake_clock::time_point begin, end;
};

/// For each stream, how many pieces of its work are known to be done: a vector clock.
using fake_progress = std::vector<std::uint64_t>;

/// Who used a piece of device memory.
struct fake_uses {
  std::size_t home = 0;           ///< the stream that it was allocated on, whose later work may have it again
  std::size_t writer = 0;         ///< the stream that wrote it last
  std::uint64_t written = 0;      ///< which piece of its work that was; 0: none
  fake_progress read;             ///< for each stream, the last piece of its work that read it
  std::vector<bool> is_recorded;  ///< the streams that it is not given back before
};

/// A copy between host and device, which happens while the host does something else.
class fake_copy {
 public:
  virtual ~fake_copy() = default;
  /// The device's memory is read or written now, since later work on it is about to begin.
  virtual void touch_device() = 0;
  /// The host's memory must not have changed until now, or is written now.
  virtual void finish() = 0;
};

/// Work is queued in order on each stream and lasts as long as it says. Nothing runs by itself: whoever asks whether something is
/// done has everything done that is due. So host memory that is touched too early, or read without asking, is always wrong.
/// \threads  safe
class fake_streams {
 public:
  static constexpr std::size_t devices = 2, of_device = 33;  ///< the default one, and a pool

  struct event {
    fake_clock::time_point fires_at;
    fake_progress progress;  ///< empty: never recorded
  };

  struct use {
    fake_uses* memory = nullptr;
    bool writes = false;
  };

  fake_streams();

  /// Work whose effect the caller brings about right after this: all that is ordered before it has been done by then.
  /// \return which piece of the stream's work it is
  std::uint64_t launch(std::size_t stream, std::string what, fake_clock::duration lasts, const std::vector<use>& uses);
  void launch_copy(std::size_t stream, std::string what, fake_clock::duration lasts, use of, std::unique_ptr<fake_copy> copy);

  /// The memory is given back; a real allocator gives it to the next who asks on its home stream.
  void give_back(const fake_uses& memory);
  void record_use(fake_uses& memory, std::size_t stream);

  [[nodiscard]] event record(std::size_t stream);
  void wait(std::size_t stream, const event& e);
  [[nodiscard]] bool is_done(const event& e);
  [[nodiscard]] bool is_idle(std::size_t stream);
  void synchronize(const event& e);
  void synchronize(std::size_t stream) { synchronize(record(stream)); }

  [[nodiscard]] std::vector<fake_work> log() const;
  /// Uses of memory that no event and no waiting of the host puts in order, a line each.
  [[nodiscard]] std::vector<std::string> races() const;
  void forget();
  /// Nothing is under way any more, and what was never waited for never happens.
  void reset();

 private:
  struct state {
    fake_clock::time_point free_at;
    fake_progress progress;  ///< of all streams, as this one knows it; its own entry counts what was queued on it
  };
  struct pending {
    std::size_t stream;
    std::uint64_t number;
    fake_clock::time_point end;
    std::unique_ptr<fake_copy> copy;
  };

  std::uint64_t begin_locked(std::size_t stream, std::string what, fake_clock::duration lasts, const std::vector<use>& uses);
  void check_locked(std::size_t stream, const std::string& what, const use& u);
  void finish_due_locked(fake_clock::time_point now);

  mutable std::mutex mutex_;
  std::vector<state> streams_;
  fake_progress host_;            ///< what the host has waited for; whatever it queues comes after that
  std::vector<pending> pending_;  ///< in the order in which they were queued
  std::vector<fake_work> log_;
  std::vector<std::string> races_;
};

}  // namespace catena::test
