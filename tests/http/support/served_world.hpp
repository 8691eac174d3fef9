// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A server in memory and in virtual time, and clients that say whatever bytes a test wants.
#include "src/http/operator_routes.hpp"
#include "src/http/server/server.hpp"

#include <catena/http/memory_network.hpp>
#include <catena/testing/manual_world.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace catena::test {

/// One connection from the client's end.
class raw_client {
 public:
  explicit raw_client(http::network& net, std::uint16_t port = 80) {
    for (step_node* n : {&opening_, &reading_, &writing_}) n->owner = this;
    opening_.ended = [](http::io_node& n, wake how, failure why, std::size_t) {
      raw_client& c = *static_cast<step_node&>(n).owner;
      c.ended_ = how == wake::abandoned || why.is_set();
      if (c.ended_) return;
      c.read();
      c.write_next();
    };
    reading_.ended = [](http::io_node& n, wake how, failure why, std::size_t bytes) {
      raw_client& c = *static_cast<step_node&>(n).owner;
      c.ended_ = how == wake::abandoned || why.is_set();
      if (c.ended_) return;
      c.received_.append(c.into_, bytes);
      if (c.reads_) c.read();
    };
    writing_.ended = [](http::io_node& n, wake how, failure why, std::size_t) {
      raw_client& c = *static_cast<step_node&>(n).owner;
      c.saying_.pop_front();
      c.writes_ = false;
      if (how == wake::resumed && !why.is_set()) c.write_next();
    };
    stream_ = net.open("localhost", port, opening_);
  }
  ~raw_client() { stream_->close(); }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  /// One after the other, as soon as it is connected.
  void say(std::string bytes) {
    saying_.push_back(std::move(bytes));
    write_next();
  }
  void say_byte_by_byte(std::string_view bytes) {
    for (const char c : bytes) say(std::string(1, c));
  }
  void hang_up() { stream_->close(); }
  /// From now on nothing is taken.
  void stop_reading() { reads_ = false; }

  [[nodiscard]] const std::string& received() const noexcept { return received_; }
  [[nodiscard]] std::string take() { return std::exchange(received_, {}); }
  /// Whether the server has ended the connection.
  [[nodiscard]] bool ended() const noexcept { return ended_; }

 private:
  struct step_node : http::io_node {
    raw_client* owner = nullptr;
  };
  void read() { stream_->read_some(into_, reading_); }
  void write_next() {
    if (saying_.empty() || writes_) return;
    writes_ = true;
    stream_->write(saying_.front(), writing_);
  }

  std::shared_ptr<http::transport> stream_;
  step_node opening_, reading_, writing_;
  std::deque<std::string> saying_;
  std::string received_;
  char into_[4096];
  bool writes_ = false;
  bool reads_ = true;
  bool ended_ = false;
};

/// A request that a test wrote as lines, with what every request must have.
struct asking {
  std::string line = "GET /";
  std::string fields = {};
  std::string body = {};
  std::string host = "localhost";

  [[nodiscard]] std::string text() const {
    const std::string length = body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return line + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields + length + "\r\n" + body;
  }
};

inline const std::string the_token = "0123456789abcdef-secret";
inline const std::string with_token = "Authorization: Bearer " + the_token + "\r\n";

/// The status of an answer; zero: there is none.
[[nodiscard]] inline int status_of(std::string_view answered) {
  return answered.starts_with("HTTP/1.1 ") && answered.size() > 12 ? std::stoi(std::string(answered.substr(9, 3))) : 0;
}

/// The statuses and bodies of all answers in a text, as in "200<body> 404".
[[nodiscard]] inline std::string told(std::string_view text) {
  std::string all;
  while (!text.empty()) {
    const int status = status_of(text);
    if (status == 0) return all + "?";
    const std::size_t end = text.find("\r\n\r\n");
    if (end == text.npos) return all + "...";
    const std::size_t length = text.substr(0, end).find("Content-Length: ");
    const std::size_t size = length == text.npos ? 0 : std::stoul(std::string(text.substr(length + 16)));
    const std::string_view body = text.substr(end + 4, size);
    all += std::to_string(status) + (body.starts_with('<') ? std::string(body) : "") + " ";
    text.remove_prefix(std::min(text.size(), end + 4 + size));
  }
  if (!all.empty()) all.pop_back();
  return all;
}

/// What a server of tests offers unless they bring their own.
[[nodiscard]] inline http::server::access_rules rules_of_tests() {
  return {.hosts = {"localhost", "127.0.0.1", "::1"}, .token = the_token};
}

/// An answer that a test gives later.
struct late_answers {
  std::deque<http::server::reply> waiting;
  [[nodiscard]] http::server::handler handler() {
    return [this](const http::server::request&, http::server::reply to) { waiting.push_back(std::move(to)); };
  }
  /// One that answers at once, and one that answers later.
  [[nodiscard]] std::vector<http::server::route> routes() {
    return {{"GET", "/", http::server::at_once([](const http::server::request&) { return http::server::answer{.body = "<now>"}; })}, {"GET", "/later", handler()}};
  }
  void answer_next(std::string text) {
    http::server::reply next = std::move(waiting.front());
    waiting.pop_front();
    next({.body = std::move(text)});
  }
};

struct served_world {
  explicit served_world(std::vector<http::server::route> routes, http::server::server_bounds bounds = {}, http::memory_network_options streams = {},
                        http::server::access_rules who = rules_of_tests(), std::uint64_t seed = 1)
      : world(seed), rt(world.runtime()), net(std::make_shared<http::memory_network>(*rt, streams)) {
    serve(std::move(routes), bounds, std::move(who));
  }
  /// The operator's routes.
  explicit served_world(runtime_options options = {}, const http::operator_options& operators = {}, http::memory_network_options streams = {},
                        std::uint64_t seed = 1)
      : world(seed), rt(world.runtime(std::move(options))), net(std::make_shared<http::memory_network>(*rt, streams)) {
    serve(http::operator_routes(*rt, operators), {}, rules_of_tests());
  }

  void serve(std::vector<http::server::route> routes, http::server::server_bounds bounds, http::server::access_rules who,
             std::shared_ptr<http::tls_context> tls = nullptr) {
    server = std::make_shared<http::server::http_server>(rt->state(), http::server::service(std::move(routes), std::move(who)), bounds, std::move(tls));
    rt->state()->add_executor_user(server);
    net->listen("localhost", 80, [to = server](http::memory_arrival a) { to->accept(std::move(a.stream)); });
  }
  raw_client& connect() {
    clients.push_back(std::make_unique<raw_client>(*net));
    return *clients.back();
  }
  /// The answer to one request over a connection of its own.
  std::string ask(const asking& what) {
    raw_client& c = connect();
    c.say(what.text());
    world.run_until_idle();
    return c.take();
  }

  std::vector<std::unique_ptr<raw_client>> clients;  // last to go: nodes of theirs may be on their way until the executor is gone
  testing::manual_world world;
  std::optional<runtime> rt;
  std::shared_ptr<http::memory_network> net;
  std::shared_ptr<http::server::http_server> server;
};

}  // namespace catena::test
