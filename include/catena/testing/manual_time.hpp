// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A clock that only a test moves.
#include <catena/time.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace catena::testing {

/// Virtual time: it stands still until move_to(), which makes the alarms that are due ring on their executors.
/// \threads  now(), make_alarm() and the alarms: safe; move_to(): one caller
class manual_time final : public time_source {
 public:
  /// Virtual time starts here, well after the epoch, so that moments before it exist.
  static constexpr time_point start{std::chrono::hours(1)};

  manual_time();

  [[nodiscard]] time_point now() const noexcept override { return time_point(duration(now_.load(std::memory_order_acquire))); }
  [[nodiscard]] bool is_real() const noexcept override { return false; }
  [[nodiscard]] std::unique_ptr<alarm> make_alarm(const boost::asio::any_io_executor& executor,
                                                  std::function<void()> ring) override;

  /// When the next alarm is due; no_deadline if none is set.
  [[nodiscard]] time_point next_alarm() const;
  /// Moves the clock, never backwards, and posts what is due by then.
  void move_to(time_point when);

 private:
  class manual_alarm;
  struct alarms;
  std::atomic<duration::rep> now_{start.time_since_epoch().count()};
  std::shared_ptr<alarms> alarms_;
};

}  // namespace catena::testing
