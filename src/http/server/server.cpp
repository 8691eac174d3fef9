// SPDX-License-Identifier: BSL-1.0
#include "server.hpp"

#include "connection.hpp"

#include <utility>

namespace catena::http::server {

http_server::http_server(std::shared_ptr<runtime_state> runtime, service offered, const server_bounds& bounds, std::shared_ptr<tls_context> tls)
    : runtime_(std::move(runtime)), offered_(std::move(offered)), bounds_(bounds), tls_(std::move(tls)) {
  closing_.owner = this;
  closing_.fire = &time_is_over;
}

void http_server::accept(std::shared_ptr<transport> stream) {
  const bool has_place = make_place();
  std::shared_ptr<tls_transport> tls;
  if (tls_ && has_place) stream = tls = make_tls(runtime_, tls_, std::move(stream), {}, 0);
  std::shared_ptr<connection> made;
  {
    const std::lock_guard lock(mutex_);
    // Under TLS nobody is told that there is no place, which would take a handshake.
    const std::size_t most = has_place ? bounds_.most_connections : tls_ ? 0 : bounds_.most_connections + most_turned_away;
    if (!closed_ && connections_.size() < most) {
      made = std::make_shared<connection>(shared_from_this(), stream, std::move(tls));
      made->registered = connections_.insert(connections_.end(), made);
    }
  }
  if (!made) return stream->close();
  if (has_place) return made->start();
  answer full = error_answer(503, "as many connections as operator_options::most_connections are in use");
  full.headers.add("Retry-After", "1");
  made->turn_away(std::move(full));
}

/// False: none is idle.
bool http_server::make_place() {
  for (;;) {
    if (connection_count() < bounds_.most_connections) return true;
    const auto idle = longest_idle();
    if (!idle) return false;
    idle->end_if_idle();
  }
}

std::shared_ptr<connection> http_server::longest_idle() const {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<connection> found;
  for (const auto& c : connections_)
    if (c->idle_since() != no_deadline && (!found || c->idle_since() < found->idle_since())) found = c;
  return found;
}

void http_server::close() noexcept {
  all_connections all;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    all = connections_;
    if (!all.empty()) closing_.set_locked(*runtime_->timers, catena::detail::later(runtime_->time->now(), bounds_.closing_time));
  }
  for (const auto& c : all) c->end_soon();
}

void http_server::time_is_over(timer_node& node, wake how) {
  auto& timer = static_cast<catena::detail::pinned_timer<http_server>&>(node);
  http_server& self = *timer.owner;
  all_connections all;
  std::shared_ptr<http_server> pinned;  // before the lock: it may be the last
  {
    const std::lock_guard lock(self.mutex_);
    pinned = std::move(timer.pin);
    all = self.connections_;
  }
  if (how == wake::resumed)
    for (const auto& c : all) c->end_now();
}

void http_server::remove(connection& ended) noexcept {
  std::shared_ptr<connection> held;  // gone under no lock
  const std::lock_guard lock(mutex_);
  held = std::move(*ended.registered);
  connections_.erase(ended.registered);
  if (closed_ && connections_.empty()) closing_.set_locked(*runtime_->timers, no_deadline);
}

void http_server::executor_gone() noexcept {
  all_connections all;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    all = connections_;
  }
  for (const auto& c : all) c->end_now();
}

std::size_t http_server::connection_count() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

}  // namespace catena::http::server
