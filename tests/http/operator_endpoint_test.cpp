// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/http/operator_endpoint.hpp>
#include <catena/incident/notifier.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "http/support/misbehaviour.hpp"
#include "http/support/served_world.hpp"
#include "src/http/server/tcp_listener.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using Catch::Matchers::ContainsSubstring;
using http::operator_endpoint;
using http::operator_options;
using http::served_by;
using test::tcp_place;
using test::wire;

namespace {

const std::string secret = "a-token-of-32-characters-or-more";

http::request to_path(const tcp_place& place, std::uint16_t port, const std::string& method, const std::string& path, const std::string& token = {}) {
  http::request r(method, http::url::parse((place.kind == wire::tls ? "https" : "http") + std::string("://localhost:") + std::to_string(port) + path).value());
  r.success = http::success::any_status;
  if (!token.empty()) r.headers.add("Authorization", "Bearer " + token);
  return r;
}

int status(const result<http::response>& r) {
  if (!r) FAIL(r.error().to_string());
  return r->status;
}

/// Asks with blocking sockets, from a thread of the test's own.
std::string ask_blocking(std::uint16_t port, const std::string& request) {
  boost::asio::io_context context;
  tcp::socket socket(context);
  socket.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
  boost::asio::write(socket, boost::asio::buffer(request));
  std::string answered;
  boost::system::error_code ended;
  boost::asio::read(socket, boost::asio::dynamic_buffer(answered), ended);
  return answered;
}

const std::string healthz = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

std::string why_not(const operator_options& options) {
  boost::asio::io_context context;
  const runtime rt(context.get_executor());
  try {
    const operator_endpoint made(rt, options);
  } catch (const std::invalid_argument& e) {
    CHECK(std::string(e.what()).find(secret) == std::string::npos);
    return e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("an endpoint on loopback is asked by anybody, and changed by who has the token", "[concurrency]") {
  tcp_place place(wire::plain);
  const auto& rt = place.rt;
  ::setenv("OPS_TOKEN", secret.c_str(), 1);
  // [operator_endpoint]
  http::operator_endpoint ops(rt, {.port = 0, .token_variable = "OPS_TOKEN", .executor = http::served_by::own_thread});
  // [/operator_endpoint]
  CHECK(ops.port() != 0);
  const auto alive = place.ask(to_path(place, ops.port(), "GET", "/healthz"));
  CHECK(status(alive) == 200);
  CHECK(alive->headers.find("Content-Security-Policy").value_or("").starts_with("default-src 'none'"));
  auto policy = to_path(place, ops.port(), "PUT", "/policy");
  policy.body = "{}";
  CHECK(status(place.ask(policy)) == 401);
  policy = to_path(place, ops.port(), "PUT", "/policy", secret);
  policy.body = "{}";
  CHECK(status(place.ask(policy)) == 200);
  operator_endpoint without(place.rt);
  CHECK(status(place.ask(to_path(place, without.port(), "PUT", "/policy", secret))) == 403);
}

TEST_CASE("an endpoint for more than loopback speaks TLS, and shows nothing to who has no token") {
  const auto files = test::the_authority().server_files("localhost");
  tcp_place place(wire::tls);
  ::setenv("CATENA_TEST_TOKEN", secret.c_str(), 1);
  operator_endpoint ops(place.rt, {.address = "0.0.0.0", .certificate_file = files.certificate, .key_file = files.key, .token_variable = "CATENA_TEST_TOKEN"});
  CHECK(status(place.ask(to_path(place, ops.port(), "GET", "/healthz"))) == 401);
  CHECK(status(place.ask(to_path(place, ops.port(), "GET", "/nowhere"))) == 401);
  CHECK(status(place.ask(to_path(place, ops.port(), "GET", "/healthz", secret))) == 200);
  auto unheard = std::async(std::launch::async, [&] { return ask_blocking(ops.port(), healthz); });
  while (unheard.wait_for(0s) != std::future_status::ready) place.context.poll_one();
  CHECK(unheard.get().find("HTTP") == std::string::npos);
}

TEST_CASE("options that are wrong are named, and what is more than loopback without TLS or a token is not begun") {
  const auto files = test::the_authority().server_files("localhost"), others = test::the_authority().server_files("localhost");
  CHECK_THAT(why_not({.address = "0.0.0.0"}), ContainsSubstring("operator_options::certificate_file is missing"));
  CHECK_THAT(why_not({.address = "::", .token = secret}), ContainsSubstring("operator_options::certificate_file is missing"));
  CHECK_THAT(why_not({.address = "10.0.0.1", .certificate_file = files.certificate, .key_file = files.key}), ContainsSubstring("operator_options::token is missing"));
  CHECK_THAT(why_not({.certificate_file = files.certificate}), ContainsSubstring("operator_options::key_file is missing"));
  CHECK_THAT(why_not({.key_file = files.key}), ContainsSubstring("operator_options::certificate_file is missing"));
  CHECK_THAT(why_not({.certificate_file = "/nowhere", .key_file = files.key}), ContainsSubstring("operator_options::certificate_file names a file"));
  CHECK_THAT(why_not({.certificate_file = files.certificate, .key_file = others.key}), ContainsSubstring("operator_options::key_file names a file"));
  CHECK_THAT(why_not({.certificate_file = files.certificate, .key_file = files.certificate}), ContainsSubstring("operator_options::key_file names a file"));
  for (const char* address : {"", "example.com", "1.2.3", "127.0.0.1:80"}) CHECK_THAT(why_not({.address = address}), ContainsSubstring("operator_options::address must be"));
  for (const std::string& token : {std::string("short"), std::string(1025, 'x'), secret + " ", secret + "\n", secret + "\xc3\xa9"})
    CHECK_THAT(why_not({.token = token}), ContainsSubstring("operator_options::token: a token has"));
  CHECK_THAT(why_not({.token = secret, .token_variable = "X"}), ContainsSubstring("operator_options::token and token_variable"));
  ::unsetenv("CATENA_TEST_NO_TOKEN");
  CHECK_THAT(why_not({.token_variable = "CATENA_TEST_NO_TOKEN"}),
             ContainsSubstring("operator_options::token_variable names an environment variable that is not set: CATENA_TEST_NO_TOKEN"));
  ::setenv("CATENA_TEST_NO_TOKEN", "bad", 1);
  CHECK_THAT(why_not({.token_variable = "CATENA_TEST_NO_TOKEN"}), ContainsSubstring("operator_options::token_variable: a token has"));
  for (const char* host : {"", "a b", "host:80", "host/", "http://host", "[::1", "*", "u@host", "a?b", "a#b"})
    CHECK_THAT(why_not({.hosts = {host}}), ContainsSubstring("operator_options::hosts must be"));
  for (const char* host : {"host", "HOST.example", "10.0.0.1", "::1", "[2001:db8::1]"}) CHECK(why_not({.hosts = {host}}).empty());
  CHECK_THAT(why_not({.max_head_bytes = 1023}), ContainsSubstring("operator_options::max_head_bytes must be"));
  CHECK_THAT(why_not({.max_body_bytes = std::size_t{1} << 31}), ContainsSubstring("operator_options::max_body_bytes must be"));
  CHECK_THAT(why_not({.most_connections = 0}), ContainsSubstring("operator_options::most_connections must be"));
  CHECK_THAT(why_not({.request_time = 0s}), ContainsSubstring("operator_options::request_time must be"));
  CHECK_THAT(why_not({.idle_time = 0s}), ContainsSubstring("operator_options::idle_time must be"));
  CHECK_THAT(why_not({.closing_time = -1s}), ContainsSubstring("operator_options::closing_time must be"));
  boost::asio::io_context context;
  const runtime rt(context.get_executor());
  const operator_endpoint first(rt);
  try {
    const operator_endpoint second(rt, {.port = first.port()});
    FAIL("two listen at one place");
  } catch (const error& e) {
    CHECK(e.why().is(errc::unavailable));
    CHECK_THAT(e.what(), ContainsSubstring("cannot listen on 127.0.0.1, port " + std::to_string(first.port())));
  }
}

TEST_CASE("an endpoint that is gone leaves its executor without work, and its port free") {
  tcp_place place(wire::plain);
  std::optional<operator_endpoint> ops(std::in_place, place.rt);
  const std::uint16_t port = ops->port();
  CHECK(status(place.ask(to_path(place, port, "GET", "/healthz"))) == 200);
  ops.reset();
  place.client->close_idle();
  place.context.restart();
  place.context.run();  // which ends
  CHECK(place.ask(to_path(place, port, "GET", "/healthz")).error().is(errc::unavailable));
  const operator_endpoint next(place.rt, {.port = port});
  CHECK(status(place.ask(to_path(place, port, "GET", "/healthz"))) == 200);
}

TEST_CASE("an endpoint, its runtime and their executor may be destroyed in any order") {
  for (const served_by executor : {served_by::runtime_executor, served_by::own_thread}) {
    for (int first = 0; first < 3; ++first) {
      auto context = std::make_unique<boost::asio::io_context>(1);
      std::optional<runtime> rt(context->get_executor());
      std::optional<operator_endpoint> ops(std::in_place, *rt, operator_options{.executor = executor});
      boost::asio::io_context clients;
      tcp::socket asking(clients), idle(clients);
      for (tcp::socket* s : {&asking, &idle}) s->connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), ops->port()));
      boost::asio::write(asking, boost::asio::buffer(healthz.substr(0, 20)));
      context->poll();
      if (first == 0) context.reset();
      if (first == 1) rt.reset();
      if (first != 2) context ? (void)context->poll() : (void)0;
      ops.reset();
      rt.reset();
    }
  }
}

TEST_CASE("an answer may come when the executor is gone, and its connection with it") {
  for (const wire how : {wire::plain, wire::tls}) {
    auto context = std::make_unique<boost::asio::io_context>(1);
    test::late_answers late;
    const runtime rt(context->get_executor());
    const auto server = std::make_shared<http::server::http_server>(
        rt.state(), http::server::service({{"GET", "/later", late.handler()}}, test::rules_of_tests()), http::server::server_bounds{},
        how == wire::tls ? test::localhost() : nullptr);
    const auto listener = std::make_shared<http::server::tcp_listener>(rt.state(), boost::asio::ip::address_v4::loopback(), std::uint16_t{0});
    rt.state()->add_executor_user(listener);
    rt.state()->add_executor_user(server);
    listener->start([&](std::shared_ptr<http::transport> stream) { server->accept(std::move(stream)); });
    tcp_place place(how);
    test::outcome<http::response> end;
    place.client->async_send(to_path(place, listener->port(), "GET", "/later"), {}, end.take());
    while (late.waiting.empty()) {
      context->poll();
      place.context.poll();
    }
    context.reset();
    CHECK(server->connection_count() == 0);
    late.answer_next("too late");
  }
}

TEST_CASE("an endpoint with a thread of its own answers while its runtime's executor does not, and until it is closed", "[concurrency]") {
  boost::asio::io_context never_run;
  const runtime rt(never_run.get_executor());
  operator_endpoint ops(rt, {.token = secret, .executor = served_by::own_thread});
  CHECK_THAT(ask_blocking(ops.port(), healthz), ContainsSubstring("HTTP/1.1 200 OK\r\n"));
  const std::string policy = "PUT /policy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\nAuthorization: Bearer " + secret + "\r\n\r\n{}";
  CHECK_THAT(ask_blocking(ops.port(), policy), ContainsSubstring("HTTP/1.1 200 OK\r\n"));
  operator_endpoint moved = std::move(ops);
  CHECK_THAT(ask_blocking(moved.port(), healthz), ContainsSubstring("HTTP/1.1 200 OK\r\n"));
  moved.close();
  boost::asio::io_context context;
  tcp::socket socket(context);
  boost::system::error_code refused;
  socket.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), moved.port()), refused);
  CHECK(refused);
}

TEST_CASE("an endpoint may be destroyed on its own thread, by what it calls", "[concurrency]") {
  boost::asio::io_context context;
  std::vector<incident> told;
  std::optional<operator_endpoint> ops;
  const runtime rt(context.get_executor());
  const notifier us({.sinks = {[&](const incident& what) { told.push_back(what); }}});
  const auto c = make_chain<int>(rt, "c", [&](auto in) {
    const notify_options parks{.park = park_options{.limit = 1h}};
    return in >> stage("s", [](const int&) -> result<int> { return failure(errc::expired, "no"); }).notify(us, parks);
  });
  test::outcome<int> end;
  c.async_run(1, end.take());
  while (told.empty()) context.run_one();
  const auto destroying = [&](const parked_record&, std::string_view) -> result<decision> {
    ops.reset();
    return decision::use(3);
  };
  ops.emplace(rt, operator_options{.token = secret, .closing_time = 1min, .executor = served_by::own_thread, .read_value = destroying});
  const std::string body = R"({"decision": "use", "value": 3})";
  const std::string answered = ask_blocking(ops->port(), "POST /runs/" + told[0].parked.value().token + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + secret +
                                                             "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  CHECK_THAT(answered, ContainsSubstring("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("requests on many connections are answered by an executor with several threads, also while it is closed", "[concurrency]") {
  constexpr int count = 8;
  boost::asio::io_context context;
  const runtime rt(context.get_executor());
  std::optional<operator_endpoint> ops(std::in_place, rt);
  std::vector<std::thread> serving;
  for (int i = 0; i < 2; ++i) serving.emplace_back([&] { context.run(); });
  std::atomic<int> answered{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> asking;
  const std::uint16_t port = ops->port();
  for (int i = 0; i < count; ++i) {
    asking.emplace_back([&] {
      for (int j = 0; j < 20; ++j) {
        try {
          const std::string text = ask_blocking(port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" + healthz);
          if (text.find("alive") != text.rfind("alive")) ++answered;
          else ++failed;
        } catch (const boost::system::system_error&) {
          ++failed;
        }
      }
    });
  }
  while (answered + failed < count * 10) std::this_thread::yield();
  CHECK(failed == 0);
  ops.reset();
  for (auto& thread : asking) thread.join();
  for (auto& thread : serving) thread.join();
  CHECK(answered + failed == count * 20);
}
