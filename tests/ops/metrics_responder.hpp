// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// As much of the operator's endpoint as Prometheus asks for.
#include <catena/observe/metric_set.hpp>
#include <catena/runtime.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace catena::test {

/// Answers whatever it is asked with the metrics, on loopback and one connection after the other, until its executor stops.
class metrics_responder {
 public:
  metrics_responder(const runtime& rt, std::uint16_t port)
      : acceptor_(std::make_shared<tcp::acceptor>(rt.get_executor(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), port))) {
    boost::asio::co_spawn(rt.get_executor(), answer(rt, acceptor_), boost::asio::detached);
  }
  [[nodiscard]] std::uint16_t port() const { return acceptor_->local_endpoint().port(); }

 private:
  using tcp = boost::asio::ip::tcp;

  static boost::asio::awaitable<void> answer(runtime rt, std::shared_ptr<tcp::acceptor> at) {
    for (;;) {
      tcp::socket peer = co_await at->async_accept(boost::asio::use_awaitable);
      boost::system::error_code gone;
      std::string head;
      co_await boost::asio::async_read_until(peer, boost::asio::dynamic_buffer(head), "\r\n\r\n", boost::asio::redirect_error(boost::asio::use_awaitable, gone));
      const std::string text = prometheus_text(rt.metrics());
      const std::string answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\nContent-Length: " +
                                 std::to_string(text.size()) + "\r\n\r\n" + text;
      co_await boost::asio::async_write(peer, boost::asio::buffer(answer), boost::asio::redirect_error(boost::asio::use_awaitable, gone));
    }
  }

  std::shared_ptr<tcp::acceptor> acceptor_;
};

}  // namespace catena::test
