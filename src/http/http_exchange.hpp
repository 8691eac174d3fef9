// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One request and its response over one connection: the driver.
#include "answer_reader.hpp"
#include "client_core.hpp"
#include "stall_watch.hpp"

#include <catena/runtime/pinned_timer.hpp>

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace catena::http {

class connector;

/// \threads  safe: one lock, and what it leads to happens when that is released
class http_exchange final : public detail::exchange, public std::enable_shared_from_this<http_exchange> {
 public:
  http_exchange(std::shared_ptr<client_core> core, request what, const run_options& how, body_taken taken);
  ~http_exchange() override;

  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept override { return core_->runtime(); }
  void start(detail::exchange_waiter& w) override;
  [[nodiscard]] result<response> take_response() override;
  [[nodiscard]] bool wait_for_piece(detail::exchange_waiter& w) override;
  [[nodiscard]] result<std::optional<std::string_view>> take_piece() override;
  void progressed() noexcept override;
  void give_up_after(duration patience) noexcept override;
  void stop(failure why) noexcept override;

  /// A place that it has waited for, with or without a connection.
  void given(std::shared_ptr<transport> kept);
  void executor_gone() noexcept;

  std::list<std::weak_ptr<http_exchange>>::iterator registered;  ///< the core's

 private:
  enum class phase : std::uint8_t { not_begun, in_line, connecting, talking, over };
  struct node : io_node {
    http_exchange* owner = nullptr;
    std::shared_ptr<http_exchange> pin;  ///< set while it is under way
  };
  /// What a change leads to, once the lock is released.
  class consequences;

  void ask_for_place(consequences& then);
  void connect_locked();
  void connected(wake how, failure why, std::shared_ptr<transport> stream);
  void talk_locked();
  void read_locked();
  void came(wake how, failure why, std::size_t bytes);
  void went(wake how, failure why);
  void follow_locked(answer_step step, consequences& then);
  void forget_request_locked() noexcept;
  void done_locked(consequences& then);

  /// A kept connection on which nothing came back was most likely closed by the server meanwhile. But nobody knows: what may do something is
  /// not sent twice behind the back of whoever counts the attempts.
  [[nodiscard]] bool may_replace_locked() const noexcept;
  void replace_locked(consequences& then);

  void fail_locked(failure why, consequences& then) noexcept;
  void end_locked(std::shared_ptr<transport> kept, consequences& then) noexcept;
  void tell_locked(consequences& then) noexcept;
  void wait_locked();
  void set_timer_locked();
  static void time_has_come(timer_node& n, wake how);
  [[nodiscard]] failure too_slow_locked(time_point now) const;
  [[nodiscard]] const client_timeouts& timeouts() const noexcept { return asked_.timeouts ? *asked_.timeouts : core_->options().timeouts; }
  [[nodiscard]] const std::string& host() const noexcept { return asked_.target.host(); }

  const std::shared_ptr<client_core> core_;
  request asked_;  ///< without its body, once that is in out_
  const time_point deadline_;
  const work_kind kind_;
  const std::string origin_;
  std::mutex mutex_;
  phase phase_ = phase::not_begun;
  bool counted_ = false;  ///< among the runs that a drain waits for
  detail::exchange_waiter* waiter_ = nullptr;
  failure why_;  ///< why it is over, if not well

  std::string out_;  ///< until it has gone out and is answered
  std::shared_ptr<connector> connector_;
  std::shared_ptr<transport> stream_;
  bool has_place_ = false;
  bool kept_ = false;       ///< the connection has served before
  bool replaced_ = false;
  bool replacing_ = false;  ///< when what is under way at the old connection has ended
  bool broken_ = false;     ///< the request has not gone out whole
  node reading_;
  node writing_;

  answer_reader answer_;
  bool piece_taken_ = false;

  stall_watch stall_{{}, {}};
  time_point phase_end_ = no_deadline;
  catena::detail::pinned_timer<http_exchange> timer_;
};

}  // namespace catena::http
