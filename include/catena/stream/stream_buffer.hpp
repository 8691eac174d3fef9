// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The items of a stream that wait for its reader.
#include <catena/stream/stream_core.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace catena::detail {

/// A writer who waits, with what it has to write.
template <class T>
struct write_waiter : stream_waiter {
  std::optional<T> item;
  bool written = false;
};

template <class T>
class stream_buffer final : public stream_core {
  struct entry {
    std::optional<T> item;
    std::size_t restarts = 0;  ///< before it
  };

 public:
  stream_buffer(std::shared_ptr<runtime_state> runtime, const stream_options& options, time_point deadline)
      : stream_core(std::move(runtime), options, deadline), items_(std::make_unique<entry[]>(options.capacity)) {}

  /// True: it waits. False: it has been written, or never will be.
  [[nodiscard]] bool wait_to_write(write_waiter<T>& w) {
    told_waiters told;
    const std::lock_guard lock(mutex_);
    if (has_ended_locked() || writer_) return false;
    if (is_full_locked()) {
      wait_to_write_locked(w);
      return true;
    }
    put_locked(w, told);
    return false;
  }

  /// An item; nothing: the stream has ended. Waits for nothing: only where there is an item or an end.
  [[nodiscard]] result<std::optional<T>> take() {
    told_waiters told;
    const std::lock_guard lock(mutex_);
    if (count_ == 0) {
      if (why_.is_set()) return why_;
      return std::optional<T>();
    }
    entry& next = items_[front_];
    std::optional<T> taken = std::exchange(next.item, std::nullopt);
    restarts_read_ = next.restarts;
    front_ = (front_ + 1) % options_.capacity;
    --count_;
    if (writer_) put_locked(static_cast<write_waiter<T>&>(*writer_), told);
    was_taken_locked(told);
    return taken;
  }

  /// Nobody reads what is left.
  void reader_left() noexcept {
    stream_core::reader_left();
    std::unique_ptr<entry[]> unread;  // destroyed under no lock
    const std::lock_guard lock(mutex_);
    count_ = 0;
    unread = std::move(items_);
  }

  /// Why it has ended without an item; not set: it has not, or well.
  [[nodiscard]] failure why_not_begun() const {
    const std::lock_guard lock(mutex_);
    return count_ == 0 ? why_ : failure();
  }

  void restart() noexcept {
    const std::lock_guard lock(mutex_);
    ++restarts_written_;
  }
  [[nodiscard]] std::size_t restarts() const noexcept { return restarts_read_; }

  [[nodiscard]] failure why_not_written() const {
    const std::lock_guard lock(mutex_);
    if (!has_ended_locked()) return failure(errc::invalid_input, "an item of the stream is being written already");
    return why_.is_set() ? why_ : failure(errc::invalid_input, "the stream has been closed");
  }

 private:
  void put_locked(write_waiter<T>& w, told_waiters& told) {
    entry& last = items_[(front_ + count_) % options_.capacity];
    last.item = std::move(w.item);
    last.restarts = restarts_written_;
    ++count_;
    w.written = true;
    came_locked(told);
  }

  std::unique_ptr<entry[]> items_;
  std::size_t front_ = 0;
  std::size_t restarts_written_ = 0;
  std::size_t restarts_read_ = 0;  ///< the reader's
};

}  // namespace catena::detail
