// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What somebody outside may stop: where it does one thing after the other, and how it is told. Kept from run to run.
#include <catena/runtime/home_executor.hpp>
#include <catena/runtime/spin_lock.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace catena {

class serial_lines;

/// A strand and a signal that is emitted on it.
/// \threads  held and let go of anywhere; touched where it runs
struct serial_line {
  boost::asio::any_io_executor strand;  ///< empty: the executor is as good as one
  boost::asio::cancellation_signal signal;
  bool told = false;  ///< to stop: whatever is connected next would be told, too

  serial_line() = default;
  serial_line(const serial_line&) = delete;
  serial_line& operator=(const serial_line&) = delete;

 private:
  friend class serial_lines;
  friend void intrusive_ptr_add_ref(serial_line* line) noexcept { line->references_.fetch_add(1, std::memory_order_relaxed); }
  friend void intrusive_ptr_release(serial_line* line) noexcept;

  std::atomic<std::uint32_t> references_{0};
  boost::intrusive_ptr<serial_lines> from_;  ///< where it returns to while it is held; null: nowhere
  serial_line* next_ = nullptr;
};
using serial_line_ptr = boost::intrusive_ptr<serial_line>;

/// The lines of an executor that nobody holds. A strand, and the memory of what is connected to a signal, are several allocations.
/// \threads  safe; a spin lock held for a few loads and stores
/// \cost     keeps at most max_kept lines
class serial_lines : public boost::intrusive_ref_counter<serial_lines> {
 public:
  static constexpr std::size_t max_kept = 256;

  serial_lines() = default;
  serial_lines(const serial_lines&) = delete;
  serial_lines& operator=(const serial_lines&) = delete;
  ~serial_lines() { close(); }

  /// One for what runs on this executor, always the same one.
  [[nodiscard]] serial_line_ptr take(const home_executor& executor);
  /// The executor is about to be destroyed, which no strand may outlive: nothing is kept any more.
  void close() noexcept;

 private:
  friend void intrusive_ptr_release(serial_line* line) noexcept;
  [[nodiscard]] bool keep(serial_line& line) noexcept;

  spin_lock lock_;
  serial_line* free_ = nullptr;
  std::size_t kept_ = 0;
  bool closed_ = false;
};

}  // namespace catena
