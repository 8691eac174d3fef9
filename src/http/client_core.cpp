// SPDX-License-Identifier: BSL-1.0
#include "client_core.hpp"

#include "http_exchange.hpp"

#include <catena/observe/metric_set.hpp>

#include <algorithm>
#include <stdexcept>

namespace catena::http {

void check(const client_options& o) {
  const auto expect = [](bool holds, const char* text) {
    if (!holds) throw std::invalid_argument("client_options::" + std::string(text));
  };
  expect(o.most_connections >= 1 && o.most_connections <= 65536, "most_connections must be 1 to 65536");
  expect(o.idle_timeout >= duration{}, "idle_timeout must be zero or more");
  for (const duration d : {o.timeouts.connect, o.timeouts.first_byte, o.timeouts.between_bytes}) expect(d >= duration{}, "timeouts must be zero or more");
  expect(o.max_head_bytes >= 1024 && o.max_head_bytes <= (1 << 20), "max_head_bytes must be 1 KiB to 1 MiB");
  expect(o.max_body_bytes >= 1, "max_body_bytes must be at least 1");
  expect(!o.proxy || !o.proxy->where().is_secure(), "proxy must be an http:// URL");
}

client_core::client_core(std::shared_ptr<runtime_state> runtime, client_options options)
    : runtime_(std::move(runtime)),
      options_((check(options), std::move(options))),
      network_(options_.network ? options_.network : make_tcp_network(runtime_)),
      tls_(options_.ca_file.empty() ? nullptr : tls_context::for_client(options_.ca_file)) {}

std::shared_ptr<tls_context> client_core::tls() {
  std::call_once(tls_made_, [this] {
    if (!tls_) tls_ = tls_context::for_client({});
  });
  return tls_;
}

void client_core::add(const std::shared_ptr<http_exchange>& e) {
  const std::lock_guard lock(mutex_);
  e->registered = exchanges_.insert(exchanges_.end(), e);
}

void client_core::remove(http_exchange& e) noexcept {
  const std::lock_guard lock(mutex_);
  exchanges_.erase(e.registered);
}

/// Under one lock: between a look at the idle connections and a place in line one could come back, and be idle beside whoever waits for it.
/// Of the idle ones the one that was used last: those that are not needed expire.
place_kind client_core::ask(const std::shared_ptr<http_exchange>& e, const std::string& origin, std::shared_ptr<transport>& kept) {
  for (;;) {
    const time_point now = runtime_->time->now();
    closed_connections expired;  // closed under no lock
    {
      const std::lock_guard lock(mutex_);
      if (now >= next_expiry_) expired = take_expired_locked(now);
      server& s = servers_[origin];
      if (s.idle.empty()) {
        if (s.places < options_.most_connections) return ++s.places, place_kind::empty;
        if (waiting_ >= options_.most_waiting) return place_kind::none_left;
        ++waiting_;
        s.line.push_back(e);
        return place_kind::waits;
      }
      kept = std::move(s.idle.back().stream);
      s.idle.pop_back();
    }
    if (kept->is_quiet()) return place_kind::kept;
    kept.reset();
    give_back(origin, nullptr);
  }
}

bool client_core::leave_line(http_exchange& e, const std::string& origin) noexcept {
  std::shared_ptr<http_exchange> left;  // released under no lock
  const std::lock_guard lock(mutex_);
  const auto found = servers_.find(origin);
  if (found == servers_.end()) return false;
  auto& line = found->second.line;
  const auto place = std::ranges::find_if(line, [&](const auto& w) { return w.get() == &e; });
  if (place == line.end()) return false;
  left = std::move(*place);
  line.erase(place);
  --waiting_;
  return true;
}

void client_core::give_back(const std::string& origin, std::shared_ptr<transport> kept) noexcept {
  const time_point now = runtime_->time->now();
  closed_connections expired;
  std::shared_ptr<http_exchange> next;
  {
    const std::lock_guard lock(mutex_);
    const auto found = servers_.find(origin);
    if (found == servers_.end()) return;
    server& s = found->second;
    if (!s.line.empty()) {
      next = std::move(s.line.front());
      s.line.pop_front();
      --waiting_;
    } else if (kept) {
      s.idle.push_back({std::move(kept), now});
      next_expiry_ = std::min(next_expiry_, catena::detail::later(now, options_.idle_timeout));
    } else if (--s.places == 0) {
      servers_.erase(found);
    }
    if (now >= next_expiry_) expired = take_expired_locked(now);
  }
  if (next) next->given(std::move(kept));
}

client_core::closed_connections client_core::take_expired_locked(time_point now) {
  closed_connections expired;
  next_expiry_ = no_deadline;
  for (auto& [origin, s] : servers_) {
    // In the order in which they were given back.
    const auto first = std::ranges::find_if(s.idle, [&](const idle_connection& c) { return now - c.since < options_.idle_timeout; });
    std::move(s.idle.begin(), first, std::back_inserter(expired));
    s.places -= static_cast<std::size_t>(first - s.idle.begin());
    s.idle.erase(s.idle.begin(), first);
    if (!s.idle.empty()) next_expiry_ = std::min(next_expiry_, catena::detail::later(s.idle.front().since, options_.idle_timeout));
  }
  std::erase_if(servers_, [](const auto& s) { return s.second.places == 0 && s.second.line.empty(); });
  return expired;
}

void client_core::close_idle() noexcept {
  closed_connections closed;
  const std::lock_guard lock(mutex_);
  closed = take_expired_locked(no_deadline);
}

client_stats client_core::stats() const {
  const std::lock_guard lock(mutex_);
  client_stats sum{.waiting = waiting_};
  for (const auto& [origin, s] : servers_) {
    sum.connections += s.places;
    sum.idle += s.idle.size();
  }
  return sum;
}

void client_core::collect(metric_set& to) const {
  using kind = metric_family::kind;
  static constexpr metric_family connections{"catena_http_connections", kind::gauge, "Connections to servers, by state: used, idle."};
  static constexpr metric_family waiting{"catena_http_waiting", kind::gauge, "Requests that wait for a connection."};
  const client_stats now = stats();
  to.add(connections, {{"state", "idle"}}, static_cast<double>(now.idle));
  to.add(connections, {{"state", "used"}}, static_cast<double>(now.connections - now.idle));
  to.add(waiting, {}, static_cast<double>(now.waiting));
}

void client_core::executor_gone() noexcept {
  std::vector<std::shared_ptr<http_exchange>> all;
  std::unordered_map<std::string, server> servers;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& weak : exchanges_)
      if (auto e = weak.lock()) all.push_back(std::move(e));
    servers.swap(servers_);
    waiting_ = 0;
  }
  for (const auto& e : all) e->executor_gone();
}

client::client(const runtime& rt, client_options options) : core_(rt.state()->known_source(std::make_shared<client_core>(rt.state(), std::move(options)))) {
  rt.state()->add_executor_user(core_);
}

std::shared_ptr<detail::exchange> client::begin(request what, const run_options& how, body taken) const {
  const auto made = std::make_shared<http_exchange>(core_, std::move(what), how, taken == body::whole ? body_taken::whole : body_taken::in_pieces);
  core_->add(made);
  return made;
}

client_stats client::stats() const { return core_->stats(); }
void client::close_idle() const { core_->close_idle(); }

}  // namespace catena::http
