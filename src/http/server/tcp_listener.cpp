// SPDX-License-Identifier: BSL-1.0
#include "tcp_listener.hpp"

#include "../tcp_transport.hpp"

#include <boost/asio/error.hpp>

#include <string>
#include <utility>

namespace catena::http::server {
namespace {

/// How long nobody is accepted where the machine has no handle or no memory for it.
constexpr duration time_to_recover = std::chrono::milliseconds(100);

}  // namespace

tcp_listener::tcp_listener(std::shared_ptr<runtime_state> runtime, const boost::asio::ip::address& address, std::uint16_t port)
    : runtime_(std::move(runtime)) {
  again_.owner = this;
  again_.fire = &try_again;
  try {
    acceptor_.emplace(runtime_->ready->executor(), tcp::endpoint(address, port));
    port_ = acceptor_->local_endpoint().port();
  } catch (const boost::system::system_error& e) {
    throw error({errc::unavailable, "cannot listen on " + address.to_string() + ", port " + std::to_string(port) + ": " + e.code().message()});
  }
}

void tcp_listener::start(function accepted) {
  accepted_ = std::move(accepted);
  const std::lock_guard lock(mutex_);
  if (acceptor_) accept_locked();
}

void tcp_listener::accept_locked() {
  acceptor_->async_accept(runtime_->ready->executor(), [self = shared_from_this()](boost::system::error_code code, tcp::socket socket) {
    self->came(code, std::move(socket));
  });
}

void tcp_listener::came(boost::system::error_code code, tcp::socket socket) {
  {
    const std::lock_guard lock(mutex_);
    if (!acceptor_) return;
  }
  if (!code) accepted_(std::make_shared<tcp_transport>(runtime_, std::move(socket)));
  const std::lock_guard lock(mutex_);
  if (!acceptor_) return;
  const bool failed = code && code != boost::asio::error::connection_aborted;
  if (failed && !failed_) runtime_->log(log_level::warning, "operator_endpoint", "cannot accept a connection: " + code.message());
  failed_ = failed;
  if (!failed) return accept_locked();
  again_.set_locked(*runtime_->timers, catena::detail::later(runtime_->time->now(), time_to_recover));
}

void tcp_listener::try_again(timer_node& node, wake how) {
  auto& timer = static_cast<catena::detail::pinned_timer<tcp_listener>&>(node);
  tcp_listener& self = *timer.owner;
  std::shared_ptr<tcp_listener> pinned;  // before the lock: it may be the last
  const std::lock_guard lock(self.mutex_);
  pinned = std::move(timer.pin);
  if (how == wake::resumed && self.acceptor_) self.accept_locked();
}

void tcp_listener::close() noexcept {
  std::optional<tcp::acceptor> closed;  // under no lock
  const std::lock_guard lock(mutex_);
  closed.swap(acceptor_);
  again_.set_locked(*runtime_->timers, no_deadline);
}

}  // namespace catena::http::server
