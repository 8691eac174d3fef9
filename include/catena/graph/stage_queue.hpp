// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The queue that `.queue(...)` puts in front of a stage.
#include <catena/runtime/published.hpp>
#include <catena/time.hpp>

#include <cstddef>
#include <mutex>
#include <stdexcept>

namespace catena {

/// A bounded queue in front of a stage, shared by all runs of its chain: producers are decoupled from consumers.
struct queue_options {
  std::size_t capacity = 1024;  ///< how many may wait, 0 or more; one more fails with errc::queue_full
  duration ttl = {};            ///< how long one may wait before it fails with errc::expired; zero: as long as its deadline
  std::size_t consumers = 1;    ///< how many runs may be in the stage at once, at least 1
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
inline void check(const queue_options& options) {
  if (options.ttl < duration{}) throw std::invalid_argument("queue_options::ttl must be zero or more");
  if (options.consumers < 1) throw std::invalid_argument("queue_options::consumers must be at least 1");
}

namespace graph {

/// One who waits in a stage_queue, a part of its operation.
struct queue_place {
  queue_place* previous = nullptr;
  queue_place* next = nullptr;
  bool waiting = false;
  bool given_up = false;  ///< by somebody who came before it entered, or after it was let in
};

/// Who may enter a stage now, and who waits: first come, first served.
/// \threads  safe
class stage_queue {
 public:
  enum class entry { entered, waits, full, given_up };

  explicit stage_queue(const queue_options& options) : original_(options), options_(options) {}

  [[nodiscard]] entry enter(queue_place& place) noexcept {
    std::lock_guard lock(mutex_);
    if (place.given_up) return entry::given_up;
    const queue_options options = options_.load();
    if (inside_ < options.consumers) {
      ++inside_;
      return entry::entered;
    }
    if (waiting_count_ >= options.capacity) return entry::full;
    place.waiting = true;
    place.previous = last_;
    place.next = nullptr;
    (last_ ? last_->next : first_) = &place;
    last_ = &place;
    ++waiting_count_;
    return entry::waits;
  }

  /// Takes a waiter out; false if it was already let in, or has not entered yet: then it will not.
  [[nodiscard]] bool give_up(queue_place& place) noexcept {
    std::lock_guard lock(mutex_);
    if (!place.waiting) {
      place.given_up = true;
      return false;
    }
    unlink_locked(place);
    return true;
  }

  /// One leaves the stage; returns who enters in its stead, to be resumed by the caller, or null.
  [[nodiscard]] queue_place* leave() noexcept {
    std::lock_guard lock(mutex_);
    --inside_;
    return next_locked();
  }

  /// From now on other options hold. Those who wait stay, also if they are more than may by now; who enters at once is returned, one at
  /// a time, by let_in().
  void set_options(const queue_options& options) noexcept {
    std::lock_guard lock(mutex_);
    options_.store(options);
  }
  /// One who waits enters where there is room; to be resumed by the caller, or null.
  [[nodiscard]] queue_place* let_in() noexcept {
    std::lock_guard lock(mutex_);
    return next_locked();
  }

  struct counts {
    std::size_t waiting = 0;
    std::size_t inside = 0;
  };
  [[nodiscard]] counts now() noexcept {
    std::lock_guard lock(mutex_);
    return {waiting_count_, inside_};
  }
  [[nodiscard]] queue_options options() const noexcept { return options_.load(); }
  [[nodiscard]] const queue_options& original() const noexcept { return original_; }

 private:
  queue_place* next_locked() noexcept {
    queue_place* const next = first_;
    if (!next || inside_ >= options_.load().consumers) return nullptr;
    unlink_locked(*next);
    ++inside_;
    return next;
  }
  void unlink_locked(queue_place& place) noexcept {
    (place.previous ? place.previous->next : first_) = place.next;
    (place.next ? place.next->previous : last_) = place.previous;
    place.waiting = false;
    --waiting_count_;
  }

  const queue_options original_;
  published<queue_options> options_;
  std::mutex mutex_;
  queue_place* first_ = nullptr;
  queue_place* last_ = nullptr;
  std::size_t waiting_count_ = 0;
  std::size_t inside_ = 0;
};

}  // namespace graph
}  // namespace catena
