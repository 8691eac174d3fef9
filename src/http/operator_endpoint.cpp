// SPDX-License-Identifier: BSL-1.0
#include <catena/http/operator_endpoint.hpp>

#include "operator_place.hpp"
#include "operator_routes.hpp"
#include "server/server.hpp"
#include "server/tcp_listener.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

namespace catena::http {

/// An executor of its own, which has work as long as somebody listens or is answered on it.
class operator_endpoint_thread {
 public:
  explicit operator_endpoint_thread(const runtime& logging) : state_(std::make_shared<state>(logging.state())) {}
  operator_endpoint_thread(const operator_endpoint_thread&) = delete;
  operator_endpoint_thread& operator=(const operator_endpoint_thread&) = delete;
  ~operator_endpoint_thread() {
    if (!thread_.joinable()) return;
    // Whatever the endpoint calls may destroy it; its thread then ends by itself, and soon, as nothing is accepted any more.
    if (thread_.get_id() == std::this_thread::get_id()) thread_.detach();
    else thread_.join();
  }
  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept { return state_->rt.state(); }
  void start() {
    thread_ = std::thread([s = state_] { s->context.run(); });
  }

 private:
  struct state {
    explicit state(std::shared_ptr<runtime_state> logging)
        : rt(context.get_executor(), {.spin = {}, .log = [to = std::move(logging)](log_level level, std::string_view component, std::string_view text) {
              to->log(level, component, text);
            }}) {}
    boost::asio::io_context context{1};
    catena::runtime rt;
  };
  const std::shared_ptr<state> state_;
  std::thread thread_;
};

class operator_endpoint::implementation {
 public:
  implementation(const runtime& rt, operator_options options) : place_(place_of(options)) {
    if (options.executor == served_by::own_thread) thread_.emplace(rt);
    const auto& runs_on = thread_ ? thread_->runtime() : rt.state();
    listener_ = std::make_shared<server::tcp_listener>(runs_on, place_.address, options.port);
    server_ = std::make_shared<server::http_server>(runs_on, server::service(operator_routes(rt, options), std::move(place_.who)), place_.bounds, place_.tls);
    runs_on->add_executor_user(listener_);
    runs_on->add_executor_user(server_);
    listener_->start([to = server_](std::shared_ptr<transport> stream) { to->accept(std::move(stream)); });
    if (thread_) thread_->start();
  }
  ~implementation() { close(); }

  [[nodiscard]] std::uint16_t port() const noexcept { return listener_->port(); }
  void close() noexcept {
    listener_->close();
    server_->close();
  }

 private:
  operator_place place_;
  std::optional<operator_endpoint_thread> thread_;
  std::shared_ptr<server::tcp_listener> listener_;
  std::shared_ptr<server::http_server> server_;
};

operator_endpoint::operator_endpoint(const runtime& rt, operator_options options) : is_(std::make_unique<implementation>(rt, std::move(options))) {}
operator_endpoint::operator_endpoint(operator_endpoint&&) noexcept = default;
operator_endpoint& operator_endpoint::operator=(operator_endpoint&&) noexcept = default;
operator_endpoint::~operator_endpoint() = default;

std::uint16_t operator_endpoint::port() const noexcept { return is_->port(); }
void operator_endpoint::close() noexcept { is_->close(); }

}  // namespace catena::http
