// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the handles of one client share: its connections, who uses them, and who waits for one.
#include "tls.hpp"

#include <catena/http/client.hpp>

#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace catena::http {

class http_exchange;

/// A place among the connections to one server, and the connection that was kept in it, if there is one.
enum class place_kind : std::uint8_t { kept, empty, waits, none_left };

/// \threads  safe
class client_core final : public executor_user, public metric_source, public std::enable_shared_from_this<client_core> {
 public:
  client_core(std::shared_ptr<runtime_state> runtime, client_options options);

  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept { return runtime_; }
  [[nodiscard]] const client_options& options() const noexcept { return options_; }
  [[nodiscard]] network& net() const noexcept { return *network_; }
  /// Made when it is first needed, where no file is named that may be wrong: to read all that a machine trusts takes milliseconds, in which
  /// nobody waits who does not need it.
  [[nodiscard]] std::shared_ptr<tls_context> tls();

  /// From now until it is gone, the exchange is told when the executor is.
  void add(const std::shared_ptr<http_exchange>& e);
  void remove(http_exchange& e) noexcept;

  /// Asks for a place. One that waits is given it by http_exchange::given().
  [[nodiscard]] place_kind ask(const std::shared_ptr<http_exchange>& e, const std::string& origin, std::shared_ptr<transport>& kept);
  /// It waits no longer. False: it does not stand in line, and is being given a place.
  bool leave_line(http_exchange& e, const std::string& origin) noexcept;
  /// Gives a place back, with its connection if that can be kept.
  void give_back(const std::string& origin, std::shared_ptr<transport> kept) noexcept;

  void close_idle() noexcept;
  [[nodiscard]] client_stats stats() const;
  void collect(metric_set& to) const override;
  void executor_gone() noexcept override;

 private:
  struct idle_connection {
    std::shared_ptr<transport> stream;
    time_point since;
  };
  struct server {
    std::size_t places = 0;  ///< taken ones, and those of idle connections
    std::vector<idle_connection> idle;
    std::deque<std::shared_ptr<http_exchange>> line;
  };
  using closed_connections = std::vector<idle_connection>;

  /// Moves out what has been idle for too long, and forgets servers that nothing is left of.
  [[nodiscard]] closed_connections take_expired_locked(time_point now);

  const std::shared_ptr<runtime_state> runtime_;
  const client_options options_;
  const std::shared_ptr<network> network_;
  std::once_flag tls_made_;
  std::shared_ptr<tls_context> tls_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, server> servers_;
  std::list<std::weak_ptr<http_exchange>> exchanges_;
  std::size_t waiting_ = 0;
  time_point next_expiry_ = no_deadline;
};

}  // namespace catena::http
