// SPDX-License-Identifier: BSL-1.0
#include "tls_stream.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace catena::http {

namespace {
constexpr std::size_t record_size = 16384;
// Of what an idle connection keeps: little, as there are many; more as soon as more comes at once.
constexpr std::size_t little = 2048;
}

tls_stream::tls_stream(std::shared_ptr<runtime_state> runtime, std::shared_ptr<tls_context> context, std::shared_ptr<transport> inner,
                       const std::string& host, std::uint16_t port)
    : runtime_(std::move(runtime)),
      context_(std::move(context)),
      inner_(std::move(inner)),
      host_(host),
      keeper_{*context_, host + ":" + std::to_string(port)},
      ssl_(SSL_new(context_->get()), &SSL_free) {
  if (!ssl_) throw std::bad_alloc();
  BIO* const bio = BIO_new(bio_method());
  if (!bio) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  receiving_.owner = sending_.owner = this;
  receiving_.ended = [](io_node& n, wake how, failure why, std::size_t bytes) { static_cast<below&>(n).owner->came(how, std::move(why), bytes); };
  sending_.ended = [](io_node& n, wake how, failure why, std::size_t) { static_cast<below&>(n).owner->went(how, std::move(why)); };
  for (operation* op : {&handshaking_, &reading_, &writing_})
    op->resume = [](ready_node& n, wake how) { tell(static_cast<operation&>(n), how); };
  SSL_set_app_data(ssl_.get(), &keeper_);
  if (context_->is_client()) expect(host);
  else SSL_set_accept_state(ssl_.get());
}

/// Whom the other end must prove to be.
void tls_stream::expect(const std::string& host) {
  SSL_set_connect_state(ssl_.get());
  boost::system::error_code no_address;
  boost::asio::ip::make_address(host, no_address);
  if (!no_address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str());
  } else {
    SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl_.get(), host.c_str());
    SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
  }
  if (const auto session = context_->session_with(keeper_.server)) SSL_set_session(ssl_.get(), session.get());
}

/// What has ended already is told through the ready queue, never from inside the function that begins it.
template <class Set>
void tls_stream::begin(operation& op, io_node& done, Set set) {
  ended_operations ended{};
  {
    const std::lock_guard lock(mutex_);
    set();
    op.node = &done;
    op.pin = shared_from_this();
    advance_locked(ended);
  }
  for (operation* e : ended)
    if (e) runtime_->ready->push(*e);
}

void tls_stream::close() noexcept {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    in_ = {};
    cut_off_ = errc::cancelled;
  }
  inner_->close();
}

bool tls_stream::is_quiet() noexcept {
  const std::lock_guard lock(mutex_);
  return !closed_ && !cut_off_.is_set() && in_.empty() && SSL_has_pending(ssl_.get()) == 0 && inner_->is_quiet();
}

void tls_stream::advance_locked(ended_operations& ended) {
  wants_input_ = false;
  if (handshaking_.node) {
    advance_handshake_locked(ended);
  } else {
    advance_read_locked(ended);
    advance_write_locked(ended);
  }
  move_below_locked();
}

void tls_stream::advance_handshake_locked(ended_operations& ended) {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) return end_locked(handshaking_, {}, 0, ended);
  const int outcome = SSL_get_error(ssl_.get(), done);
  if (outcome == SSL_ERROR_WANT_READ && !cut_off_.is_set()) wants_input_ = true;
  else end_locked(handshaking_, failure_of(outcome, "no TLS connection"), 0, ended);
}

void tls_stream::advance_read_locked(ended_operations& ended) {
  if (!reading_.node) return;
  ERR_clear_error();
  std::size_t bytes = 0;
  const int done = SSL_read_ex(ssl_.get(), into_.data(), into_.size(), &bytes);
  if (done == 1) return end_locked(reading_, {}, bytes, ended);
  const int outcome = SSL_get_error(ssl_.get(), done);
  if (outcome == SSL_ERROR_WANT_READ && !cut_off_.is_set()) wants_input_ = true;
  else if (outcome == SSL_ERROR_ZERO_RETURN) end_locked(reading_, failure(boost::asio::error::make_error_code(boost::asio::error::eof)), 0, ended);
  else end_locked(reading_, failure_of(outcome, "the TLS connection broke"), 0, ended);
}

/// Encrypts the next part when the last one has gone, so that no more than one waits in memory.
void tls_stream::advance_write_locked(ended_operations& ended) {
  if (!writing_.node) return;
  if (closed_) return end_locked(writing_, errc::cancelled, 0, ended);
  if (!out_.empty() || sending_.pin) return;
  if (rest_.empty()) return end_locked(writing_, {}, written_, ended);
  ERR_clear_error();
  std::size_t bytes = 0;
  const int done = SSL_write_ex(ssl_.get(), rest_.data(), std::min(rest_.size(), record_size), &bytes);
  if (done == 1) rest_.remove_prefix(bytes);
  else end_locked(writing_, failure_of(SSL_get_error(ssl_.get(), done), "the TLS connection broke"), 0, ended);
}

void tls_stream::move_below_locked() {
  if (closed_) return;
  if (!out_.empty() && !sending_.pin) {
    on_its_way_.swap(out_);
    sending_.pin = shared_from_this();
    inner_->write(on_its_way_, sending_);
  }
  if (wants_input_ && !receiving_.pin) {
    if (!received_ || (was_filled_ && received_size_ < record_size)) {
      received_size_ = received_ ? record_size : little;
      received_ = std::make_unique_for_overwrite<char[]>(received_size_);
    }
    receiving_.pin = shared_from_this();
    inner_->read_some({received_.get(), received_size_}, receiving_);
  }
}

void tls_stream::came(wake how, failure why, std::size_t bytes) {
  ended_operations ended{};
  std::shared_ptr<tls_stream> pinned;  // before the lock: it may be the last
  {
    std::unique_lock lock(mutex_);
    pinned = std::move(receiving_.pin);
    if (how == wake::abandoned) return abandon(std::move(lock));
    if (closed_) in_ = {};
    else if (why.is_set()) cut_off_ = std::move(why);
    else in_ = {received_.get(), bytes};
    was_filled_ = bytes == received_size_;
    advance_locked(ended);
  }
  tell(ended, wake::resumed);
}

void tls_stream::went(wake how, failure why) {
  ended_operations ended{};
  std::shared_ptr<tls_stream> pinned;
  {
    std::unique_lock lock(mutex_);
    pinned = std::move(sending_.pin);
    if (how == wake::abandoned) return abandon(std::move(lock));
    if (on_its_way_.capacity() > little) std::string().swap(on_its_way_);
    on_its_way_.clear();
    if (why.is_set() && writing_.node) end_locked(writing_, closed_ ? failure(errc::cancelled) : std::move(why), 0, ended);
    advance_locked(ended);
  }
  tell(ended, wake::resumed);
}

void tls_stream::abandon(std::unique_lock<std::mutex> lock) {
  ended_operations ended{};
  for (operation* op : {&handshaking_, &reading_, &writing_})
    if (op->node) end_locked(*op, {}, 0, ended);
  lock.unlock();
  tell(ended, wake::abandoned);
}

void tls_stream::end_locked(operation& op, failure why, std::size_t bytes, ended_operations& ended) noexcept {
  op.ended = std::exchange(op.node, nullptr);
  op.why = std::move(why);
  op.bytes = bytes;
  ended[&op == &handshaking_ ? 0 : &op == &reading_ ? 1 : 2] = &op;
}

void tls_stream::tell(const ended_operations& ended, wake how) {
  for (operation* op : ended)
    if (op) tell(*op, how);
}

void tls_stream::tell(operation& op, wake how) {
  const auto pinned = std::move(op.pin);
  io_node& node = *std::exchange(op.ended, nullptr);
  node.ended(node, how, std::move(op.why), op.bytes);
}

failure tls_stream::failure_of(int outcome, const char* what) {
  if (closed_) return errc::cancelled;
  const long verified = SSL_get_verify_result(ssl_.get());
  if (context_->is_client() && verified != X509_V_OK)
    return {errc::unavailable, "the certificate of " + host_ + " is not to be trusted: " + X509_verify_cert_error_string(verified)};
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  if (cut_off_.is_set() && cut_off_.code() == boost::asio::error::eof) return {errc::unavailable, std::string(what) + ": it was closed without its end"};
  if (cut_off_.is_set()) return {errc::unavailable, std::string(what) + ": " + cut_off_.message()};
  return {errc::unavailable, std::string(what) + ": " + (reason && outcome == SSL_ERROR_SSL ? reason : "unknown to OpenSSL")};
}

const BIO_METHOD* tls_stream::bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "catena");
    BIO_meth_set_read(made, &bio_read);
    BIO_meth_set_write(made, &bio_write);
    BIO_meth_set_ctrl(made, [](BIO*, int what, long, void*) -> long { return what == BIO_CTRL_FLUSH; });
    return made;
  }();
  return method;
}

int tls_stream::bio_read(BIO* bio, char* into, int size) {
  auto& self = *static_cast<tls_stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const std::size_t bytes = std::min(static_cast<std::size_t>(size), self.in_.size());
  if (bytes == 0) {
    if (!self.cut_off_.is_set()) BIO_set_retry_read(bio);
    return self.cut_off_.is_set() ? 0 : -1;
  }
  std::memcpy(into, self.in_.data(), bytes);
  self.in_.remove_prefix(bytes);
  return static_cast<int>(bytes);
}

int tls_stream::bio_write(BIO* bio, const char* from, int size) {
  static_cast<tls_stream*>(BIO_get_data(bio))->out_.append(from, static_cast<std::size_t>(size));
  return size;
}

std::shared_ptr<tls_transport> make_tls(std::shared_ptr<runtime_state> runtime, std::shared_ptr<tls_context> context, std::shared_ptr<transport> inner,
                                        const std::string& host, std::uint16_t port) {
  return std::make_shared<tls_stream>(std::move(runtime), std::move(context), std::move(inner), host, port);
}

}  // namespace catena::http
