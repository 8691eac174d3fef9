// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The traces that wait for an exporter, and when it is to go on.
#include <catena/http/otlp_exporter.hpp>
#include <catena/observe/trace.hpp>
#include <catena/time.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

namespace catena::http {

/// Bounded, in spans and bytes; what has been taken out counts until it is done.
/// \threads  unsafe
class otlp_queue {
 public:
  explicit otlp_queue(const otlp_options& options) noexcept
      : max_batch_spans_(options.max_batch_spans),
        max_batch_bytes_(options.max_batch_bytes),
        max_delay_(options.max_delay),
        max_spans_(options.max_waiting_spans),
        max_bytes_(options.max_waiting_bytes) {}

  /// False: as many wait as may. Throws std::bad_alloc.
  [[nodiscard]] bool put(std::shared_ptr<const trace> t, std::size_t bytes, time_point now) {
    const std::size_t count = t->spans.size();
    if (count > max_spans_ - spans_ || bytes > max_bytes_ - bytes_) return false;
    waiting_.push_back({std::move(t), bytes, now});
    ++put_;
    spans_ += count;
    bytes_ += bytes;
    waiting_spans_ += count;
    waiting_bytes_ += bytes;
    return true;
  }
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  /// When what waits is to be sent; no_deadline: nothing waits.
  [[nodiscard]] time_point due() const noexcept {
    if (waiting_.empty()) return no_deadline;
    const bool is_enough = waiting_spans_ >= max_batch_spans_ || waiting_bytes_ >= max_batch_bytes_;
    return is_enough ? waiting_.front().since : catena::detail::later(waiting_.front().since, max_delay_);
  }
  /// The oldest. It must not be empty.
  [[nodiscard]] std::shared_ptr<const trace> take() noexcept {
    auto oldest = std::move(waiting_.front().what);
    const std::size_t bytes = waiting_.front().bytes;
    waiting_.pop_front();
    waiting_spans_ -= oldest->spans.size();
    waiting_bytes_ -= bytes;
    batch_bytes_ += bytes;
    batch_spans_ += oldest->spans.size();
    ++batch_traces_;
    return oldest;
  }
  [[nodiscard]] std::size_t batch_spans() const noexcept { return batch_spans_; }
  /// What has been taken out is done.
  void finish_batch() noexcept {
    spans_ -= std::exchange(batch_spans_, 0);
    bytes_ -= std::exchange(batch_bytes_, 0);
    done_ += std::exchange(batch_traces_, 0);
  }
  /// Nothing waits any more, but for what has been taken out; the caller destroys it.
  [[nodiscard]] auto clear() noexcept {
    spans_ -= std::exchange(waiting_spans_, 0);
    bytes_ -= std::exchange(waiting_bytes_, 0);
    done_ += waiting_.size();
    return std::exchange(waiting_, {});
  }

  [[nodiscard]] std::size_t spans() const noexcept { return spans_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  /// Traces that came, and those that are done, in the order in which they came.
  [[nodiscard]] std::uint64_t put_count() const noexcept { return put_; }
  [[nodiscard]] std::uint64_t done_count() const noexcept { return done_; }

 private:
  struct entry {
    std::shared_ptr<const trace> what;
    std::size_t bytes;
    time_point since;
  };

  const std::size_t max_batch_spans_, max_batch_bytes_;
  const duration max_delay_;
  const std::size_t max_spans_, max_bytes_;
  std::deque<entry> waiting_;
  std::size_t spans_ = 0, bytes_ = 0;
  std::size_t waiting_spans_ = 0, waiting_bytes_ = 0;
  std::size_t batch_spans_ = 0, batch_bytes_ = 0, batch_traces_ = 0;
  std::uint64_t put_ = 0, done_ = 0;
};

}  // namespace catena::http
