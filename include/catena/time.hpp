// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Time as the whole library sees it: one clock type, and a source that a test can replace.
#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace catena {

using clock = std::chrono::steady_clock;
using duration = clock::duration;
using time_point = clock::time_point;

/// The deadline of what has none.
inline constexpr time_point no_deadline = time_point::max();

namespace detail {

/// A moment so much later; no_deadline where that is beyond all time. `wait` is zero or more.
[[nodiscard]] constexpr time_point later(time_point from, duration wait) noexcept {
  return from > no_deadline - wait ? no_deadline : from + wait;
}
/// A moment so much earlier, at the earliest the first of all. `wait` is zero or more.
[[nodiscard]] constexpr time_point earlier(time_point from, duration wait) noexcept {
  return from < time_point::min() + wait ? time_point::min() : from - wait;
}

/// As in "20 ms". Rounded up, so that whoever waits as long as it says does not come too early.
[[nodiscard]] std::string in_words(duration d);

}  // namespace detail

/// Calls back once when a moment comes; setting it again replaces the moment.
/// \threads  one caller at a time; the callback runs on the executor the alarm was made for
class alarm {
 public:
  virtual ~alarm() = default;
  virtual void set(time_point when) = 0;
  virtual void clear() = 0;
};

/// Where a runtime reads the time and waits for it; `steady_time()` is the real one, `testing::manual_world` a virtual one.
/// \threads  now(): safe from any thread
class time_source {
 public:
  virtual ~time_source() = default;
  [[nodiscard]] virtual time_point now() const noexcept = 0;

  /// Whether time passes by itself; false where a test moves it.
  [[nodiscard]] virtual bool is_real() const noexcept = 0;

  /// An alarm whose callback is posted to `executor`. Destroying the alarm drops a callback that has not begun.
  [[nodiscard]] virtual std::unique_ptr<alarm> make_alarm(const boost::asio::any_io_executor& executor,
                                                          std::function<void()> ring) = 0;
};

/// The machine's steady clock.
[[nodiscard]] std::shared_ptr<time_source> steady_time();

}  // namespace catena
