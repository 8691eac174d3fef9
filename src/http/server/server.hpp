// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The connections of one server.
#include "../tls.hpp"
#include "request_reader.hpp"

#include <catena/http/transport.hpp>
#include <catena/runtime/pinned_timer.hpp>

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

namespace catena::http::server {

class connection;

struct server_bounds {
  request_bounds requests = {};
  std::size_t most_connections = 256;
  duration request_time = std::chrono::seconds(10);  ///< for a head, for a body, and for an answer to be taken
  duration idle_time = std::chrono::minutes(1);      ///< until a request begins
  duration closing_time = std::chrono::seconds(2);   ///< for what is under way when the server is closed
};

/// Serves whatever streams it is given, on its runtime's executor. Where there are as many as there may be, the one that has been idle for
/// longest makes place for another; where none is, the other one is told so.
/// \threads  safe
/// \lifetime held by its connections, which end when it is closed
class http_server final : public executor_user, public std::enable_shared_from_this<http_server> {
 public:
  /// \param tls  null: the streams are taken as they come
  http_server(std::shared_ptr<runtime_state> runtime, service offered, const server_bounds& bounds, std::shared_ptr<tls_context> tls);

  void accept(std::shared_ptr<transport> stream);
  /// From now on none is accepted, and what is idle ends; all others, when they have been answered, or soon.
  void close() noexcept;
  void executor_gone() noexcept override;
  [[nodiscard]] std::size_t connection_count() const;

  // For its connections.
  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept { return runtime_; }
  [[nodiscard]] const service& offered() const noexcept { return offered_; }
  [[nodiscard]] const server_bounds& bounds() const noexcept { return bounds_; }
  /// It has ended.
  void remove(connection& ended) noexcept;

 private:
  /// How many may be told at once that there is no place for them; one more is only closed.
  static constexpr std::size_t most_turned_away = 16;

  using all_connections = std::list<std::shared_ptr<connection>>;
  [[nodiscard]] std::shared_ptr<connection> longest_idle() const;
  [[nodiscard]] bool make_place();
  static void time_is_over(timer_node& node, wake how);

  const std::shared_ptr<runtime_state> runtime_;
  const service offered_;
  const server_bounds bounds_;
  const std::shared_ptr<tls_context> tls_;
  mutable std::mutex mutex_;
  all_connections connections_;
  bool closed_ = false;
  catena::detail::pinned_timer<http_server> closing_;
};

}  // namespace catena::http::server
