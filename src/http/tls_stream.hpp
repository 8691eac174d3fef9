// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// TLS by OpenSSL over a transport. Included by tls_transport.cpp alone, as it brings OpenSSL's headers.
#include "tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

namespace catena::http {

/// Feeds OpenSSL with what came from the stream below, and takes what has to go there. Every end of what is begun below leads to advance(),
/// which moves on all that can move.
class tls_stream final : public tls_transport, public std::enable_shared_from_this<tls_stream> {
 public:
  tls_stream(std::shared_ptr<runtime_state> runtime, std::shared_ptr<tls_context> context, std::shared_ptr<transport> inner, const std::string& host,
             std::uint16_t port);
  ~tls_stream() override {
    // A session whose connection ended without this is taken for broken, and never taken up again.
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }

  void handshake(io_node& done) override {
    begin(handshaking_, done, [] {});
  }
  void read_some(std::span<char> into, io_node& done) override {
    begin(reading_, done, [&] { into_ = into; });
  }
  void write(std::string_view bytes, io_node& done) override {
    begin(writing_, done, [&] {
      rest_ = bytes;
      written_ = bytes.size();
    });
  }
  void shutdown(io_node& done) override {
    begin(writing_, done, [&] {
      rest_ = {};
      written_ = 0;
      ERR_clear_error();
      SSL_shutdown(ssl_.get());
    });
  }
  void close() noexcept override;
  [[nodiscard]] bool is_quiet() noexcept override;
  [[nodiscard]] bool resumed_session() const noexcept override { return SSL_session_reused(ssl_.get()) == 1; }

 private:
  /// What the user of this stream waits for, and how it has ended.
  struct operation : ready_node {
    io_node* node = nullptr;   ///< set while it is under way
    io_node* ended = nullptr;  ///< set from its end on until that is told
    std::shared_ptr<tls_stream> pin;
    failure why;
    std::size_t bytes = 0;
  };
  /// Something begun below.
  struct below : io_node {
    tls_stream* owner = nullptr;
    std::shared_ptr<tls_stream> pin;  ///< set while it is under way
  };
  using ended_operations = std::array<operation*, 3>;

  void expect(const std::string& host);
  template <class Set>
  void begin(operation& op, io_node& done, Set set);
  void advance_locked(ended_operations& ended);
  void advance_handshake_locked(ended_operations& ended);
  void advance_read_locked(ended_operations& ended);
  void advance_write_locked(ended_operations& ended);
  void move_below_locked();
  void end_locked(operation& op, failure why, std::size_t bytes, ended_operations& ended) noexcept;
  static void tell(const ended_operations& ended, wake how);
  static void tell(operation& op, wake how);
  void came(wake how, failure why, std::size_t bytes);
  void went(wake how, failure why);
  void abandon(std::unique_lock<std::mutex> lock);
  [[nodiscard]] failure failure_of(int outcome, const char* what);

  static const BIO_METHOD* bio_method();
  static int bio_read(BIO* bio, char* into, int size);
  static int bio_write(BIO* bio, const char* from, int size);

  const std::shared_ptr<runtime_state> runtime_;
  const std::shared_ptr<tls_context> context_;
  const std::shared_ptr<transport> inner_;
  const std::string host_;
  session_keeper keeper_;
  std::mutex mutex_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  operation handshaking_;
  operation reading_;
  operation writing_;
  std::span<char> into_;
  std::string_view rest_;       ///< of what is being written: not encrypted yet
  std::size_t written_ = 0;
  below receiving_;
  below sending_;
  std::unique_ptr<char[]> received_;
  std::size_t received_size_ = 0;  ///< its own
  bool was_filled_ = false;        ///< by the last read
  std::string_view in_;         ///< of that, what OpenSSL has not taken
  std::string out_;             ///< what OpenSSL has given
  std::string on_its_way_;      ///< what is being sent below
  failure cut_off_;             ///< why nothing more comes
  bool wants_input_ = false;
  bool closed_ = false;
};

}  // namespace catena::http
