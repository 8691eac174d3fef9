// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A server that does what a test says, over any transport: in memory, TCP, TLS.
#include <catena/http/memory_network.hpp>
#include <catena/runtime.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace catena::http {
class tls_context;
}

namespace catena::test {

/// What a server does at one connection, one after the other.
struct await_request {};
struct send {
  std::string text;
};
/// The same so many times.
struct send_often {
  std::string text;
  std::size_t count = 1;
};
/// Once, byte by byte.
struct send_slowly {
  std::string text;
  duration between{};
};
struct pause {
  duration wait{};
};
struct hang_up {};   ///< ends the stream well
struct cut_off {};   ///< closes without saying so inside of TLS
struct reset {};     ///< as a lost connection does
struct stall {};     ///< says nothing more, and keeps the connection
/// Answers each request as it decides, for as long as there are any.
struct answer_each {
  struct reply {
    duration after{};
    std::string text;
    bool resets = false;  ///< the connection, behind that
  };
  std::function<reply(const std::string& request)> decide;
};
using script = std::vector<std::variant<await_request, answer_each, send, send_often, send_slowly, pause, hang_up, cut_off, reset, stall>>;

/// A response with a body of known length.
[[nodiscard]] std::string answer(const std::string& status, const std::string& body, const std::string& fields = "");
/// The same in chunks of so many bytes.
[[nodiscard]] std::string in_chunks(const std::string& body, std::size_t size, const std::string& fields = "");

/// Each connection follows the next script, and the last one is followed by all that come after.
/// \threads  what is scripted: before the first connection; the rest on the runtime's executor
/// \lifetime connections end with it
class scripted_server {
 public:
  explicit scripted_server(const runtime& rt, std::shared_ptr<http::tls_context> tls = nullptr);
  ~scripted_server();
  scripted_server(const scripted_server&) = delete;
  scripted_server& operator=(const scripted_server&) = delete;

  void next(script s) { state_->scripts.push_back(std::move(s)); }
  /// What a connection of a memory_network is given to.
  [[nodiscard]] http::memory_network::accept acceptor();
  /// Listens on loopback, and returns the port.
  std::uint16_t listen();

  [[nodiscard]] const std::vector<std::string>& requests() const noexcept { return state_->requests; }
  [[nodiscard]] std::size_t connection_count() const noexcept { return state_->connections; }
  /// Of these, such as took up an old TLS session.
  [[nodiscard]] std::size_t resumed_count() const noexcept { return state_->resumed; }

  class connection;
  struct state {
    explicit state(const runtime& r, std::shared_ptr<http::tls_context> t) : rt(r), tls(std::move(t)) {}
    runtime rt;
    std::shared_ptr<http::tls_context> tls;
    std::deque<script> scripts;
    std::vector<std::string> requests;
    std::size_t connections = 0;
    std::size_t resumed = 0;
    std::vector<std::weak_ptr<connection>> open;
    bool gone = false;
  };

 private:
  static void serve(const std::shared_ptr<state>& s, http::memory_arrival a);
  void accept_next();

  std::shared_ptr<state> state_;
  std::shared_ptr<boost::asio::ip::tcp::acceptor> acceptor_;
};

}  // namespace catena::test
