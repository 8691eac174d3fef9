// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What sends an exporter's traces.
#include "otlp_queue.hpp"
#include "otlp_text.hpp"

#include <catena/http/client.hpp>
#include <catena/http/otlp_exporter.hpp>
#include <catena/runtime/pinned_timer.hpp>
#include <catena/runtime/random_numbers.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace catena::http::detail {

/// One batch after the other: it is gathered, written, and sent, perhaps again after a pause. Who is at it at any time is alone at it: a
/// timer, a function that the ready queue calls, or a request's handler.
/// \threads  safe
class otlp_core final : public executor_user, public std::enable_shared_from_this<otlp_core> {
 public:
  otlp_core(const runtime& rt, otlp_options options);

  [[nodiscard]] const otlp_options& options() const noexcept { return options_; }
  void put(std::shared_ptr<const trace> t) noexcept;
  [[nodiscard]] otlp_stats stats() const noexcept;
  /// Tells when all that is there now is done, or the deadline has come.
  void wait_for_all(time_point deadline, const std::shared_ptr<drain_waiter>& who);
  /// Takes nothing more, and drops what is there at that time.
  void end_at(time_point when);
  void executor_gone() noexcept override;

 private:
  enum class phase : std::uint8_t {
    gathering,  ///< or nothing is there
    writing,
    sending,
    pausing,    ///< before it is sent again
  };
  struct waiter {
    std::uint64_t until_done;  ///< so many traces
    std::shared_ptr<drain_waiter> who;
  };
  using dropped_traces = decltype(std::declval<otlp_queue>().clear());  ///< destroyed under no lock

  static void time_has_come(timer_node& node, wake how);
  [[nodiscard]] time_point moment_locked() const noexcept;
  void set_timer_locked();
  [[nodiscard]] bool may_take_more_locked() const noexcept;
  void write_some() noexcept;
  void write_some_or_throw();
  void send() noexcept;
  void ended(const result<response>& came, bool was_sent);
  void pause_locked(const failure& why);
  void finish_locked();
  [[nodiscard]] dropped_traces drop_all_locked();
  void give_up_batch() noexcept;
  void give_up_batch_locked();
  void tell_locked(const waiter& w, result<void> how);
  [[nodiscard]] bool is_news(const std::string& wrong);

  const runtime rt_;
  const otlp_options options_;
  const request asked_;            ///< without its body
  const client client_;
  const otlp_text text_;
  mutable std::mutex mutex_;
  catena::detail::pinned_timer<otlp_core> timer_;
  otlp_queue queue_;
  phase phase_ = phase::gathering;
  time_point send_at_{};           ///< while it pauses
  bool server_said_when_ = false;  ///< it did not choose that itself
  time_point end_ = no_deadline;   ///< then all is dropped
  bool is_closed_ = false;         ///< nothing more is taken
  bool is_over_ = false;           ///< nothing more is sent
  int attempt_ = 0;
  catena::detail::random_numbers random_;
  std::vector<waiter> waiters_;
  otlp_stats stats_;
  // ---- of who is at it ----
  std::string body_;
  std::string told_;  ///< what the log was told last; empty: all is well
};

}  // namespace catena::http::detail
