// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Accepts TCP connections.
#include <catena/http/transport.hpp>
#include <catena/runtime/pinned_timer.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace catena::http::server {

/// \threads  safe
/// \lifetime held by what is under way; closed by its owner
class tcp_listener final : public executor_user, public std::enable_shared_from_this<tcp_listener> {
 public:
  using tcp = boost::asio::ip::tcp;
  using function = std::function<void(std::shared_ptr<transport>)>;

  /// \errors catena::error, errc::unavailable: nobody can listen there
  tcp_listener(std::shared_ptr<runtime_state> runtime, const boost::asio::ip::address& address, std::uint16_t port);

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// Calls `accepted` on the runtime's executor, one after the other.
  void start(function accepted);
  void close() noexcept;
  void executor_gone() noexcept override { close(); }

 private:
  void accept_locked();
  void came(boost::system::error_code code, tcp::socket socket);
  static void try_again(timer_node& node, wake how);

  const std::shared_ptr<runtime_state> runtime_;
  std::uint16_t port_ = 0;
  function accepted_;
  std::mutex mutex_;
  std::optional<tcp::acceptor> acceptor_;  ///< until it is closed: it must not outlive its executor
  catena::detail::pinned_timer<tcp_listener> again_;
  bool failed_ = false;  ///< to accept the last one: it has been logged
};

}  // namespace catena::http::server
