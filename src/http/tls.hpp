// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// TLS over any transport, by OpenSSL without its sockets.
#include <catena/http/transport.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;

namespace catena::http {

/// What the connections of one client share: whom it trusts, and the sessions that can be taken up again.
/// \threads  safe
class tls_context {
 public:
  /// TLS 1.2 and later; certificates are checked against those in `ca_file`, or those that the machine trusts if it is empty.
  /// \errors std::invalid_argument: there are none in the file
  [[nodiscard]] static std::shared_ptr<tls_context> for_client(const std::string& ca_file);
  /// A server's by files of PEM, its certificate with those that lead to its authority, and the certificate's key; TLS 1.2 and later.
  /// \errors std::invalid_argument: one of them cannot be read, or the two do not belong together
  [[nodiscard]] static std::shared_ptr<tls_context> for_server(const std::string& certificate_file, const std::string& key_file);
  /// A server's, which takes over the context.
  [[nodiscard]] static std::shared_ptr<tls_context> for_server(ssl_ctx_st* context);

  [[nodiscard]] ssl_ctx_st* get() const noexcept { return context_.get(); }
  [[nodiscard]] bool is_client() const noexcept { return client_; }

  /// The last session with a server, which is taken out if it is good for one time only; null: none.
  [[nodiscard]] std::shared_ptr<ssl_session_st> session_with(const std::string& server);
  void keep_session(const std::string& server, std::shared_ptr<ssl_session_st> session);

 private:
  static constexpr std::size_t most_sessions = 256;
  tls_context(ssl_ctx_st* context, bool client);

  const std::shared_ptr<ssl_ctx_st> context_;
  const bool client_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<ssl_session_st>> sessions_;
};

/// Who keeps the sessions of one connection; OpenSSL finds it by its connection.
struct session_keeper {
  tls_context& context;
  const std::string server;
};

/// A stream inside of a TLS connection.
class tls_transport : public transport {
 public:
  /// Comes before all else.
  /// \errors  errc::unavailable: says what is wrong with the certificate, or why the two ends do not understand each other
  virtual void handshake(io_node& done) = 0;
  /// Whether the last session with this server was taken up again.
  [[nodiscard]] virtual bool resumed_session() const noexcept = 0;
};

/// \param host  whom a client expects: its certificate must name it
/// \param port  only to tell servers on one host apart
[[nodiscard]] std::shared_ptr<tls_transport> make_tls(std::shared_ptr<runtime_state> runtime, std::shared_ptr<tls_context> context,
                                                      std::shared_ptr<transport> inner, const std::string& host, std::uint16_t port);

}  // namespace catena::http
