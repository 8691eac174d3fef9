// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One connection of a server: the driver.
#include "server.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

namespace catena::http::server {

/// Reads a request, has it served, writes the answer, and so on: nothing is read while something is served, so that who asks on and on waits.
/// \threads  safe: one lock, and what it leads to happens when that is released
class connection final : public answer_taker, public std::enable_shared_from_this<connection> {
 public:
  /// \param tls  the stream itself, if it is one of TLS; null: it is none
  connection(std::shared_ptr<http_server> of, std::shared_ptr<transport> stream, std::shared_ptr<tls_transport> tls);

  void start();
  /// Answers without being asked, and ends.
  void turn_away(answer with);
  void take(answer a) override;

  /// Since when it waits for a request; no_deadline: it does not.
  [[nodiscard]] time_point idle_since() const noexcept { return idle_since_.load(std::memory_order_relaxed); }
  /// Ends if it is idle. False: it is not.
  bool end_if_idle() noexcept;
  /// Ends as soon as it has answered.
  void end_soon() noexcept;
  void end_now() noexcept;

  std::list<std::shared_ptr<connection>>::iterator registered;  ///< the server's

 private:
  enum class phase : std::uint8_t { shaking_hands, idle, reading, saying_go_ahead, serving, answering, saying_end, waiting_for_end, over };
  struct node : io_node {
    connection* owner = nullptr;
    std::shared_ptr<connection> pin;  ///< set while it is under way
  };
  /// What a change leads to, once the lock is released.
  class consequences;

  void came(wake how, failure why, std::size_t bytes);
  void went(wake how, failure why);
  void follow_locked(request_step step, consequences& then);
  void read_locked();
  void write_locked(std::string_view bytes);
  void wait_for_request_locked();
  void enter_locked(phase next, duration patience);
  void answer_locked(const answer& a, after_answer after);
  void say_end_locked();
  void end_locked(consequences& then) noexcept;
  static void time_has_come(timer_node& n, wake how);

  const std::shared_ptr<http_server> of_;
  std::mutex mutex_;
  std::shared_ptr<transport> stream_;
  std::shared_ptr<tls_transport> tls_;  ///< until hands are shaken: no stream may outlive its executor
  phase phase_ = phase::shaking_hands;
  request_reader reader_;
  bool had_head_ = false;  ///< when it was last looked at
  std::string out_;
  after_answer after_ = after_answer::connection_stays;
  bool ends_soon_ = false;
  std::atomic<time_point> idle_since_{no_deadline};
  time_point phase_end_ = no_deadline;
  node reading_;
  node writing_;
  catena::detail::pinned_timer<connection> timer_;
};

}  // namespace catena::http::server
