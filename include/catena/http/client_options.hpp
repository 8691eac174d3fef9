// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How a client behaves.
#include <catena/http/proxy.hpp>
#include <catena/http/timeouts.hpp>
#include <catena/http/transport.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace catena::http {

struct client_options {
  /// How many connections to one server there may be, 1 to 65536.
  std::size_t most_connections = 64;
  /// How many requests may wait for a connection at once, over all servers, 0 or more. One more is refused.
  std::size_t most_waiting = 1024;
  /// How long a connection that nobody uses is kept, 0 or more. It is closed when the client is used next.
  duration idle_timeout = std::chrono::seconds(55);
  client_timeouts timeouts = {};
  /// How long the head of a response may be, 1 KiB to 1 MiB.
  std::size_t max_head_bytes = 65536;
  /// How long a body that is taken whole may be, 1 or more.
  std::size_t max_body_bytes = 16 << 20;
  /// The certificates that are trusted, as a file of PEM that is read when the client is made; empty: those that the machine trusts.
  std::string ca_file = {};
  /// A proxy that connects to the server in our place (CONNECT), at an http:// URL. What goes through it is as secret as without it.
  std::optional<http::proxy> proxy = std::nullopt;
  /// Null: TCP.
  std::shared_ptr<http::network> network = nullptr;
};
/// \errors std::invalid_argument naming the member that is out of range
void check(const client_options& options);

}  // namespace catena::http
