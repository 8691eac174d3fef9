// SPDX-License-Identifier: BSL-1.0
#include "tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdexcept>

namespace catena::http {

tls_context::tls_context(ssl_ctx_st* context, bool client) : context_(context, &SSL_CTX_free), client_(client) {
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
}

/// Called by OpenSSL from inside of a handshake or a read: the session is ours from now on.
static int session_came(SSL* ssl, SSL_SESSION* session) {
  const auto& keeper = *static_cast<session_keeper*>(SSL_get_app_data(ssl));
  keeper.context.keep_session(keeper.server, std::shared_ptr<SSL_SESSION>(session, &SSL_SESSION_free));
  return 1;
}

std::shared_ptr<tls_context> tls_context::for_client(const std::string& ca_file) {
  SSL_CTX* const made = SSL_CTX_new(TLS_client_method());
  if (!made) throw std::runtime_error("OpenSSL gives no context");
  std::shared_ptr<tls_context> context(new tls_context(made, true));
  SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION);
  SSL_CTX_set_verify(made, SSL_VERIFY_PEER, nullptr);
  ERR_clear_error();
  if (ca_file.empty()) SSL_CTX_set_default_verify_paths(made);
  else if (SSL_CTX_load_verify_file(made, ca_file.c_str()) != 1) throw std::invalid_argument("client_options::ca_file names a file that no certificates can be read from: " + ca_file);
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(made, &session_came);
  return context;
}

std::shared_ptr<tls_context> tls_context::for_server(const std::string& certificate_file, const std::string& key_file) {
  SSL_CTX* const made = SSL_CTX_new(TLS_server_method());
  if (!made) throw std::runtime_error("OpenSSL gives no context");
  std::shared_ptr<tls_context> context(new tls_context(made, false));
  SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION);
  // Nobody is at hand to be asked for a passphrase.
  SSL_CTX_set_default_passwd_cb(made, [](char*, int, int, void*) { return 0; });
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(made, certificate_file.c_str()) != 1)
    throw std::invalid_argument("operator_options::certificate_file names a file that no certificate can be read from: " + certificate_file);
  if (SSL_CTX_use_PrivateKey_file(made, key_file.c_str(), SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(made) != 1)
    throw std::invalid_argument("operator_options::key_file names a file that the certificate's key cannot be read from: " + key_file);
  ERR_clear_error();
  return context;
}

std::shared_ptr<tls_context> tls_context::for_server(ssl_ctx_st* context) { return std::shared_ptr<tls_context>(new tls_context(context, false)); }

std::shared_ptr<ssl_session_st> tls_context::session_with(const std::string& server) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(server);
  if (found == sessions_.end()) return nullptr;
  auto session = found->second;
  // RFC 8446, C.4: who uses a ticket twice can be told to be the same by anybody on the way.
  if (SSL_SESSION_get_protocol_version(session.get()) >= TLS1_3_VERSION) sessions_.erase(found);
  return session;
}

void tls_context::keep_session(const std::string& server, std::shared_ptr<ssl_session_st> session) {
  const std::lock_guard lock(mutex_);
  if (sessions_.size() >= most_sessions && !sessions_.contains(server)) sessions_.erase(sessions_.begin());
  sessions_[server] = std::move(session);
}

}  // namespace catena::http
